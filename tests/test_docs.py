"""docs/upscale.md tells the truth about the tests that it names."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "upscale.md").read_text()


def test_every_test_named_in_the_fault_table_is_there():
    written = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 60
    assert named <= written


def test_every_row_that_concerns_this_tool_is_there():
    rows = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert rows == {*range(1, 48), *range(56, 61)}
