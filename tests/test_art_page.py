"""docs/art.md: every picture names its command, which makes the same bytes twice, and its Python runs."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from pages import ROOT, blocks
from PIL import Image

TEXT = (ROOT / "docs" / "art.md").read_text()
COMMANDS = re.findall(r"^amortized-sr (art .*)$", TEXT, re.MULTILINE)


def option(words, name):
    return words[words.index(name) + 1]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_makes_the_same_bytes_twice(command, cli, folder):
    shutil.copytree(ROOT / "examples", folder / "examples")
    words = shlex.split(command)
    suffix = Path(option(words, "-o")).suffix
    # The last of an option that is given twice counts.
    small = [*words, "--size", "16", "--frames", "3"]
    for name in ("one", "two"):
        assert cli(*small, "-o", f"{name}{suffix}").code == 0
    assert Path(f"one{suffix}").read_bytes() == Path(f"two{suffix}").read_bytes()


def test_every_picture_is_made_by_a_command_and_has_the_size_that_it_asks_for():
    made = {option(words, "-o"): words for words in map(shlex.split, COMMANDS)}
    shown = {f"docs/{link}" for link in re.findall(r"!\[[^]]+\]\(([^)]+)\)", TEXT)}
    assert len(shown) == 5
    assert shown <= set(made)
    for path in shown:
        with Image.open(ROOT / path) as picture:
            assert str(picture.width) == option(made[path], "--size")
            assert (getattr(picture, "n_frames", 1) > 1) == (path.endswith(".webp"))


def test_the_python_block_runs():
    (block,) = blocks("art.md")
    names = {}
    exec(block.code, names)
    assert names["poster"].shape == (1, 3, 96, 96)
    assert len(names["film"]) == 12
