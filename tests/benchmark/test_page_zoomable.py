"""A page with latents, in a real browser: it draws what Python draws, in every window."""

from pathlib import Path

import numpy as np
import pytest
import torch
from viewing import canvases, opened, wait

from amortized_sr import Upscaler
from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Rendering
from amortized_sr.benchmark import held_pictures
from amortized_sr.benchmark.comparison import Comparison, MethodResult
from amortized_sr.benchmark.evaluation import Prediction
from amortized_sr.benchmark.page import write_page
from amortized_sr.benchmark.protocol import Quality
from amortized_sr.benchmark.results_table import results_table
from amortized_sr.benchmark.zoomable import zoomable
from amortized_sr.continuous import ContinuousImage
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.picture_tensor import tensor_to_picture
from amortized_sr.resize import shrink

pytestmark = pytest.mark.slow

TABLE = results_table([MethodResult("amortized")], "Means.")


def prediction(function: ContinuousImage, size: tuple[int, int]) -> Prediction:
    with torch.inference_mode():
        picture = function.render(size).clamp(0, 1)
    return Prediction(picture, Quality(), zoomable=zoomable(function, 0, size))


def comparison(name: str, image: torch.Tensor, functions: dict[str, ContinuousImage]) -> Comparison:
    size = 4 * image.shape[-2], 4 * image.shape[-1]
    return Comparison(name, image, None, {key: prediction(one, size) for key, one in functions.items()})


@torch.inference_mode()
def expected(function: ContinuousImage, size: tuple[int, int], window: tuple[float, ...]) -> np.ndarray:
    """Return a rendering as `Picture.render` gives it: shrunk where it has fewer pixels than the window shows."""
    rendering = Rendering(size, function.size, window)
    drawn = shrink(function.render(rendering.drawn, window), size)
    return np.asarray(tensor_to_picture(drawn).convert("RGB")).astype(int)


def check_windows(browser, functions: dict[str, ContinuousImage]) -> None:
    """Check that the panes, the input's left out, show what the functions render in several windows."""
    for factor, x, y in [(1, 0, 0), (2.3, 40, 20), (3, -60, -30), (4, 500, 500), (1e9, 0, 0)]:
        browser.execute_script("comparison.view.zoom(...arguments); comparison.redraw()", factor, x, y)
        shown = canvases(browser)[1:]
        window = tuple(map(float, browser.execute_script("return comparison.view.visible(devicePixelRatio).window")))
        for canvas, (name, function) in zip(shown, functions.items(), strict=True):
            if isinstance(function, AmortizedImage):
                difference = abs(canvas - expected(function, canvas.shape[:2], window))
                assert difference.max() <= 1, (name, window)
                assert (difference > 0).mean() < 0.05, (name, window)


def test_every_zoom_is_what_python_renders_and_other_methods_are_pixels(browser, tmp_path, told_weights):
    generator = torch.Generator().manual_seed(0)
    colours = torch.randint(0, 256, (1, 3, 21, 30), generator=generator) / 255
    noisy = colours + 0.1 * torch.randn(colours.shape, generator=generator)
    names = ("photo-tiny", "mnist", told_weights)
    photo, mnist, told = (Upscaler.from_pretrained(one, "cpu", precision="fp32") for one in names)
    functions = {
        "amortized": photo.encode(colours, noise="off", jpeg="off"),
        # A grey model sees each colour alone.
        "amortized:mnist": mnist.encode(colours, noise="off", jpeg="off"),
        # The image below its codes is corrected, and was not rounded.
        "amortized:told": told.encode(noisy, noise=25.0, jpeg="off"),
        "bicubic": InterpolatedImage.like_pillow(colours, "bicubic"),
    }
    path = tmp_path / "compare.html"
    notices = write_page(path, "zoomable", "", TABLE, [comparison("a.png", colours, functions)])

    assert notices == [
        "a.png: drawn anew at every zoom: amortized (0.13 MB of the page), amortized:mnist (0.25 MB of the page), "
        "amortized:told (0.13 MB of the page).",
        "a.png: pixels only: bicubic (no latent).",
    ]
    assert "'wasm-unsafe-eval'" in path.read_text()
    browser.set_window_size(1300, 1000)
    opened(browser, path, "a.png")
    status = browser.find_element("id", "status").text
    assert "Drawn anew at every zoom: amortized (0.13 MB of the page)" in status
    assert "Pixels only: bicubic (no latent)." in status
    captions = [one.text for one in browser.find_elements("css selector", "figcaption")]
    assert captions == ["input pixels", *(f"{name} drawn" for name in list(functions)[:3]), "bicubic pixels"]
    check_windows(browser, functions)
    # Between pixels of the prediction there is more than those pixels.
    furthest = canvases(browser)
    assert len(np.unique(furthest[1].reshape(-1, 3), axis=0)) > len(np.unique(furthest[4].reshape(-1, 3), axis=0))
    assert browser.get_log("browser") == []


def test_digits_and_their_autoencoder_are_drawn_too(browser, tmp_path, small_autoencoder, autoencoder_weights):
    digit = torch.rand(1, 1, 8, 8)
    names = ("mnist", "photo-tiny", autoencoder_weights)
    mnist, photo, auto = (Upscaler.from_pretrained(one, "cpu", precision="fp32") for one in names)
    functions = {
        "amortized": mnist.encode(digit, noise="off", jpeg="off"),
        # A colour model's mean is a grey image.
        "amortized:photo-tiny": photo.encode(digit, noise="off", jpeg="off"),
        "autoencoder": auto.encode(digit),
    }
    path = tmp_path / "compare.html"
    write_page(path, "digits", "", TABLE, [comparison("digit 0", digit, functions)])

    opened(browser, path, "digit 0")
    check_windows(browser, functions)
    assert browser.get_log("browser") == []


def test_latents_that_do_not_fit_are_left_out_with_a_sentence(tmp_path, small_weights, monkeypatch):
    image = torch.rand(1, 3, 8, 8)
    function = Upscaler.from_pretrained(small_weights, "cpu", precision="fp32").encode(image)
    monkeypatch.setattr(held_pictures, "LARGEST_LATENTS", 20_000)
    images = [comparison(name, image, {"amortized": function}) for name in ("first", "second")]

    notices = write_page(tmp_path / "compare.html", "", "", TABLE, images)

    assert notices == [
        "first: drawn anew at every zoom: amortized (0.013 MB of the page).",
        "second: pixels only: amortized (all latents of a page take at most 0 MB).",
    ]
    text = (tmp_path / "compare.html").read_text()
    assert 'id="held-0-1-latent"' in text
    assert 'id="held-1-1-latent"' not in text


def test_a_browser_that_cannot_draw_shows_pixels_and_says_why(browser, tmp_path, small_weights):
    image = torch.rand(1, 3, 8, 8)
    function = Upscaler.from_pretrained(small_weights, "cpu", precision="fp32").encode(image)
    path = Path(tmp_path / "compare.html")
    one = comparison("a.png", image, {"amortized": function})
    write_page(path, "", "", TABLE, [one])
    before, after = path.read_text().split('id="held-core.wasm">')
    path.write_text(f'{before}id="held-core.wasm">AAAA{after[after.index("<") :]}')

    opened(browser, path, "a.png")

    wait(lambda: "Pixels only: This browser has no WebAssembly with SIMD" in browser.find_element("id", "status").text)
    captions = [one.text for one in browser.find_elements("css selector", "figcaption")]
    assert captions == ["input pixels", "amortized pixels"]
    shown = canvases(browser)[1]
    picture = tensor_to_picture(one.predictions["amortized"].picture)
    assert abs(shown[0, 0] - np.asarray(picture)[0, 0]).max() <= 1
