"""The page's sections in a real browser: digits and what is between them, a network that learns, dials."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from node_driver import WEB
from page_driver import KEYS, check_axe, drop, encoded, said, shown, view, wait
from PIL import Image

from amortized_sr import Coder, Upscaler
from amortized_sr.web.page import single_file

ActionChains = pytest.importorskip("selenium.webdriver").ActionChains

pytestmark = pytest.mark.slow

KITTEN = Path(__file__).resolve().parents[2] / "examples" / "kitten_64.png"


def test_the_slider_draws_what_torch_draws_between_two_digits_that_are_chosen_dropped_or_drawn(browser, page, tmp_path):
    browser.get(page)
    coder, ends = Coder.from_pretrained("mnist-morph", "cpu"), {"from": digit(4), "to": digit(9)}
    slider = browser.find_element("id", "between")

    def check(share: float) -> np.ndarray:
        pixels, data = shown(browser, "morph", "dataset.share")
        assert float(data["share"]) == share
        codes = coder.encode([ends["from"], ends["to"]])
        (expected,) = coder.pictures(torch.lerp(codes[:1], codes[1:], share))
        assert abs(pixels - np.asarray(expected.render(pixels.shape[:2]).convert("RGB")).astype(int)).max() <= 1
        return pixels

    middle = check(0.5)
    assert middle.shape[0] == middle.shape[1] > 100
    slider.send_keys(KEYS["home"])
    assert abs(check(0) - middle).max() > 100
    slider.send_keys(KEYS["end"])
    check(1)

    ends["to"] = digit(3)
    browser.find_element("css selector", "#to option:nth-child(4)").click()
    check(1)

    # Any picture can be dropped on a digit, and the one above it stays.
    ends["to"] = Image.effect_noise((50, 40), 90)
    before, _ = view(browser)
    drop(browser, encoded(ends["to"]), "mine.png", "pad-to")
    wait(lambda: browser.execute_script("return document.getElementById('pad-to').width") == 50)
    dropped = check(1)
    assert (view(browser)[0] == before).all()
    drop(browser, b"no picture", "words.txt", "pad-to")
    said(browser, "words.txt is broken, or no picture")
    assert (check(1) == dropped).all()

    # A stroke clears the example below it.
    pad = browser.find_element("id", "pad-from")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", pad)
    chain = ActionChains(browser).move_to_element_with_offset(pad, 0, -30).click_and_hold()
    chain.move_by_offset(0, 30).move_by_offset(0, 30).release().perform()
    slider.send_keys(KEYS["home"])
    drawn, _ = shown(browser, "pad-from", "width == 112")
    assert browser.find_element("id", "from").get_attribute("value") == ""
    assert drawn[56, 56].tolist() == [255, 255, 255]
    assert (drawn == 255).all(axis=-1).mean() < 0.1
    ends["from"] = Image.fromarray(drawn.astype(np.uint8))
    check(0)

    # It comes back when it is chosen again, until it is cleared.
    choose = "arguments[0].value = arguments[1]; arguments[0].onchange()"
    browser.execute_script(choose, browser.find_element("id", "from"), "7")
    shown(browser, "pad-from", "width == 28")
    browser.execute_script(choose, browser.find_element("id", "from"), "")
    assert (shown(browser, "pad-from", "width == 112")[0] == drawn).all()
    browser.find_element("id", "clear-from").click()
    assert (shown(browser, "pad-from", "width == 112")[0] == 0).all()
    assert browser.get_log("browser") == []


def digit(number: int) -> Image.Image:
    """Return a digit of the page."""
    with Image.open(WEB / "examples" / "digits_28.png") as sheet:
        return sheet.crop((28 * number, 0, 28 * number + 28, 28))


def test_a_network_learns_the_picture_while_one_looks_until_it_is_stopped(browser, page):
    browser.get(page)
    said(browser, "a function after")
    button, progress = browser.find_element("id", "train"), browser.find_element("id", "progress")

    button.click()
    assert button.text == "Stop"

    def quality() -> float:
        return float(progress.text.split()[-2]) if progress.text else 0

    first = wait(lambda: quality() > 0 and quality())
    wait(lambda: quality() > max(first, 22))
    button.click()
    assert button.text == "Train"
    said_last = progress.text
    pixels, _ = shown(browser, "fitted")
    with Image.open(KITTEN) as kitten:
        expected = np.asarray(kitten.convert("RGB").resize(pixels.shape[1::-1])).astype(int)
    assert abs(pixels - expected).mean() < 25
    time.sleep(1)
    assert progress.text == said_last

    # Another picture is trained on from the start.
    drop(browser, encoded(Image.new("RGB", (30, 20), "orange")), "orange.png")
    said(browser, "orange.png: 30 x 20 pixels, a function after")
    assert progress.text == ""
    button.click()
    wait(lambda: quality() > 30)
    assert shown(browser, "fitted")[0].shape == (85, 128, 3)


def test_dials_encode_the_picture_again_where_the_model_reads_them(browser, told_weights, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(single_file([str(told_weights), "photo-tiny"]))
    browser.get(path.as_uri())
    said(browser, "a function after")
    browser.find_element("id", "split").send_keys(KEYS["home"])
    upscaler = Upscaler.from_pretrained(told_weights, "cpu", precision="fp32")
    kitten = Image.open(KITTEN)

    def check(**strengths: int) -> np.ndarray:
        function = upscaler.encode(kitten, **strengths)

        def drawn() -> np.ndarray | None:
            pixels, window = view(browser)
            expected = np.asarray(function.render(pixels.shape[:2], tuple(window))).astype(int)
            return pixels if abs(pixels - expected).max() <= 1 else None

        for _ in range(100):
            if (pixels := drawn()) is not None:
                return pixels
            time.sleep(0.1)
        raise AssertionError("the picture is not what torch draws")

    untold = check(noise=0, jpeg=0)
    noise, jpeg = browser.find_element("id", "noise"), browser.find_element("id", "jpeg")
    assert noise.is_displayed()
    assert jpeg.is_displayed()
    noise.send_keys(KEYS["right"] * 15)
    assert noise.get_attribute("aria-valuetext") == "15 of 255"
    assert abs(check(noise=15, jpeg=0) - untold).max() > 8
    jpeg.send_keys(KEYS["right"] * 61)
    assert jpeg.get_attribute("aria-valuetext") == "quality 40"
    noise.send_keys(KEYS["home"])
    check(noise=0, jpeg=40)
    check_axe(browser)

    browser.find_element("css selector", "#model option:last-child").click()
    wait(lambda: not noise.is_displayed() and not jpeg.is_displayed())
