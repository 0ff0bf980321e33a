"""The page of a comparison, in a real browser."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr.benchmark.comparison import Comparison
from amortized_sr.benchmark.evaluation import Prediction
from amortized_sr.benchmark.page import write_page
from amortized_sr.benchmark.protocol import Quality

NASTY = "<img src=x onerror=\"document.title='broken'\"> & 'quotes'.png"


@pytest.fixture
def page(tmp_path) -> Path:
    """A page about two images: `bicubic` is black, `amortized` is white, the target is grey."""
    predictions = {
        name: Prediction(torch.full((1, 3, 20, 30), value), Quality(psnr=12.345))
        for name, value in (("bicubic", 0.0), ("amortized", 1.0))
    }
    images = [
        Comparison(name, torch.rand(1, 3, 10, 15), torch.full((1, 3, 20, 30), 0.5), predictions)
        for name in ("first", NASTY)
    ]
    path = tmp_path / "compare.html"
    write_page(path, NASTY, "how it was measured", "a table <b>", images)
    return path


def test_names_are_escaped_and_everything_is_inside(page):
    text = page.read_text()
    assert "<img src=x" not in text
    assert "a table &lt;b&gt;" in text
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'" in text
    assert "amortized (12.35 dB)" in text or "amortized (12.34 dB)" in text
    source = text.split('"data:image/png;base64,')[1].split('"')[0]
    assert base64.b64decode(source).startswith(b"\x89PNG")


def stage_pixels(browser, tmp_path) -> np.ndarray:
    stage = browser.find_element("css selector", ".stage")
    stage.screenshot(str(tmp_path / "stage.png"))
    with Image.open(tmp_path / "stage.png") as picture:
        return np.asarray(picture.convert("L"))


def split(browser, tmp_path) -> float:
    """Where black ends and white begins, as a share of the width."""
    row = stage_pixels(browser, tmp_path)[5]
    return float((row < 128).mean())


@pytest.mark.slow
def test_the_slider_moves_methods_change_and_nothing_is_fetched(page, browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.select import Select

    browser.get(page.as_uri())
    assert NASTY in browser.title
    assert len(browser.find_elements("css selector", "section")) == 2
    assert split(browser, tmp_path) == pytest.approx(0.5, abs=0.02)

    stage = browser.find_element("css selector", ".stage")
    ActionChains(browser).move_to_element(stage).click_and_hold().move_by_offset(100, 0).release().perform()
    moved = 0.5 + 100 / stage.size["width"]
    assert split(browser, tmp_path) == pytest.approx(moved, abs=0.02)
    slider = browser.find_element("css selector", "input[type=range]")
    assert float(slider.get_attribute("value")) == pytest.approx(100 * moved, abs=2)
    # The second image's slider is its own.
    other = browser.find_elements("css selector", "input[type=range]")[1]
    assert float(other.get_attribute("value")) == pytest.approx(50)

    slider.send_keys("\ue010")  # the End key
    assert split(browser, tmp_path) > 0.98

    Select(browser.find_element("css selector", "select[data-side=before]")).select_by_value("target")
    assert abs(int(np.median(stage_pixels(browser, tmp_path))) - 128) <= 1

    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    # The browser's own start page asks for things too.
    asked = [one["request"]["url"] for one in sent if one["documentURL"] == page.as_uri()]
    assert page.as_uri() in asked
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []
    assert browser.get_log("browser") == []
