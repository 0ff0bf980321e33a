"""README and its sister pages are true: their Python runs, their trees and links match the repository."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "amortized_sr"
README = (ROOT / "README.md").read_text()
PAGES = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    PACKAGE / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FLOORS = ["doors", "works", "product", "engines", "models", "ground"]


def test_the_python_blocks_run_in_order(tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 2
    assert names["large"].size == names["corner"].size == (512, 512)
    assert names["large"].mode == "RGB"
    assert (tmp_path / "kitten_480.png").exists()


def test_the_first_screen_answers_in_order():
    screen = README.splitlines()[:45]
    order = ["# ", "![", "<!-- run -->", "<!-- test -->", "picture = Image.open(", "**Use it**", "**Do not use it**"]
    lines = [next((number for number, line in enumerate(screen) if line.startswith(start)), None) for start in order]
    assert None not in lines
    assert lines == sorted(lines)


def _tree() -> list[str]:
    """Return the first word of every line of the package's tree."""
    (block,) = re.findall(r"^## The tree\n.*?^```text\n(.*?)^```", (PACKAGE / "README.md").read_text(), re.M | re.S)
    return [line.split()[0] for line in block.splitlines()]


def test_the_tree_names_every_module_and_folder_of_the_package_once():
    modules = {path.name for path in PACKAGE.glob("*.py") if not path.name.startswith("__")}
    folders = {f"{path.name}/" for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] != "_"}
    assert sorted(_tree()) == sorted([*FLOORS, *modules, *folders])


def test_the_floors_of_the_tree_are_the_layers_that_are_checked():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in settings if contract["type"] == "layers")
    layer_of = {name: number for number, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    named = [name.removesuffix("/").removesuffix(".py") for name in _tree() if name not in FLOORS]
    order = [layer_of[name] for name in named if name != "weights_data"]
    assert order == sorted(order)
    assert [name for name in _tree() if name in FLOORS] == FLOORS


def test_readme_names_every_top_folder_and_every_floor():
    tree = README.split("## The tree")[1]
    named = set(re.findall(r"^    ([\w./-]+)", tree, re.MULTILINE))
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout, such as a clone")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    folders = {f"{line.split('/')[0]}/" for line in tracked.splitlines() if "/" in line and line[0] != "."}
    assert named == folders
    assert re.findall(r"^\| (\w+) \|", tree, re.MULTILINE) == ["floor", *FLOORS]
    for name in re.findall(r"`(\w+/?)`", tree.split("| floor |")[1]):
        assert (PACKAGE / name).is_dir() if name.endswith("/") else (PACKAGE / f"{name}.py").is_file(), name


@pytest.mark.parametrize("name", ["run", "test"])
def test_the_marked_commands_are_found(name):
    command = [sys.executable, str(ROOT / "scripts" / "readme_commands.py"), name, str(ROOT / "README.md")]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert lines.startswith("python3 -m venv .venv")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page):
    text = page.read_text()
    links = re.findall(r"\]\((?!http)([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    broken = []
    for link in links:
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (heading and heading not in _headings(target)):
            broken.append(link)
    assert broken == []


def _headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_readme_links_to_the_first_page_of_docs_and_that_to_all_others():
    assert "](docs/index.md)" in README
    linked = re.findall(r"\]\(([^)#]+)", (ROOT / "docs" / "index.md").read_text())
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= {*linked, "index.md"}


def test_it_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 200
