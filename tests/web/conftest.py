"""The page as a file, for tests in a browser."""

from pathlib import Path

import pytest
from page_driver import MODELS

from amortized_sr.web.page import single_file


@pytest.fixture
def page(tmp_path: Path) -> str:
    """The address of the single file."""
    path = tmp_path / "page.html"
    path.write_bytes(single_file(MODELS))
    return path.as_uri()
