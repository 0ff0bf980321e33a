"""A self-contained HTML page: two methods of an image under one slider."""

import base64
import html
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from amortized_sr.benchmark.comparison import Comparison
from amortized_sr.benchmark.grid import pictures_of
from amortized_sr.image_io import replacing

# The page contains everything that it needs, and may load nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; color: #222;
  background: #fff }
pre { overflow-x: auto; background: #f4f4f4; padding: 1rem; font-size: 14px }
section { margin: 2rem 0; border-top: 1px solid #ccc }
.stage { position: relative; display: block; max-width: 100%; overflow: hidden; touch-action: none; cursor: ew-resize }
.stage img { display: block; width: 100%; height: 100%; image-rendering: pixelated }
.stage .after { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--split, 50%)) }
.stage .line { position: absolute; top: 0; bottom: 0; left: var(--split, 50%); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 3px #000 }
.controls { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; margin: .5rem 0 }
input[type=range] { flex: 1; min-width: 12rem }
"""

_SCRIPT = """
for (const section of document.querySelectorAll('section')) {
  const sources = JSON.parse(section.querySelector('script').textContent);
  const stage = section.querySelector('.stage'), range = section.querySelector('input[type=range]');
  const show = (place) => { range.value = place; stage.style.setProperty('--split', place + '%'); };
  range.addEventListener('input', () => show(range.value));
  const drag = (event) => {
    const box = stage.getBoundingClientRect();
    show(Math.min(100, Math.max(0, 100 * (event.clientX - box.left) / box.width)));
  };
  stage.addEventListener('pointerdown', (event) => { stage.setPointerCapture(event.pointerId); drag(event); });
  stage.addEventListener('pointermove', (event) => { if (event.buttons) drag(event); });
  for (const select of section.querySelectorAll('select')) {
    const image = stage.querySelector('.' + select.dataset.side);
    const choose = () => { image.src = sources[select.value]; image.alt = select.value; };
    select.addEventListener('change', choose);
    choose();
  }
  show(50);
}
"""


def write_page(path: Path, title: str, protocol: str, table: str, images: Sequence[Comparison]) -> None:
    """Write one HTML file that shows pictures beside each other without loading anything.

    Args:
        path: The file; an existing one stays whole if writing fails.
        title: The heading.
        protocol: The evaluation protocol.
        table: The means, as text.
        images: The images with their predictions.
    """
    sections = "\n".join(_section(one) for one in images)
    text = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<p>{html.escape(protocol)}</p>
<pre>{html.escape(table)}</pre>
{sections}
<script>{_SCRIPT}</script>
</body>
</html>
"""
    with replacing(path) as file:
        file.write(text.encode())


def _section(one: Comparison) -> str:
    pictures = pictures_of(one)
    width, height = pictures["input"].size
    sources = {name: _data_url(picture) for name, picture in pictures.items()}
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
    def label(name: str) -> str:
        psnr = one.predictions[name].quality.psnr if name in one.predictions else None
        return name if psnr is None else f"{name} ({psnr:.2f} dB)"

    options = "".join(
        f'<option value="{html.escape(name)}"{" selected" if name == chosen else ""}>'
        f"{html.escape(label(name))}</option>"
        for name in names
    )
    return f'<select data-side="{side}" aria-label="{side}">{options}</select>'


def _data_url(picture: Image.Image) -> str:
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
