"""A comparison as one HTML page that holds everything: its table, and its pictures, which zoom together.

The page is made of the same parts as the web page that draws (`amortized_sr.web`): its colours and controls, and, where
latents are held, its arithmetic. It loads nothing, from a disk too.
"""

import base64
import html
import json
import string
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from PIL import Image

from amortized_sr.benchmark.comparison import Comparison
from amortized_sr.benchmark.held_pictures import hold, png_bytes
from amortized_sr.image_io import replacing
from amortized_sr.web.page import policy_hash


def write_page(path: Path, title: str, protocol: str, table: str, images: Sequence[Comparison]) -> list[str]:
    """Write a page with a table and the pictures of all images, and return what it says about them.

    Args:
        path: The page's file.
        title: Its title.
        protocol: How was measured, above the table.
        table: HTML, see `results_table`.
        images: What it shows.
    """
    held = hold(images)
    drawing = held.latent_bytes > 0
    script = _web("built/comparison.js").decode()
    style = _web("style.css").decode() + _own("style.css")
    data = {**held.data, **({"core.wasm": _web("core.wasm")} if drawing else {})}
    page = string.Template(_own("page.html")).substitute(
        policy=_policy(script, style, drawing),
        title=html.escape(title),
        protocol=html.escape(protocol),
        table=table,
        style=style,
        # No name can end the script.
        images=json.dumps(held.images).replace("<", "\\u003c"),
        data="\n".join(_inside(name, content) for name, content in data.items()),
        script=script,
    )
    with replacing(path) as file:
        # A file's name may hold bytes that are no letters.
        file.write(page.encode(errors="backslashreplace"))
    return held.notices


def _policy(script: str, style: str, drawing: bool) -> str:
    compiling = " 'wasm-unsafe-eval'" if drawing else ""
    return (
        f"default-src 'none'; script-src '{policy_hash(script)}'{compiling}; style-src '{policy_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _inside(name: str, content: bytes) -> str:
    """Return bytes as an element that no browser runs or shows."""
    return f'<script type="text/plain" id="held-{name}">{base64.b64encode(content).decode()}</script>'


def data_url(picture: Image.Image) -> str:
    """Return a picture as a URL that holds it, for pages that load nothing."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode()


def _own(name: str) -> str:
    return (resources.files("amortized_sr.benchmark") / "viewer" / name).read_text()


def _web(name: str) -> bytes:
    return (resources.files("amortized_sr.web") / name).read_bytes()
