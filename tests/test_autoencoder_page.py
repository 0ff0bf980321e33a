"""docs/autoencoder.md runs as it stands and prints what it says."""

import pytest
from pages import blocks, run_in


@pytest.mark.slow
def test_every_block_prints_what_the_page_shows(tmp_path):
    found = blocks("autoencoder.md")
    assert len(found) == 4
    printed = run_in(tmp_path, "\n".join(block.code for block in found))
    assert printed == "".join(block.output or "" for block in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["examples", "seven.png", "middle.png", "film.webp", *(f"new_{n}.png" for n in range(3))]
    )
