"""The page of a study: complete, safe, and readable on a telephone, in a real browser."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr.analysis.figures import bars, curves, direction_map, line_overlay, magnitude_map, signed_map
from amortized_sr.analysis.page import STUDY_FILES, write_study
from amortized_sr.analysis.report import as_text, tables
from amortized_sr.analysis.study import middle_part, study
from amortized_sr.benchmark.methods import Method, MethodSettings, method

NASTY = "<img src=x onerror=\"document.title='broken'\"> & 'quotes'.png"


def picture(height=20, width=24, colours=3):
    """A photograph's stand-in: an edge, waves and a flat part."""
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    waves = 0.5 + 0.2 * torch.sin(1.7 * x + y) * torch.sin(1.3 * y) * (y < height / 3)
    return (waves + 0.25 * torch.tanh(x - 12) * (y > height / 3)).expand(1, colours, -1, -1).clone()


def failing(images, faults):
    raise RuntimeError("no <luck>")


@pytest.fixture(scope="module")
def found():
    methods = [method(name, MethodSettings(device="cpu")) for name in ("bilinear", "amortized")]
    methods.append(Method("failing", failing))
    return study([("first", picture()), (NASTY, picture(16, 18, 1))], methods, lambda text: None)


@pytest.fixture
def folder_of(found, tmp_path):
    write_study(tmp_path, found, "a machine")
    return tmp_path


def test_the_page_holds_everything_and_names_are_escaped(folder_of):
    text = (folder_of / "linearity.html").read_text()
    assert {path.name for path in folder_of.iterdir()} == set(STUDY_FILES)
    assert "<img src=x" not in text
    assert "failing failed: RuntimeError: no &lt;luck&gt;" in text
    assert "http://" not in text
    assert "https://" not in text
    assert "<script" not in text
    assert "default-src 'none'" in text
    sources = set(re.findall(r'(?:src|href)="([^"]+)"', text))
    assert len(sources) > 20
    for source in sources:
        assert source.startswith("data:image/png;base64,")
        with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as opened:
            opened.load()


def test_numbers_tell_linear_maps_from_others(folder_of):
    content = json.loads((folder_of / "linearity.json").read_text())
    bilinear, amortized, failed = content["methods"]
    assert failed["error"] == "RuntimeError: no <luck>"
    assert max(one["image"]["relative"] for one in bilinear["mixtures"]) < 1e-5
    assert min(one["image"]["relative"] for one in amortized["mixtures"]) > 1e-4
    assert max(one["latent"]["relative"] for one in amortized["mixtures"]) < 1e-5
    first, second = content["images"]
    assert (first["image"], first["height"], first["width"]) == ("first", 20, 24)
    assert (second["height"], second["width"]) == (16, 18)
    functions = first["functions"]
    assert list(functions) == ["bilinear", "amortized"]
    assert functions["bilinear"]["departure"]["rows"]["relative"] < 1e-5
    assert functions["amortized"]["departure"]["rows"]["relative"] > 0.01
    for kernel in functions["bilinear"]["kernels"]:
        assert kernel["pixels"] == pytest.approx(4, abs=1e-3)
    assert max(kernel["pixels"] for kernel in functions["amortized"]["kernels"]) > 4.5
    assert functions["bilinear"]["psnr_by_bits"] is None
    assert set(functions["amortized"]["psnr_by_bits"]) == {"float", "8", "6", "4"}


def test_tables_are_means_over_the_images(found):
    coordinates, mixtures, kernels, bits = tables(found)
    values = [one.functions["amortized"].departures.directions["rows"].relative for one in found.images]
    assert coordinates[1][2][:2] == ["amortized", f"{sum(values) / 2:.3f}"]
    assert [line[0] for line in mixtures[1]] == ["method", *["bilinear"] * 3, *["amortized"] * 3]
    assert {line[1] for line in kernels[1][1:]} >= {"flat", "edge"}
    assert [line[0] for line in bits[1]] == ["method", "amortized"]
    assert "bilinear" in as_text(coordinates)


def test_without_a_method_that_works_there_is_no_table_and_still_a_page(tmp_path):
    nothing = study([("a", picture())], [Method("failing", failing)], lambda text: None)
    assert tables(nothing) == []
    write_study(tmp_path, nothing, "a machine")
    assert "failing failed" in (tmp_path / "linearity.html").read_text()


@pytest.mark.parametrize("image", [torch.full((1, 3, 6, 7), 0.5), torch.rand(1, 1, 1, 7), torch.rand(1, 3, 5, 1)])
def test_constant_and_narrow_images_have_pages_without_numbers_that_are_none(image, tmp_path):
    methods = [method(name, MethodSettings(device="cpu")) for name in ("nearest", "lanczos", "amortized")]
    found = study([("odd", image)], methods, lambda text: None)
    assert [one.error for one in found.methods] == [None] * 3
    write_study(tmp_path, found, "a machine")
    assert "NaN" not in (tmp_path / "linearity.json").read_text()
    assert " nan" not in (tmp_path / "linearity.html").read_text().lower()


def test_the_middle_of_an_image_is_its_middle():
    image = torch.arange(35.0).view(1, 1, 5, 7)
    assert middle_part(image, (3, 3))[0, 0].tolist() == [[9, 10, 11], [16, 17, 18], [23, 24, 25]]
    assert middle_part(image, (9, 2)).shape == (1, 1, 5, 2)


def test_colours_say_what_captions_say():
    values = np.array([[-1.0, 0.0, 1.0]])
    signed = np.asarray(signed_map(values, 1.0))[0]
    assert signed[0, 2] > signed[0, 0]
    assert signed[1].min() > 240
    assert signed[2, 0] > signed[2, 2]
    light = np.asarray(magnitude_map(np.array([[0.0, 0.5, 2.0]]), 1.0))[0]
    assert light.sum(axis=1).tolist() == sorted(light.sum(axis=1).tolist())
    assert light[0].sum() < 10
    right, down, none = np.asarray(direction_map(np.array([[[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]]), 1.0))[0]
    assert right.argmax() == 0
    assert down.argmax() == 1
    assert none.max() == 0
    for one in (magnitude_map(0 * values, 0.0), signed_map(0 * values, 0.0)):
        assert len(np.unique(np.asarray(one))) <= 3


def test_drawings_have_the_places_that_are_asked_for():
    overlay = line_overlay("data:,", (4, 8), np.array([[[0.0, 1.0], [2.0, 3.0]]]))
    assert 'viewBox="0 0 8 4"' in overlay
    assert "M1.5 0.5L3.5 2.5" in overlay
    drawn = curves([("lanczos", [-1.0, 0.0, 9.0], [0.0, 1.0, 5.0]), ("dots", [0.0], [-1.0])], 2.0)
    # What lies outside is not drawn; 1 is at the top, -1 at the bottom.
    assert 'class="lanczos" d="M62.0 60.0 L120.0 4.0"' in drawn
    assert 'class="dots" d="M120.0 116.0h.01"' in drawn
    assert bars([1.0, *[0.0] * 7]).count("<rect") == 8


@pytest.mark.slow
def test_a_browser_shows_every_figure_and_a_telephone_needs_no_sideways_scrolling(folder_of, browser):
    page = folder_of / "linearity.html"
    browser.get(page.as_uri())
    assert browser.title == "How linear 2 images as functions are"
    closed = browser.find_elements("css selector", "details:not([open])")
    assert len(closed) == 1
    assert NASTY in closed[0].find_element("css selector", "summary").text
    broken = "return [...document.images].filter((one) => !one.complete || one.naturalWidth === 0).length"
    assert browser.execute_script(broken) == 0
    # A window may not become so narrow, a frame does.
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 380, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 380
    widths = browser.execute_script("return [...document.querySelectorAll('figure')].map((one) => one.clientWidth)")
    assert all(width >= 140 for width in widths if width)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in sent if url.startswith("http")] == []
    assert browser.get_log("browser") == []
