"""docs/upscale.md tells the truth about the tests that it names."""

import re
from pathlib import Path

from amortized_sr.image_io.formats import FORMATS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "upscale.md").read_text()


def test_every_test_named_in_the_fault_table_is_there():
    written = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 60
    assert named <= written


def test_the_rows_of_the_fault_table_are_numbered_without_a_gap():
    rows = [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
    assert rows == list(range(1, len(rows) + 1))
    assert len(rows) >= 64


def test_the_longest_sides_of_formats_are_those_that_are_checked():
    _, sides = PAGE.split("| PNG | JPEG | WebP | AVIF | TIFF | BMP |")[1].strip().splitlines()[:2]
    names = ("png", "jpg", "webp", "avif", "tif", "bmp")
    assert [side.strip() for side in sides.strip(" |").split("|")] == [f"{FORMATS[name].longest:,}" for name in names]
