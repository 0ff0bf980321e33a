"""What a reader of a comparison's page chooses: error maps, other images, fewer methods."""

import pytest
from viewing import METHODS, NASTY, RESULTS, canvases, choose, comparison, frame, labels, opened, wait, windows

from amortized_sr.benchmark import held_pictures
from amortized_sr.benchmark.page import write_page
from amortized_sr.benchmark.results_table import results_table

pytestmark = pytest.mark.slow


def test_the_error_map_is_the_amplified_difference_with_the_target(page, browser):
    from selenium.webdriver.support.select import Select

    opened(browser, page)
    choose(browser, "error")
    assert labels(browser) == list(METHODS)
    none, large, smaller = (canvas.reshape(-1, 3) for canvas in canvases(browser))
    assert (none == [0, 0, 4]).all()
    # Means over the colours of 85 and 33 levels: four times as bright, 63.8 and more have the brightest colour.
    assert (large == [252, 255, 164]).all()
    assert (smaller != large).any()
    assert browser.find_element("id", "legend-most").text == "63.8 or more of 255"
    Select(browser.find_element("id", "factor")).select_by_value("1")
    _, large, smaller = (canvas.reshape(-1, 3) for canvas in canvases(browser))
    # A third of the way is a third of the way from the second of five colours to the third.
    assert (abs(large - [121, 29, 101]) <= 1).all()
    assert (smaller != large).any()
    assert browser.find_element("id", "legend-most").text == "255 or more of 255"


def test_other_images_are_opened_and_without_a_target_there_is_no_error_map(page, browser):
    from selenium.webdriver.support.select import Select

    opened(browser, page)
    choose(browser, "error")
    image = Select(browser.find_element("id", "image"))
    assert [option.text for option in image.options] == ["first", NASTY, "third"]
    image.select_by_index(1)
    wait(lambda: f"{NASTY}: 256 x 256 pixels" in browser.find_element("id", "status").text)
    assert labels(browser) == list(METHODS)
    image.select_by_index(2)
    status = wait(lambda: "third: " in (text := browser.find_element("id", "status").text) and text)
    assert "There is no target, so there is no error map." in status
    assert not browser.find_element("css selector", "input[value=error]").is_enabled()
    assert browser.find_element("css selector", "input[value=side]").is_selected()
    assert labels(browser) == ["input", *METHODS]
    assert browser.get_log("browser") == []


def test_methods_can_be_left_out(page, browser):
    opened(browser, page)
    browser.find_element("css selector", "#choice summary").click()
    for box in browser.find_elements("css selector", "#methods input"):
        if box.get_attribute("value") != "fit:siren":
            box.click()
    assert labels(browser) == ["fit:siren"]
    assert frame(browser, 0)["width"] > 0.9 * browser.execute_script("return innerWidth")
    browser.find_element("css selector", "#methods input[value='fit:siren']").click()
    assert "No method is chosen" in browser.find_element("id", "status").text


def test_pictures_that_are_too_large_for_a_page_are_cropped_to_their_middle(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(held_pictures, "SHOWN_PIXELS", 5 * 128 * 128)
    path = tmp_path / "compare.html"
    notices = write_page(path, "large", "", results_table(RESULTS, ""), [comparison("huge")])
    note = "the middle 128x128 of 256x256 pixels, as many as a page holds."
    assert notices == [f"huge: {note}"]
    opened(browser, path, "huge")
    assert note[1:] in browser.find_element("id", "status").text
    assert set(windows(browser)) == {(64, 64, 191, 191)}
