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
# Commands that make the images of others.
PREPARATIONS = re.findall(r"^amortized-sr ((?:sample|upscale) .*)$", TEXT, re.MULTILINE)
# Small: the last of an option that is given twice counts.
SMALL = ("--size", "16", "--frames", "3")
SMALL_FIT = ("--steps", "3", "--side", "8")
FITS = ("morph", "dream", "emerge")


def option(words, name):
    return words[words.index(name) + 1]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_makes_the_same_bytes_twice(command, cli, folder):
    shutil.copytree(ROOT / "examples", folder / "examples")
    for preparation in map(shlex.split, PREPARATIONS):
        if option(preparation, "-o") in command:
            assert cli(*preparation).code == 0
    words = shlex.split(command)
    suffix = Path(option(words, "-o")).suffix
    small = [*words, *SMALL, *(SMALL_FIT if words[1] in FITS else ())]
    for name in ("one", "two"):
        assert cli(*small, "-o", f"{name}{suffix}").code == 0
    assert Path(f"one{suffix}").read_bytes() == Path(f"two{suffix}").read_bytes()


def test_every_kind_of_art_is_on_the_page():
    assert {shlex.split(command)[1] for command in COMMANDS} == {"cppn", "zoom", *FITS, "mix"}


def test_every_picture_is_made_by_a_command_and_has_the_size_that_it_asks_for():
    made = {option(words, "-o"): words for words in map(shlex.split, COMMANDS)}
    shown = {f"docs/{link}" for link in re.findall(r"!\[[^]]+\]\(([^)]+)\)", TEXT)}
    assert shown == {f"docs/art/{path.name}" for path in (ROOT / "docs" / "art").iterdir()}
    assert len(shown) == 14
    assert shown <= set(made)
    for path in shown:
        with Image.open(ROOT / path) as picture:
            side = int(option(made[path], "--size"))
            # Panels side by side have a gap of two pixels.
            panels = (picture.width + 2) / (side + 2) if made[path][1] in ("morph", "emerge") else picture.width / side
            assert panels.is_integer()
            assert (getattr(picture, "n_frames", 1) > 1) == (path.endswith(".webp"))


def test_the_python_block_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    (block,) = blocks("art.md")
    names = {}
    exec(block.code, names)
    assert names["poster"].shape == (1, 3, 96, 96)
    assert len(names["film"]) == 12
    assert names["half"].render((40, 40)).shape == names["mix"].render((40, 40)).shape == (1, 3, 40, 40)
    assert names["edges"].shape == names["middle"].shape == (1, 3, 64, 64)
    assert [stage.step for stage in names["stages"]][::4] == [0, 20]
    assert names["done"][-1] == 20
