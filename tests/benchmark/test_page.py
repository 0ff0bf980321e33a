"""The page of a comparison, in a real browser: pictures that zoom together, two under a slider."""

import base64
import json

import numpy as np
import pytest
from PIL import Image
from viewing import METHODS, NASTY, SIDE, canvases, choose, frame, labels, opened, wait, window, windows


def test_names_are_escaped_and_everything_is_inside(page):
    text = page.read_text()
    assert "<img src=x" not in text
    assert "how it was &lt;measured&gt;" in text
    assert "://" not in text
    assert "default-src 'none'" in text
    assert "'unsafe-inline'" not in text
    assert "'unsafe-eval'" not in text
    # Without latents nothing is compiled.
    assert "wasm" not in text.split("<style>")[0]
    assert text.count("</script>") == text.count("<script")
    held = text.split('id="held-0-0">')[1].split("<")[0]
    assert base64.b64decode(held).startswith(b"\x89PNG")


@pytest.mark.slow
def test_pictures_have_the_names_of_the_table_and_nothing_is_fetched(page, browser):
    opened(browser, page)
    assert NASTY in browser.title
    assert labels(browser) == ["input", *METHODS, "target"]
    rows = [one.text for one in browser.find_elements("css selector", "tbody th")]
    assert set(METHODS) < set(rows)
    found = canvases(browser)
    assert len(found) == 5
    for canvas, blue in zip(found[1:], [*METHODS.values(), 0.0], strict=True):
        assert window(canvas) == (0, 0, SIDE - 1, SIDE - 1)
        assert (canvas[..., 2] == round(255 * blue)).all()
    names = browser.execute_script(
        "return [...document.querySelectorAll('#panes canvas')].map((one) => one.getAttribute('aria-label'))"
    )
    assert names == ["input", "bicubic, 30.00 dB", "fit:siren, 31.00 dB", "amortized, 32.00 dB", "target"]

    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    # The browser's own start page asks for things too.
    asked = [one["request"]["url"] for one in sent if one["documentURL"] == page.as_uri()]
    assert page.as_uri() in asked
    assert [url for url in asked if url != page.as_uri() and not url.startswith("data:")] == []
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_wheel_fingers_drags_keys_and_buttons_move_all_pictures_together(page, browser):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    opened(browser, page)
    whole = windows(browser)
    assert set(whole) == {(0, 0, SIDE - 1, SIDE - 1)}
    stage = browser.find_element("id", "panes")
    browser.execute_script("arguments[0].scrollIntoView()", stage)
    scrolled = browser.execute_script("return scrollY")

    def together(condition) -> tuple[int, int, int, int]:
        """Wait for a window that every canvas shows."""
        (found,) = wait(lambda: len(all_ := set(windows(browser))) == 1 and condition(*all_) and all_)
        return found

    # A quarter of the second picture to the right of its middle stays where it is.
    box = frame(browser, 1)
    x, y = box["x"] + 0.75 * box["width"], box["y"] - scrolled + 0.5 * box["height"]
    wheel = {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": -300}
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", wheel)
    top, left, bottom, right = together(lambda seen: seen != whole[0])
    assert bottom - top < 0.7 * SIDE
    assert (left + 3 * right) / 4 == pytest.approx(0.75 * SIDE, abs=3)
    assert (top + bottom) / 2 == pytest.approx(SIDE / 2, abs=3)

    for kind, place in (("mousePressed", x), ("mouseMoved", x - 30), ("mouseReleased", x - 30)):
        event = {"type": kind, "x": place, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    dragged = together(lambda seen: seen[1] > left)
    assert dragged[1] - left == pytest.approx(30 / box["width"] * (right - left), abs=2)
    assert dragged[0] == top

    stage.send_keys("\ue015")  # the down arrow
    lower = together(lambda seen: seen[0] > top)
    stage.send_keys("+")
    assert together(lambda seen: seen != lower)[2] - lower[0] < lower[2] - lower[0]
    stage.send_keys("0")
    assert together(lambda seen: seen == whole[0])
    browser.find_element("id", "in").click()
    nearer = together(lambda seen: seen != whole[0])
    browser.find_element("id", "whole").click()
    assert together(lambda seen: seen == whole[0])

    def touch(kind: str, *places: float) -> None:
        points = [{"x": x + place, "y": y, "id": number} for number, place in enumerate(places)]
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -20, 20)
    touch("touchMove", -30, 30)
    touch("touchEnd")
    pinched = together(lambda seen: seen != whole[0])
    assert pinched[2] - pinched[0] == pytest.approx(nearer[2] - nearer[0], abs=3)

    # Every way of looking shows the same window, where a wider pane has room for more columns.
    choose(browser, "slider")
    (wider,) = {window(canvas) for canvas in canvases(browser)}
    assert wider[::2] == pytest.approx(pinched[::2], abs=2)
    assert wider[3] - wider[1] > pinched[3] - pinched[1]
    choose(browser, "side")
    assert set(windows(browser)) == {pinched}
    assert browser.get_log("browser") == []


@pytest.mark.slow
def test_the_slider_shows_two_methods_as_wide_as_the_window(page, browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.select import Select

    opened(browser, page)
    choose(browser, "slider")
    stage = browser.find_element("id", "panes")
    assert stage.size["width"] > 0.9 * browser.execute_script("return innerWidth")

    def split() -> float:
        """Where blue begins, as a share of the width: bicubic has none."""
        canvases(browser)
        stage.screenshot(str(tmp_path / "stage.png"))
        with Image.open(tmp_path / "stage.png") as shown:
            pixels = np.asarray(shown.convert("RGB")).astype(int)
        return float((pixels[20, :, 2] < 40).mean())

    Select(browser.find_element("id", "right")).select_by_value("fit:siren")
    assert Select(browser.find_element("id", "left")).first_selected_option.text == "bicubic, 30.00 dB"
    assert split() == pytest.approx(0.5, abs=0.03)
    line = browser.find_element("css selector", ".line")
    ActionChains(browser).move_to_element(line).click_and_hold().move_by_offset(100, 0).release().perform()
    moved = 0.5 + 100 / stage.size["width"]
    assert float(browser.find_element("id", "split").get_attribute("value")) == pytest.approx(100 * moved, abs=1)
    assert split() > 0.55
    browser.find_element("id", "split").send_keys("\ue010")  # the End key
    assert split() > 0.97
