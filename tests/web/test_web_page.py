"""The page in a real browser: pictures in, views, keys, files out, errors, and no request to anybody."""

import functools
import http.server
import re
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from page_driver import KEYS, MODELS, check_axe, drop, encoded, requests, said, shown, view, wait, zoom
from PIL import Image
from screens import save_for_docs, screenshot

from amortized_sr import Upscaler
from amortized_sr.web.page import single_file, write_site

pytestmark = pytest.mark.slow


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address(tmp_path) -> Iterator[str]:
    """Where the static site is served."""
    write_site(tmp_path / "site", MODELS)
    handler = functools.partial(Quiet, directory=str(tmp_path / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


# Factors of the scale, and the place that stays, in CSS pixels from the middle of the stage.
WHEEL = [
    *((1, 0, 0), (2.5, -100, 50), (1.7, 30, 90), (1.3, 0, -200), (3, 120, 120), (2, -40, 0)),
    *((1.5, 0, 60), (0.3, 0, 0), (0.6, 90, -90), (1.2, -150, -150), (0.5, 10, 10), (6, 33, -66)),
]


def test_a_dropped_picture_is_drawn_and_saved_as_torch_draws_it_and_nobody_is_asked(browser, address, tmp_path):
    browser.get(address)
    said(browser, "kitten: 64 x 64 pixels, a function after")
    shown(browser, "morph", "dataset.share")
    loaded = [url.removeprefix(address) for url in requests(browser) if not url.startswith("chrome")]
    assert {"", "app.js", "style.css", "worker.js", "core.wasm", "weights/photo-tiny.safetensors"} < set(loaded)
    assert "weights/mnist-morph.safetensors" in loaded
    assert all("://" not in url for url in loaded)
    photograph = Path(__file__).resolve().parents[2] / "examples" / "kitten_1024.jpg"
    with Image.open(photograph) as whole:
        picture = whole.convert("RGB").crop((300, 300, 390, 350))
    function = Upscaler.from_pretrained(device="cpu", precision="fp32").encode(picture)

    drop(browser, encoded(picture), "my cat.png")
    said(browser, "my cat.png: 90 x 50 pixels, a function after")
    browser.find_element("id", "split").send_keys(KEYS["home"])

    seen = set()
    for factor, x, y in WHEEL:
        zoom(browser, factor, x, y)
        pixels, window = view(browser)
        seen.add(tuple(window))
        expected = np.asarray(function.render(pixels.shape[:2], tuple(window)))
        assert abs(pixels - expected).max() <= 1
    assert len(seen) == len(WHEEL) == 12

    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    browser.execute_script("document.getElementById('width').value = 333")
    browser.find_element("css selector", "#save button").click()
    said(browser, "Saved my_cat_333x185.png", "saved")
    saved = tmp_path / "my_cat_333x185.png"
    wait(saved.exists)
    with Image.open(saved) as written:
        assert abs(np.asarray(written).astype(int) - np.asarray(function.render((185, 333)))).max() <= 1

    assert requests(browser) == []
    assert browser.get_log("browser") == []


def test_keys_and_the_split_work_and_the_address_keeps_the_window(browser, page):
    browser.get(page)
    said(browser, "a function after")
    stage = browser.find_element("id", "stage")
    whole, window = view(browser)
    assert window == [-1, -1, 1, 1]

    stage.send_keys("++", KEYS["right"])
    kept = view(browser)[1]
    assert kept[3] - kept[1] < 1.5
    assert kept[0] == pytest.approx(-kept[2])
    assert kept[1] > -kept[3] + 0.01
    wait(lambda: "window=" in browser.current_url)
    wait(lambda: browser.current_url.split("window=")[1].count(",") == 3)
    time.sleep(0.5)
    assert "#picture=kitten&" in browser.current_url
    hash_ = browser.current_url.split("window=")[1]
    assert [float(value) for value in hash_.split(",")] == pytest.approx(kept, abs=1e-4)

    stage.send_keys("0")
    assert view(browser)[1] == [-1, -1, 1, 1]
    browser.find_element("id", "split").send_keys(KEYS["end"])  # all of it is bicubic
    bicubic, _ = view(browser)
    middle = whole.shape[1] // 2
    assert (bicubic[:, : middle - 2] == whole[:, : middle - 2]).all()
    assert abs(bicubic[:, middle + 2 :] - whole[:, middle + 2 :]).max() > 20

    browser.get("about:blank")
    browser.get(f"{page}#window={hash_}")
    said(browser, "a function after")
    assert view(browser)[1] == pytest.approx(kept, abs=1e-3)


def test_fingers_zoom_the_wheel_zooms_about_the_cursor_and_another_model_keeps_the_picture(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(single_file(["photo-tiny", "mnist"]))
    browser.get(path.as_uri())
    said(browser, "a function after")
    box = browser.find_element("id", "stage").rect
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind: str, *places: float) -> None:
        points = [{"x": x + place, "y": y, "id": number} for number, place in enumerate(places)]
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -50, 50)
    touch("touchMove", -100, 100)
    touch("touchEnd")
    window = view(browser)[1]
    assert window[3] - window[1] == pytest.approx(1, abs=0.05)
    assert window[0] == pytest.approx(-window[2], abs=0.05)

    # A quarter of the stage above its middle stays where it is.
    place = (3 * window[0] + window[2]) / 4
    wheel = {"type": "mouseWheel", "x": x, "y": y - box["height"] / 4, "deltaX": 0, "deltaY": -200}
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", wheel)
    zoomed = wait(lambda: (seen := view(browser)[1]) != window and seen)
    assert zoomed[2] - zoomed[0] < 0.9
    assert (3 * zoomed[0] + zoomed[2]) / 4 == pytest.approx(place, abs=0.01)

    before, _ = view(browser)
    browser.find_element("css selector", "#model option:last-child").click()
    wait(lambda: (view(browser)[0] != before).any() and "a function after" in browser.find_element("id", "status").text)
    after, kept = view(browser)
    assert kept == zoomed
    middle = before.shape[1] // 2
    assert (after[:, : middle - 2] == before[:, : middle - 2]).all()
    assert (after[:, middle + 2 :] != before[:, middle + 2 :]).any()

    # Another picture is seen as a whole.
    drop(browser, encoded(Image.new("L", (9, 9))), "black.png")
    said(browser, "black.png: 9 x 9 pixels, a function after")
    assert view(browser)[1] == [-1, -1, 1, 1]


def test_what_cannot_be_opened_is_refused_with_a_sentence_and_the_picture_stays(browser, page):
    browser.get(page)
    said(browser, "a function after")
    before, _ = view(browser)
    heic = struct.pack(">I", 24) + b"ftypheic" + bytes(100)
    whole = encoded(Image.effect_noise((60, 60), 50))

    for content, name, words in [
        (b"", "", "no picture in what you gave"),
        (b"some words", "notes.txt", "notes.txt is broken, or no picture that this browser can read"),
        (heic, "phone.heic", "cannot read HEIC pictures; save phone.heic as JPEG or PNG"),
        (whole[:300], "cut.png", "cut.png is broken, or no picture"),
        (encoded(Image.new("L", (1000, 501))), "large.png", "1000 x 501 pixels, more than the 500,000"),
        (b"<img src=x onerror=alert(1)>", "<b>.txt", "<b>.txt is broken, or no picture"),
    ]:
        drop(browser, content, name)
        assert said(browser, words).endswith(".")
        assert (view(browser)[0] == before).all()

    browser.execute_script("document.getElementById('width').value = 60000")
    browser.find_element("css selector", "#save button").click()
    said(browser, "60000 x 60000 pixels are too many; give a width of at most 15811.", "saved")
    drop(browser, encoded(Image.fromarray(np.full((9, 9), 40000, np.uint16))), "deep.png")
    said(browser, "It has 16 bits: here it has 8.")
    film = [Image.new("L", (9, 9), grey) for grey in (0, 255)]
    drop(browser, encoded(film[0], save_all=True, append_images=film[1:]), "film.png")
    said(browser, "this is its first frame")
    drop(browser, encoded(Image.new("RGBA", (9, 9), (255, 0, 0, 128))), "glass.png")
    said(browser, "It is transparent: here on white.")


def test_saving_waits_for_the_encoder_leaves_the_view_free_and_can_be_stopped(browser, page, tmp_path):
    browser.get(page)
    said(browser, "a function after")
    button, tag = browser.find_element("css selector", "#save button"), browser.find_element("id", "right")
    drop(browser, encoded(Image.effect_noise((700, 500), 50)), "noise.png")
    wait(lambda: "%" in tag.text)
    assert not button.is_enabled()
    said(browser, "noise.png: 700 x 500 pixels, a function after")
    assert tag.text == "network"

    browser.execute_script("document.getElementById('width').value = 12000")
    button.click()
    said(browser, "% drawn", "saved")
    assert button.text == "Stop"
    _, window = view(browser)
    browser.find_element("id", "in").click()
    assert view(browser)[1] != window
    assert "% drawn" in browser.find_element("id", "saved").text
    button.click()
    said(browser, "Saving was stopped.", "saved")
    assert button.text == "Save PNG"


def test_a_file_can_be_chosen_again_and_pasted_words_are_no_picture(browser, page, tmp_path):
    browser.get(page)
    said(browser, "kitten: 64 x 64 pixels, a function after")
    Image.new("L", (9, 7)).save(tmp_path / "black.png")
    for _ in range(2):
        browser.find_element("id", "file").send_keys(str(tmp_path / "black.png"))
        said(browser, "black.png: 9 x 7 pixels, a function after")
        browser.find_element("css selector", ".example").click()
        said(browser, "kitten: 64 x 64 pixels, a function after")
    browser.execute_script(
        "const data = new DataTransfer(); data.setData('text/plain', '512');"
        "const paste = new ClipboardEvent('paste', {clipboardData: data, bubbles: true});"
        "document.getElementById('width').dispatchEvent(paste)"
    )
    assert "kitten" in browser.find_element("id", "status").text


def test_a_view_of_another_picture_is_not_taken_from_the_address(browser, page):
    browser.get(f"{page}#picture=my.png&window=0,0,0.1,0.1")
    said(browser, "kitten: 64 x 64 pixels, a function after")
    assert view(browser)[1] == [-1, -1, 1, 1]
    browser.get("about:blank")
    browser.get(f"{page}#picture=owl&window=0,0,0.1,0.1")
    said(browser, "owl: 32 x 32 pixels, a function after")
    assert view(browser)[1][0] > -0.1


DOCUMENTED = {(1280, "light"): "page_wide", (380, "dark"): "page_phone"}
WINDOWS = [(width, scheme) for width in (1280, 380) for scheme in ("light", "dark")]


def show(browser, page, width, scheme):
    """Show the page in a window of a width and a colour scheme, and wait for its first picture."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    resize(browser, width, 820)
    browser.get(page)
    said(browser, "a function after")


def resize(browser, width, height):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 800}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_the_page_fits_the_window_in_both_schemes(browser, page, tmp_path, width, scheme):
    show(browser, page, width, scheme)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    # Two device pixels for each CSS pixel.
    pixels, _ = view(browser)
    assert pixels.shape[1] == pytest.approx(2 * browser.find_element("id", "canvas").size["width"], abs=2)
    shown(browser, "morph", "dataset.share")
    # For docs/page.md: a window as high as the page, which grows with the window, once the fit has learnt something.
    browser.find_element("id", "train").click()
    wait(lambda: re.search("[1-9][0-9]{2,} steps", browser.find_element("id", "progress").text))
    browser.find_element("id", "train").click()
    for _ in range(2):
        resize(browser, width, browser.execute_script("return document.documentElement.scrollHeight"))
        view(browser)
    shown(browser, "morph", "dataset.share")
    shot = screenshot(browser, whole=False)
    if (name := DOCUMENTED.get((width, scheme))) is not None:
        save_for_docs(shot, name, tmp_path)
    corner = shot.convert("L").getpixel((2, 2))
    assert corner > 200 if scheme == "light" else corner < 60


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_axe_finds_nothing_that_keeps_people_out(browser, page, width, scheme):
    show(browser, page, width, scheme)
    shown(browser, "morph", "dataset.share")
    check_axe(browser)
