"""docs/regions.md shows what its script measures and draws."""

import re
import subprocess
import sys

import numpy as np
import pytest
from pages import ROOT, blocks, run_in
from PIL import Image

from amortized_sr.analysis.charts import CHARTS
from amortized_sr.analysis.regions import PROTOCOL

TEXT = (ROOT / "docs" / "regions.md").read_text()
SCRIPT = ROOT / "scripts" / "measure_regions.py"


def run(*arguments):
    command = [sys.executable, "-W", "error", str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_says_how_numbers_are_measured_as_the_script_does():
    assert PROTOCOL in " ".join(TEXT.split())


def test_every_chart_has_both_tables_with_the_same_functions():
    tables = re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)
    by_title = {}
    for table in tables:
        titles, _, *rows = table.splitlines()
        by_title.setdefault(titles, []).append([row.split("|")[1].strip() for row in rows])
    charts = [names for titles, names in by_title.items() if "flicker" in titles or "aliasing" in titles]
    assert [len(names) for names in charts] == [len(CHARTS)] * 2
    assert len({tuple(name) for names in charts for name in names}) == 1


@pytest.mark.slow
def test_the_python_block_runs(tmp_path):
    (block,) = blocks("regions.md")
    assert run_in(tmp_path, block.code) == ""


@pytest.mark.slow
def test_the_script_prints_the_tables_without_fits_and_draws_the_picture(tmp_path):
    printed = run("--no-fits", "--folder", tmp_path).splitlines()
    written = {line.split("|")[1].strip(): line for line in TEXT.splitlines() if line.startswith("|")}
    names = [line.split("|")[1].strip() for line in printed if line.startswith("| ")]
    assert len(names) > 40
    assert set(names) <= set(written)
    with Image.open(tmp_path / "regions.png") as drawn, Image.open(ROOT / "docs" / "regions.png") as kept:
        assert drawn.size == kept.size
        assert np.abs(np.asarray(drawn, dtype=float) - np.asarray(kept, dtype=float)).mean() < 1
