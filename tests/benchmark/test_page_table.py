"""The table of a comparison's page, and the page as a whole, in windows of all kinds."""

from pathlib import Path

import pytest
from screens import screenshot
from viewing import WINDOWS, canvases, choose, opened, show, wait

pytestmark = pytest.mark.slow


def test_the_table_sorts_by_every_column_and_missing_values_come_last(page, browser):
    opened(browser, page)

    def header(text: str):
        return next(one for one in browser.find_elements("css selector", "thead th") if one.text.startswith(text))

    def order() -> list[str]:
        return [one.text for one in browser.find_elements("css selector", "tbody th")]

    failed = "fit:<relu>"
    assert order() == ["bicubic", "fit:siren", failed, "amortized"]
    for text, first in [
        ("PSNR", ["amortized", "fit:siren", "bicubic"]),
        ("encode", ["bicubic", "amortized", "fit:siren"]),
        ("draw", ["fit:siren", "amortized", "bicubic"]),
        # As numbers, not as texts.
        ("numbers", ["bicubic", "fit:siren", "amortized"]),
    ]:
        header(text).find_element("css selector", "button").click()
        assert order() == [*first, failed]
        direction = "descending" if text == "PSNR" else "ascending"
        assert header(text).get_attribute("aria-sort") == direction
        header(text).find_element("css selector", "button").send_keys("\ue007")  # the Enter key
        assert order() == [*first[::-1], failed]
        assert header(text).get_attribute("aria-sort") != direction
        sorted_ = browser.find_elements("css selector", "th[aria-sort$=ending]")
        assert [one.text for one in sorted_] == [header(text).text]
    header("SSIM").find_element("css selector", "button").click()
    assert order()[:2] == ["bicubic", "fit:siren"]
    header("method").find_element("css selector", "button").click()
    assert order() == ["amortized", "bicubic", failed, "fit:siren"]
    assert "failed: ValueError: it was <b>bad</b>" in browser.find_element("id", "results").text


def test_columns_explain_themselves_to_pointers_keys_and_fingers(page, browser):
    from selenium.webdriver.common.action_chains import ActionChains

    opened(browser, page)
    tip = browser.find_element("id", "tip")
    psnr, ssim = browser.find_elements("css selector", ".sort")[1:3]
    assert not tip.is_displayed()
    ActionChains(browser).move_to_element(psnr).perform()
    assert wait(tip.is_displayed)
    assert tip.text.startswith("How close the picture is to the target")
    ActionChains(browser).move_to_element(browser.find_element("css selector", "h1")).perform()
    wait(lambda: not tip.is_displayed())
    browser.execute_script("arguments[0].focus()", ssim)
    assert tip.is_displayed()
    assert tip.text.startswith("Structural similarity")
    ssim.send_keys("\ue00c")  # the Escape key
    assert not tip.is_displayed()
    box = psnr.rect
    for kind, points in (("touchStart", [{"x": box["x"] + 5, "y": box["y"] + 5}]), ("touchEnd", [])):
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    wait(lambda: tip.is_displayed() and tip.text.startswith("How close"))
    assert browser.find_element("css selector", "th[aria-sort=descending]").text.startswith("PSNR")
    # Without a script, too.
    browser.find_element("css selector", "section details summary").click()
    assert browser.find_element("id", "about-psnr").is_displayed()


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
def test_the_page_fits_the_window_in_both_schemes_and_axe_finds_nothing(page, browser, width, scheme):
    show(browser, page, width, scheme)
    axe = Path(__file__).parents[1] / "web" / "node_modules" / "axe-core" / "axe.min.js"
    if axe.exists():
        browser.execute_script(axe.read_text())
    for mode in ("side", "slider", "error"):
        choose(browser, mode)
        # Two device pixels for each CSS pixel.
        canvas = browser.find_element("css selector", "#panes canvas")
        assert canvases(browser)[0].shape[1] == pytest.approx(2 * canvas.size["width"], abs=2)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        corner = screenshot(browser, whole=False).convert("L").getpixel((2, 2))
        assert corner > 200 if scheme == "light" else corner < 60
        if axe.exists():
            found = browser.execute_async_script("axe.run().then(arguments[0])")
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    if not axe.exists():
        pytest.skip("needs axe-core: npm install --prefix tests/web")
