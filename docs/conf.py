"""Sphinx makes a site of the pages of this folder: `scripts/build_docs`, or `sphinx-build -W -n docs build/docs`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import amortized_sr

sys.path.insert(0, str(Path(__file__).parent))
import site_sources

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "amortized_sr"
author = project_copyright = "amortized_sr contributors"
version = release = amortized_sr.__version__
html_title = f"amortized_sr {release}"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["copies/page"]
smartquotes = False  # two hyphens begin an option
highlight_language = "none"  # diagrams stand in blocks without a language

# Pages are written for GitHub too: its anchors of headings, and its <img> with a width.
myst_heading_anchors = 3
myst_enable_extensions = ["html_image"]

# The notebook holds what its cells show, and tests/test_walkthrough.py runs it and compares. `scripts/build_docs --run`
# runs it here too, and keeps the results until a cell changes.
nb_execution_mode = "off"
nb_execution_timeout = 600
nb_execution_in_temp = True  # it writes files
nb_execution_raise_on_error = True

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
# Docstrings mark code as Markdown does, by one backtick.
default_role = "literal"
# Types of other packages have no page here, and their lists would have to be fetched. Every other name is checked.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!amortized_sr)[a-zA-Z_]+\.[\w.]+"),
    (
        r"py:class",
        r"Tensor|Path|Image|Callable|Iterator|Sequence|Any|ndarray|(Float|UInt|Bool)\d*|'.*'|(dict|tuple)\[.*",
    ),
]

html_theme = "furo"
html_favicon = "../examples/kitten_64.png"
html_copy_source = False
html_show_sourcelink = False
html_static_path: list[str] = []
html_extra_path = ["copies/page"]

site_sources.write_copies()


def setup(app: "Sphinx") -> None:
    """Let every page pass through `site_sources`."""
    app.connect("source-read", site_sources.prepare)
