"""README tells the truth: its Python runs, its tree is the tree, its marked commands are there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def test_the_python_lines_run():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {"picture": Image.open(ROOT / "examples" / "kitten_64.png")}
    exec(code, names)
    assert names["large"].size == (768, 1024)
    assert names["part"].size == (512, 512)
    assert names["part"].mode == "RGB"


def test_the_tree_names_every_module_and_folder():
    tree = README.split("## The tree")[1].split("##")[0]
    named = set(re.findall(r"^\s+([\w./-]+)", tree, re.MULTILINE))
    modules = {path.name for path in (ROOT / "amortized_sr").glob("*.py") if not path.name.startswith("__")}
    folders = {f"{path.name}/" for path in (ROOT / "amortized_sr").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert modules | folders <= named
    top = {"configs/", "docs/", "examples/", "scripts/", "tests/", "amortized_sr/"}
    assert named == modules | folders | top


@pytest.mark.parametrize("name", ["run", "test"])
def test_the_marked_commands_are_found(name):
    command = [sys.executable, str(ROOT / "scripts" / "readme_commands.py"), name, str(ROOT / "README.md")]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert lines.startswith("python3 -m venv .venv")


def test_every_local_link_leads_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_it_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 200
