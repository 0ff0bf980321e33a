"""Screenshots of pages, which are also the pictures of the documentation.

    AMORTIZED_SR_PICTURES=docs pytest TEST

writes them there; without the variable they go to the test's own folder.
"""

import base64
import io
import os
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def screenshot(browser, whole: bool) -> Image.Image:
    """Return what the browser shows, or the whole page, in device pixels."""
    options = {"captureBeyondViewport": whole}
    shot = base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", options)["data"])
    with Image.open(io.BytesIO(shot)) as picture:
        return picture.convert("RGB")


def save_for_docs(picture: Image.Image, name: str, folder: Path) -> None:
    """Write a screenshot with one pixel for each of the page's, as a small file."""
    place = ROOT / os.environ["AMORTIZED_SR_PICTURES"] if "AMORTIZED_SR_PICTURES" in os.environ else folder
    path = place / f"{name}.webp"
    picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS).save(path, quality=70, method=6)
    assert path.stat().st_size < 200_000
