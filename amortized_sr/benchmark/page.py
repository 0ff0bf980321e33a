"""A self-contained HTML page: two methods of an image under one slider."""

import base64
import html
import io
import json
import string
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from PIL import Image

from amortized_sr.benchmark.comparison import Comparison
from amortized_sr.benchmark.grid import pictures_of
from amortized_sr.image_io import replacing


def write_page(path: Path, title: str, protocol: str, table: str, images: Sequence[Comparison]) -> None:
    """Write one HTML file that shows the pictures of all images and the means as text, without loading anything."""
    page = string.Template((resources.files("amortized_sr.benchmark") / "page.html").read_text())
    texts = {"title": title, "protocol": protocol, "table": table}
    sections = "\n".join(_section(one) for one in images)
    text = page.substitute({name: html.escape(text) for name, text in texts.items()}, sections=sections)
    with replacing(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def _section(one: Comparison) -> str:
    pictures = pictures_of(one)
    width, height = pictures["input"].size
    sources = {name: data_url(picture) for name, picture in pictures.items()}
    # No name can end the script.
    inside = json.dumps(sources).replace("<", "\\u003c")
    left = "bicubic" if "bicubic" in sources else "input"
    right = next((name for name in sources if name.startswith("amortized")), next(iter(one.predictions)))
    # Enlarge small pictures by whole factors, so that pixels stay squares.
    factor = max(1, 400 // width)
    return f"""<section>
<h2>{html.escape(one.name)}</h2>
<div class="controls">{_select("before", left, sources, one)}
<input type="range" min="0" max="100" step="0.1" value="50" aria-label="split">
{_select("after", right, sources, one)}</div>
<div class="stage" style="width: {width * factor}px; aspect-ratio: {width} / {height}">
<img class="before" alt=""><img class="after" alt=""><div class="line"></div></div>
<script type="application/json">{inside}</script>
</section>"""


def _select(side: str, chosen: str, names: Iterable[str], one: Comparison) -> str:
    options = ""
    for name in names:
        psnr = one.predictions[name].quality.psnr if name in one.predictions else None
        label = name if psnr is None else f"{name} ({psnr:.2f} dB)"
        mark = " selected" if name == chosen else ""
        options += f'<option value="{html.escape(name)}"{mark}>{html.escape(label)}</option>'
    return f'<select data-side="{side}" aria-label="{side}">{options}</select>'


def data_url(picture: Image.Image) -> str:
    """Return a picture as a URL that holds it, for pages that load nothing."""
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
