"""The page of a comparison in a browser, for all tests that look at it."""

import base64
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from waiting import wait

from amortized_sr.benchmark.comparison import Comparison, MethodResult
from amortized_sr.benchmark.evaluation import Prediction
from amortized_sr.benchmark.protocol import Quality

NASTY = "<img src=x onerror=\"document.title='broken'\"> & 'quotes'.png"
SIDE = 256
METHODS = {"bicubic": 0.0, "fit:siren": 1.0, "amortized": 100 / 255}

# Where a picture's pixel lies can be read from its colours: red is its column, green its row. Blue is the method's.
ROWS, COLUMNS = np.mgrid[0:SIDE, 0:SIDE] / 255


def picture(blue: float) -> torch.Tensor:
    return torch.from_numpy(np.stack([COLUMNS, ROWS, np.full_like(ROWS, blue)])[None]).float()


def comparison(name: str, target: bool = True) -> Comparison:
    predictions = {
        method: Prediction(picture(blue), Quality(psnr=30.0 + place if target else None))
        for place, (method, blue) in enumerate(METHODS.items())
    }
    return Comparison(name, torch.rand(1, 3, 64, 64), picture(0.0) if target else None, predictions)


RESULTS = [
    MethodResult("bicubic", quality=Quality(30.0, 0.9), encode_seconds=0.001, draw_seconds=0.003, numbers=9),
    MethodResult("fit:siren", quality=Quality(31.0, 0.8), encode_seconds=3.0, draw_seconds=0.001, numbers=10),
    MethodResult("fit:<relu>", error="ValueError: it was <b>bad</b>"),
    MethodResult("amortized", quality=Quality(32.0, None), encode_seconds=0.02, draw_seconds=0.002, numbers=100),
]


def opened(browser, page: Path, name: str = "first") -> None:
    browser.get(page.as_uri())
    wait(lambda: f"{name}: " in browser.find_element("id", "status").text)


def canvases(browser) -> list[np.ndarray]:
    """Return what each canvas shows once nothing is left to draw."""
    shown = "const shown = [...document.querySelectorAll('#panes canvas')]; return "
    wait(lambda: browser.execute_script(f"{shown} !comparison.isDrawing() && shown.length > 0 && shown[0].width > 1"))
    urls = browser.execute_script(f"{shown} shown.map((canvas) => canvas.toDataURL('image/png'))")
    files = [io.BytesIO(base64.b64decode(url.split(",")[1])) for url in urls]
    return [np.asarray(Image.open(file).convert("RGB")).astype(int) for file in files]


def window(canvas: np.ndarray) -> tuple[int, int, int, int]:
    """Return the rows and columns of the picture in the corners of a canvas."""
    (left, top, _), (right, bottom, _) = canvas[0, 0], canvas[-1, -1]
    return int(top), int(left), int(bottom), int(right)


def windows(browser) -> list[tuple[int, int, int, int]]:
    """Return the windows of the methods' canvases; the input and the target are the first and the last."""
    return [window(canvas) for canvas in canvases(browser)[1:-1]]


def labels(browser) -> list[str]:
    return [one.text for one in browser.find_elements("css selector", "#panes .name")]


def choose(browser, mode: str) -> None:
    browser.find_element("css selector", f"input[value={mode}]").click()


def frame(browser, number: int) -> dict[str, float]:
    return browser.find_elements("css selector", ".frame")[number].rect


WINDOWS = [(width, scheme) for width in (1280, 380) for scheme in ("light", "dark")]


def show(browser, page: Path, width: int, scheme: str, name: str = "first") -> None:
    """Show the page in a window of a width and a colour scheme."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    metrics = {"width": width, "height": 820, "deviceScaleFactor": 2, "mobile": width < 800}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened(browser, page, name)
