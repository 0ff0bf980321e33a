"""Drives the page in a browser."""

import base64
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from waiting import wait

KEYS = {"left": "\ue012", "right": "\ue014", "end": "\ue010", "home": "\ue011"}

MODELS = ["photo-tiny", "mnist-morph"]

# Gives a file to the page, or to an element of it.
DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
if (bytes.length) transfer.items.add(new File([bytes], arguments[1]));
const target = document.getElementById(arguments[2]) ?? document;
target.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
"""


def said(browser, words: str, line: str = "status") -> str:
    """Return the status, or what another line says, once it holds some words."""
    status = browser.find_element("id", line)
    return wait(lambda: words in status.text and status.text)


def drop(browser, content: bytes, name: str, place: str = "") -> None:
    browser.execute_script(DROP, base64.b64encode(content).decode(), name, place)


def encoded(picture: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def shown(browser, name: str, once: str = "width > 1") -> tuple[np.ndarray, dict[str, str]]:
    """Return the pixels of a canvas once a condition holds, and its data."""
    script = (
        f"const c = document.getElementById('{name}'); return c.{once} && [c.toDataURL('image/png'), {{...c.dataset}}]"
    )
    url, data = wait(lambda: browser.execute_script(script))
    with Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as picture:
        return np.asarray(picture.convert("RGB")).astype(int), data


def view(browser) -> tuple[np.ndarray, list[float]]:
    """Return what the stage shows once nothing is left to draw, and its window."""
    pixels, data = shown(browser, "canvas", "dataset.window")
    return pixels, [float(value) for value in data["window"].split(",")]


def zoom(browser, factor: float, x: float = 0, y: float = 0) -> None:
    """Turn the wheel above a place of the stage, as seen from its middle."""
    turns = math.ceil(abs(math.log(factor)) / 0.5)
    script = """const [delta, x, y] = arguments, stage = document.getElementById('stage');
    const box = stage.getBoundingClientRect();
    const at = { clientX: box.x + box.width / 2 + x, clientY: box.y + box.height / 2 + y };
    stage.dispatchEvent(new WheelEvent('wheel', { deltaY: delta, cancelable: true, ...at }));"""
    for _ in range(turns):
        browser.execute_script(script, -500 * math.log(factor) / turns, x, y)


def requests(browser) -> list[str]:
    """Return the addresses that the page asked for since the last call, other than those inside of it."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [url for url in sent if url.startswith(("http", "file"))]


def check_axe(browser) -> None:
    """Check that axe-core finds nothing on the page."""
    axe = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("needs axe-core: npm install --prefix tests/web")
    browser.execute_script(axe.read_text())
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
