"""What the site has beside the pages of this folder: copies of other files, the live page, lists made from the code.

Copies are made anew at every build, in `copies/`, which git ignores. Links keep the form that GitHub understands, and
are adapted while Sphinx reads a page. Marks are replaced together with the line below them, which GitHub shows instead.
"""

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from command_reference import command_reference

from amortized_sr.web.page import single_file
from amortized_sr.weights_header import PAGE_MODELS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_DOCS = Path(__file__).resolve().parent
_ROOT = _DOCS.parent

COPIES = {
    "README.md": "docs/copies/readme.md",
    "CHANGELOG.md": "docs/copies/changelog.md",
    "SECURITY.md": "docs/copies/security.md",
    ".github/CONTRIBUTING.md": "docs/copies/contributing.md",
    "amortized_sr/README.md": "docs/copies/inside.md",
    "examples/README.md": "docs/copies/examples.md",
    "examples/walkthrough.ipynb": "docs/copies/walkthrough.ipynb",
    "integrations/comfyui/README.md": "docs/copies/comfyui.md",
}
"""Files of the repository that are pages of the site too, and where in the repository their copies lie."""

_ORIGINALS = {copy: original for original, copy in COPIES.items()}
_LINK = re.compile(r'(\]\(|src=")(?![a-z]+:|[#/])([^)"#\s]+)')

# One file, so that the site can be read from a disk too.
_LIVE_PAGE = """\
<iframe src="live-page.html" title="The page that draws in the browser" loading="lazy"
 style="width: 100%; height: 60rem; border: 1px solid var(--color-background-border)"></iframe>

<p><a href="live-page.html">Open it in a window of its own</a></p>
"""

_MADE = {"commands": command_reference, "live page": lambda: _LIVE_PAGE}
_MARK = re.compile(r"^<!-- (commands|live page) -->\n.*\n", re.MULTILINE)


def write_copies() -> None:
    """Write the copies, and the page that draws in the browser; files that are up to date stay."""
    for original, copy in COPIES.items():
        _write(_ROOT / copy, (_ROOT / original).read_bytes())
    _write(_DOCS / "copies" / "page" / "live-page.html", single_file(PAGE_MODELS))


def prepare(app: "Sphinx", docname: str, source: list[str]) -> None:
    """Adapt the links of a page, and replace its marks."""
    path = Path(app.env.doc2path(docname)).resolve().relative_to(_ROOT).as_posix()
    if not path.endswith(".md"):
        return
    text = with_links(source[0], _ORIGINALS.get(path, path), path)
    text = _MARK.sub(lambda mark: _MADE[mark[1]](), text)
    source[0] = text + contents(text) if docname == "index" else text


def with_links(text: str, original: str, place: str) -> str:
    """Return a page of the path `original` with links that hold at the path `place`, and lead to copies."""

    def adapted(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(original), match[2]))
        if not (_ROOT / target).exists():
            return match[0]
        return match[1] + posixpath.relpath(COPIES.get(target, target), posixpath.dirname(place))

    return _LINK.sub(adapted, text)


def contents(text: str) -> str:
    """Return the table of contents that the lists of links below the headings of the first page make."""
    trees: list[str] = []
    for title, body in re.findall(r"^### ([^\n]*)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL):
        pages = re.findall(r"^- \[(.*?)\]\((.*?)\.(?:md|ipynb)\)", body, re.MULTILINE)
        entries = "\n".join(f"{name} <{page}>" for name, page in pages)
        trees.append(f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{entries}\n```\n")
    return "".join(trees)


def _write(path: Path, content: bytes) -> None:
    # A new date would let Sphinx read the page again.
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
