"""A page of a comparison, for all tests that look at it."""

from pathlib import Path

import pytest
from viewing import NASTY, RESULTS, comparison

from amortized_sr.benchmark.page import write_page
from amortized_sr.benchmark.results_table import results_table


@pytest.fixture
def page(tmp_path) -> Path:
    """A page about three images; the name of the second is nasty, the third has no target."""
    path = tmp_path / "compare.html"
    images = [comparison("first"), comparison(NASTY), comparison("third", target=False)]
    write_page(path, NASTY, "how it was <measured>", results_table(RESULTS, "Means."), images)
    return path
