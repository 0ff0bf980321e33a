"""The page of a real comparison; its screenshots are the pictures of docs/benchmark.md.

AMORTIZED_SR_PICTURES=docs pytest tests/benchmark/test_page_pictures.py
"""

from pathlib import Path

import pytest
from PIL import Image
from screens import save_for_docs, screenshot
from viewing import canvases, choose, show, wait

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_page_of_a_kitten_looks_as_in_the_documentation(cli, folder, browser, tmp_path):
    with Image.open(ROOT / "examples" / "kitten_1024.jpg") as kitten:
        kitten.convert("RGB").resize((128, 128), Image.Resampling.BICUBIC).save("kitten.png")
    methods = "nearest,bicubic,fit:siren,amortized,amortized+refine"
    options = ("--methods", methods, "--fit-steps", 60, "--refine", 5, "--zoomable", "-o", "out", "--device", "cpu")
    result = cli("compare", "kitten.png", "-s", 4, *options)
    assert result.code == 0
    assert "note: kitten.png: drawn anew at every zoom: amortized (0.21 MB" in result.err.replace("\n", " ")
    page = Path("out/compare.html").resolve()

    for name, width, scheme, mode in [
        ("compare_page", 1280, "light", "side"),
        ("compare_error", 1280, "dark", "error"),
        ("compare_phone", 380, "dark", "slider"),
    ]:
        show(browser, page, width, scheme, "kitten.png")
        choose(browser, mode)
        browser.execute_script(
            "const { view, redraw } = comparison, { length } = document.querySelectorAll('#panes canvas');"
            "view.zoom(3, -120 * length ** -0.5, 20); redraw()"
        )
        canvases(browser)
        if width < 800:
            browser.execute_script("document.querySelector('input[name=mode]').closest('section').scrollIntoView()")
        wait(lambda: browser.execute_script("return !comparison.isDrawing()"))
        # Of a wide window the whole page.
        shot = screenshot(browser, whole=width > 800)
        assert 2 * width - 40 < shot.width <= 2 * width
        save_for_docs(shot, name, tmp_path)
    assert browser.get_log("browser") == []
