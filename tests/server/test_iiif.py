"""Drawings over HTTP are those of `Picture.render`, and `info.json` says what can be drawn."""

import numpy as np
import pytest
from serving import client, decoded, encoded, noise, send

from amortized_sr import Upscaler
from amortized_sr.coords import WHOLE, pixel_window


@pytest.fixture
def browser(weights):
    with client(weights) as opened:
        yield opened


@pytest.fixture
def function(weights):
    return Upscaler.from_pretrained(weights, "cpu").encode(noise())


def pixels(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(decoded(answer.content)).astype(int)


def test_a_drawing_is_the_rendering_of_its_window(browser, function):
    place = send(browser, noise())
    for region, window in [
        ("full", WHOLE),
        ("square", pixel_window((0, 3, 14, 17), (14, 20))),
        ("5,2,10,7", pixel_window((2, 5, 9, 15), (14, 20))),
        ("pct:10,25,50,50", (-0.5, -0.8, 0.5, 0.2)),
        ("15,10,99,99", pixel_window((10, 15, 14, 20), (14, 20))),
    ]:
        for asked, size in [("^90,60", (60, 90)), ("^37,", None), ("3,2", (2, 3))]:
            drawn = pixels(browser.get(f"{place}/{region}/{asked}/0/default.png"))
            assert drawn.shape[1] == int(asked.strip("^").split(",")[0])
            expected = np.asarray(function.render(size or drawn.shape[:2], window)).astype(int)
            assert abs(drawn - expected).max() <= 1, (region, asked)


def test_a_declared_size_only_changes_what_numbers_mean(browser, function):
    place = send(browser, noise())
    near = pixels(browser.get(f"{place}@64/320,128,640,448/256,/0/default.png"))
    assert (near == pixels(browser.get(f"{place}/5,2,10,7/^256,/0/default.png"))).all()
    # Without ^: the declared picture is as large as that.
    whole = pixels(browser.get(f"{place}@64/full/max/0/default.png"))
    assert whole.shape == (64 * 14, 64 * 20, 3)


def test_tiles_join_without_a_seam(browser, function):
    place, side = send(browser, noise()), 256
    declared = (14 * 64, 20 * 64)
    whole = np.asarray(function.render(declared)).astype(int)
    joined = np.zeros_like(whole)
    for top in range(0, declared[0], side):
        for left in range(0, declared[1], side):
            high, wide = min(side, declared[0] - top), min(side, declared[1] - left)
            tile = pixels(browser.get(f"{place}@64/{left},{top},{wide},{high}/{wide},{high}/0/default.png"))
            joined[top : top + high, left : left + wide] = tile
    assert abs(joined - whole).max() <= 1


def test_turns_mirrors_and_qualities_are_those_of_the_same_drawing(browser):
    place = send(browser, noise())
    plain = pixels(browser.get(f"{place}/full/^60,/0/default.png"))
    for turns, angle in enumerate(("0", "90", "180", "270")):
        turned = pixels(browser.get(f"{place}/full/^60,/{angle}/color.png"))
        assert (turned == np.rot90(plain, -turns)).all()
        mirrored = pixels(browser.get(f"{place}/full/^60,/!{angle}/color.png"))
        assert (mirrored == np.rot90(plain[:, ::-1], -turns)).all()
    grey = decoded(browser.get(f"{place}/full/^60,/0/gray.png").content)
    assert grey.mode == "L"
    assert abs(np.asarray(grey) - plain @ [0.299, 0.587, 0.114]).max() <= 1
    black = decoded(browser.get(f"{place}/full/^60,/0/bitonal.png").content)
    assert sorted(colour for _, colour in black.convert("L").getcolors()) == [0, 255]


@pytest.mark.parametrize(("suffix", "kind", "error"), [("png", "PNG", 0), ("jpg", "JPEG", 6), ("webp", "WEBP", 15)])
def test_formats_are_what_their_names_say(browser, suffix, kind, error):
    smooth = noise(4, 4).resize((20, 14))
    place = send(browser, smooth)
    answer = browser.get(f"{place}/full/^100,/0/default.{suffix}")
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert decoded(answer.content).format == kind
    plain = pixels(browser.get(f"{place}/full/^100,/0/default.png"))
    assert abs(np.asarray(decoded(answer.content).convert("RGB")).astype(int) - plain).mean() <= error


def test_the_description_holds_what_viewers_need(browser):
    place = send(browser, noise())
    answer = browser.get(f"{place}@64/info.json")
    info = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert info["id"] == f"http://testserver{place}@64"
    assert (info["type"], info["profile"], info["width"], info["height"]) == ("ImageService3", "level2", 1280, 896)
    assert "sizeUpscaling" in info["extraFeatures"]
    # The coarsest tile shows the whole, the finest is not enlarged.
    assert info["tiles"] == [{"width": 256, "height": 256, "scaleFactors": [1, 2, 4, 8]}]
    assert info["width"] <= 256 * 8
    linked = browser.get(f"{place}/info.json", headers={"Accept": "application/ld+json"}).headers["content-type"]
    assert linked == 'application/ld+json;profile="http://iiif.io/api/image/3/context.json"'


def test_a_bare_id_leads_to_its_description(browser):
    place = send(browser, noise())
    answer = browser.get(f"{place}@3")
    assert (answer.status_code, answer.headers["location"]) == (303, f"http://testserver{place}@3/info.json")


def test_the_limits_that_are_declared_hold(weights):
    with client(weights, area=10_000) as browser:
        place = send(browser, noise())
        assert browser.get(f"{place}/info.json").json()["maxArea"] == 10_000
        drawn = pixels(browser.get(f"{place}/full/^max/0/default.png"))
        assert 9_000 < drawn.shape[0] * drawn.shape[1] <= 10_000
        refused = browser.get(f"{place}/full/^101,100/0/default.png")
        assert refused.status_code == 400
        sentence = "101x100 pixels are above the limit of 10,000 pixels and 16,383 a side; ask for a smaller size"
        assert refused.json() == {"error": sentence}


def test_what_was_seen_before_is_not_drawn_again(browser, monkeypatch):
    place, again = send(browser, noise()), send(browser, noise())
    address = "/full/^60,/0/default.png"
    tag = browser.get(place + address).headers["etag"]
    # The same file again is the same drawing; another size, format or picture is not.
    assert browser.get(again + address).headers["etag"] == tag
    for other in (
        f"{place}/full/^61,/0/default.png",
        f"{place}/full/^60,/0/default.jpg",
        f"{place}/full/^60,/90/default.png",
    ):
        assert browser.get(other).headers["etag"] != tag
    assert browser.get(send(browser, noise(seed=1)) + address).headers["etag"] != tag
    monkeypatch.setattr("amortized_sr.server.app.draw_view", lambda *_: pytest.fail("it was drawn again"))
    answer = browser.get(place + address, headers={"If-None-Match": f'"other", {tag}'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


def test_viewers_of_other_sites_may_read(browser):
    place = send(browser, noise())
    asked = {"Origin": "https://viewer.example", "Access-Control-Request-Method": "GET"}
    allowed = browser.options(f"{place}/info.json", headers=asked)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert "GET" in allowed.headers["access-control-allow-methods"]
    wrong = browser.get(f"{place}/full/401,/0/default.png", headers={"Origin": "https://viewer.example"})
    assert (wrong.status_code, wrong.headers["access-control-allow-origin"]) == (400, "*")


def test_a_grey_picture_stays_grey_in_every_format(browser):
    place = send(browser, encoded(noise().convert("L")))
    for suffix in ("png", "jpg", "webp"):
        colours = np.asarray(decoded(browser.get(f"{place}/full/^60,/0/default.{suffix}").content).convert("RGB"))
        assert (np.ptp(colours.astype(int), axis=-1) <= 2).all()
