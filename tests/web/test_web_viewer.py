"""OpenSeadragon, a viewer of deep zooms, zooms into a picture of 64x64 pixels that is declared as 4096x4096."""

import base64
import io
import json
import shutil
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from PIL import Image

from amortized_sr import Upscaler
from amortized_sr.compute import Compute
from amortized_sr.server.addresses import LOOPBACK_NAMES, open_socket
from amortized_sr.server.app import Service
from amortized_sr.server.guard import Access
from amortized_sr.server.limits import Limits
from amortized_sr.server.listening import uvicorn_config
from amortized_sr.server.models import ServedModels

pytestmark = pytest.mark.slow

KITTEN = Path(__file__).resolve().parents[2] / "examples" / "kitten_64.png"
SCRIPT = Path(__file__).parent / "node_modules" / "openseadragon" / "build" / "openseadragon" / "openseadragon.min.js"

PAGE = """<!doctype html><body style="margin: 0"><div id="viewer" style="width: 800px; height: 600px"></div>
<script src="viewer.js"></script><script>
let loaded = 0, failed = [];
const viewer = OpenSeadragon({
  id: 'viewer', tileSources: '%s', drawer: 'canvas', crossOriginPolicy: 'Anonymous', showNavigationControl: false,
  animationTime: 0, blendTime: 0, immediateRender: true,
});
viewer.addHandler('tile-loaded', () => { loaded += 1; });
viewer.addHandler('tile-load-failed', (event) => failed.push(String(event.message)));
viewer.addHandler('open-failed', (event) => failed.push(String(event.message)));
</script>"""

STATE = """
const item = viewer.world.getItemAt(0);
if (!item || !item.getFullyLoaded()) return null;
const part = viewer.viewport.getBounds(true);
return { loaded, failed, part: [part.x, part.y, part.width, part.height],
  picture: viewer.drawer.canvas.toDataURL('image/png') };
"""


@pytest.fixture
def address() -> Iterator[str]:
    """Where the server is that draws with the bundled weights."""
    models = ServedModels.load(["photo-tiny"], Compute("cpu", 2**28))
    listening = open_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn_config(Service(models, Limits(), Access(LOOPBACK_NAMES))))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def settled(browser, limit: float = 120) -> dict:
    """Return what the viewer shows once all of it is loaded."""
    stop = time.monotonic() + limit
    while time.monotonic() < stop:
        time.sleep(0.3)
        if state := browser.execute_script(STATE):
            return state
    raise AssertionError("the viewer did not load its tiles")


def test_openseadragon_zooms_without_an_error_and_without_borders_of_tiles(browser, address, tmp_path):
    if not SCRIPT.exists():
        pytest.skip("needs OpenSeadragon: npm install --prefix tests/web")
    request = urllib.request.Request(f"{address}/v1/images", KITTEN.read_bytes(), {"Content-Type": "image/png"})
    with urllib.request.urlopen(request) as answer:
        info = json.loads(answer.read())["info"].replace("/info.json", "@64/info.json")
    shutil.copy(SCRIPT, tmp_path / "viewer.js")
    page = tmp_path / "viewer.html"
    page.write_text(PAGE % info)
    function = Upscaler.from_pretrained(device="cpu").encode(KITTEN)

    browser.get(page.as_uri())
    states = [settled(browser)]
    # One pixel of the declared picture for each of the screen, around its middle: borders of tiles cross the view.
    browser.execute_script("viewer.viewport.zoomTo(viewer.viewport.imageToViewportZoom(1), null, true)")
    states.append(settled(browser))
    for state in states:
        assert state["failed"] == []
    assert states[1]["loaded"] > states[0]["loaded"] > 4

    with Image.open(io.BytesIO(base64.b64decode(states[1]["picture"].split(",")[1]))) as shown:
        pixels = np.asarray(shown.convert("RGB")).astype(float)
    x, y, width, height = states[1]["part"]
    window = 2 * y - 1, 2 * x - 1, 2 * (y + height) - 1, 2 * (x + width) - 1
    assert width == pytest.approx(800 / 4096, rel=0.01)
    expected = np.asarray(function.render(pixels.shape[:2], window)).astype(float)
    difference = abs(pixels - expected).mean(axis=-1)
    assert difference.mean() < 4
    # A border would be a row or a column that differs more than the others.
    for means in (difference.mean(axis=0), difference.mean(axis=1)):
        assert means.max() < 3 * np.median(means) + 3
