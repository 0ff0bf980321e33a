"""docs/linearity.md shows what its commands make."""

import re
import subprocess
import sys

import numpy as np
import pytest
from pages import ROOT
from PIL import Image

from amortized_sr.analysis.report import PROTOCOL

TEXT = (ROOT / "docs" / "linearity.md").read_text()


def test_the_page_says_how_numbers_are_measured_as_the_command_does():
    assert PROTOCOL in " ".join(TEXT.split())


def test_tables_have_the_methods_of_the_command_above_them():
    commands = re.findall(r"`amortized-sr analyze examples ([^`]+)`", TEXT)
    assert len(commands) == 2
    for command, part in zip(commands, TEXT.split("`amortized-sr analyze examples ")[1:], strict=True):
        methods = set(re.findall(r"--methods (\S+)", command)[0].split(","))
        (first, *_) = re.findall(r"(?:^\|.*\n)+", part, re.MULTILINE)
        assert set(re.findall(r"^\| `([\w:]+)` \|", first, re.MULTILINE)) == methods


@pytest.mark.slow
def test_the_picture_is_what_its_script_draws(tmp_path):
    script = ROOT / "scripts" / "make_linearity_picture.py"
    command = [sys.executable, "-W", "error", str(script), "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "linearity.png") as drawn, Image.open(ROOT / "docs" / "linearity.png") as kept:
        assert drawn.size == kept.size
        assert np.abs(np.asarray(drawn, dtype=float) - np.asarray(kept, dtype=float)).mean() < 1
