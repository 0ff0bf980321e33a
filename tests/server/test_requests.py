"""Pictures that are sent, `upscale` over HTTP, models, the page and what the server says about itself."""

import json
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from serving import client, decoded, encoded, noise, send, service
from starlette.testclient import TestClient

from amortized_sr.image_io.reading import read_image
from amortized_sr.server.openapi import openapi
from amortized_sr.server.upscale_query import ENCODING, UPSCALING


@pytest.fixture
def browser(weights):
    with client(weights) as opened:
        yield opened


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_picture_that_is_sent_gets_an_id_until_it_expires(browser, method):
    before = datetime.now(UTC).timestamp()
    answer = browser.request(method, "/v1/images", content=encoded(noise()))
    facts = answer.json()
    assert answer.status_code == 201
    assert (facts["width"], facts["height"], facts["notices"]) == (20, 14, [])
    assert facts["info"] == answer.headers["location"] == f"http://testserver/iiif/3/{facts['id']}/info.json"
    assert datetime.fromisoformat(facts["expires"]).timestamp() - before == pytest.approx(3600, abs=120)
    assert browser.get(facts["info"]).json()["width"] == 20


def test_a_picture_can_be_forgotten(browser):
    place = send(browser, noise())
    address = place.replace("/iiif/3/", "/v1/images/")
    assert browser.delete(address).status_code == 204
    assert browser.get(f"{place}/info.json").status_code == 404
    assert browser.delete(address).status_code == 404


def test_what_a_drawing_cannot_keep_is_said(browser):
    clear = noise().convert("RGBA")
    clear.putalpha(100)
    answer = browser.post("/v1/images", content=encoded(clear)).json()
    assert answer["notices"] == ["transparency is put on white; POST /v1/upscale keeps it"]
    deep = BytesIO()
    tifffile.imwrite(deep, np.full((9, 9), 40_000, np.uint16))
    answer = browser.post("/v1/images", content=deep.getvalue()).json()
    assert answer["notices"] == ["the picture is drawn with 8 bits; POST /v1/upscale keeps its depth"]
    drawn = decoded(browser.get(f"/iiif/3/{answer['id']}/full/max/0/default.png").content)
    # The model is a random one.
    assert abs(np.asarray(drawn).astype(int) - round(40_000 / 257)).max() <= 20


def test_the_compression_of_a_jpeg_is_told_to_a_model_that_reads_it(told_weights):
    with client(told_weights) as browser:
        content = encoded(noise(32, 32), "JPEG", quality=20)
        drawn = {
            dial: browser.get(f"{send(browser, content, dejpeg=dial)}/full/^64,/0/default.png").content
            for dial in ("auto", "off", "20", "60")
        }
    assert drawn["auto"] == drawn["20"]
    assert len(set(drawn.values())) == 3


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ({"scale": "2.5"}, ["-s", "2.5"]),
        ({"size": "31x17", "format": "tif", "compression": "9"}, ["--size", "31x17", "-f", "tif", "--compression=9"]),
        ({"longest": "50", "format": "jpg", "quality": "70"}, ["--longest", "50", "-f", "jpg", "--quality", "70"]),
        ({"width": "33", "tta": "true", "format": "webp"}, ["--width", "33", "--tta", "-f", "webp"]),
        ({"height": "9", "format": "bmp", "background": "red"}, ["--height", "9", "-f", "bmp", "--background", "red"]),
    ],
)  # fmt: skip
def test_upscale_makes_the_bytes_that_the_command_line_makes(browser, weights, folder, cli, query, options):
    clear = noise().convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize((20, 14)))
    clear.save(folder / "a.png")
    answer = browser.post("/v1/upscale", params=query, content=(folder / "a.png").read_bytes())
    assert answer.status_code == 200, answer.text
    suffix = query.get("format", "png")
    done = cli("upscale", "a.png", "--model", weights, "--engine", "torch", "-o", f"out.{suffix}", *options, "-q")
    assert done.code == 0, done.err
    assert answer.content == (folder / f"out.{suffix}").read_bytes()


def test_all_depths_profiles_and_animations_are_kept(browser):
    random = np.random.default_rng(0)
    for values in (
        random.integers(0, 65536, (9, 7, 3)).astype(np.uint16),
        random.random((9, 7)).astype(np.float32),
    ):
        deep = BytesIO()
        tifffile.imwrite(deep, values)
        answer = browser.post("/v1/upscale", params={"scale": "2", "format": "tif"}, content=deep.getvalue())
        assert answer.headers["content-type"] == "image/tiff"
        made = tifffile.imread(BytesIO(answer.content))
        assert (made.dtype, made.shape[:2]) == (values.dtype, (18, 14))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(noise(), icc_profile=profile)
    assert decoded(browser.post("/v1/upscale?scale=2", content=content).content).info["icc_profile"] == profile
    assert (
        decoded(browser.get(f"{send(browser, content)}/full/^40,/0/default.jpg").content).info["icc_profile"] == profile
    )
    film = encoded(noise(), save_all=True, append_images=[noise(seed=1)], duration=100)
    made = read_image(Path("film"), browser.post("/v1/upscale?scale=2", content=film).content)
    assert (len(made.frames), made.size, made.durations) == (2, (28, 40), [100, 100])


def test_notices_stand_in_a_header_that_any_text_fits(browser):
    deep = encoded(Image.fromarray(np.full((9, 9), 40_000, np.uint16)))
    answer = browser.post("/v1/upscale?scale=2&format=jpg", content=deep)
    assert json.loads(answer.headers["x-notices"]) == [
        "16 bits become 8; JPEG holds no more, choose PNG or TIFF to keep them"
    ]
    texts = PngInfo()
    texts.add_text("Ünïcode\tkey", "value")
    content = encoded(noise(), pnginfo=texts)
    answer = browser.post("/v1/upscale?scale=2&format=jpg&strip_metadata=false", content=content)
    (notice,) = json.loads(answer.headers["x-notices"])
    assert "code\tkey" in notice
    assert answer.headers["x-notices"].isprintable()
    many = PngInfo()
    for number in range(300):
        many.add_text(f"key {number} {'x' * 60}", "value")
    content = encoded(noise(), pnginfo=many)
    answer = browser.post("/v1/upscale?scale=2&format=jpg&strip_metadata=false", content=content)
    assert json.loads(answer.headers["x-notices"]) == ["1 notices, too long for a header"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "choose one of scale, size, width, height, longest; got none"),
        ({"scale": "2", "width": "5"}, "got scale and width"),
        ({"scale": "nan"}, "scale must be a number such as 4 or 3.7, got 'nan'"),
        ({"scale": "0"}, "scale must be a positive number"),
        ({"scale": "9" * 5000}, "scale must be a number"),
        ({"scale": "1e3"}, "scale must be a number"),
        ({"scale": "99999"}, "makes more than 65536x65536 pixels of a single one"),
        ({"scale": "500"}, "10000x7000 pixels are above the limit of 8,388,608 pixels"),
        ({"size": "5"}, "size must be WIDTHxHEIGHT"),
        ({"size": "0x5"}, "size must be (height, width) in whole pixels, at least 1 each"),
        ({"width": "16384"}, "above the limit of 8,388,608 pixels and 16,383 a side"),
        ({"width": "-5"}, "width must be a whole number from 1 to 999,999"),
        ({"width": "٣"}, "width must be a whole number"),
        ({"scale": "2", "format": "exe"}, "format must be one of png, jpg"),
        ({"scale": "2", "format": "../x.png"}, "format must be one of png, jpg"),
        ({"scale": "2", "quality": "101"}, "quality must be a whole number from 1 to 100"),
        ({"scale": "2", "background": "url(x)"}, "background must be a colour"),
        ({"scale": "2", "tta": "yes"}, "tta must be true or false"),
        ({"scale": "2", "denoise": "76"}, "from 0 to 75 (of 255), got 76 (parameter denoise)"),
        ({"scale": "2", "denoise": "15"}, "this one does not; "),
        ({"scale": "2", "dejpeg": "good"}, "dejpeg must be auto, off or a number"),
        ({"scale": "2", "model": "/etc/passwd"}, "there is no model '/etc/passwd'; there are small"),
        ({"scale": "2", "path": "/etc/passwd"}, "there is no parameter 'path'; there are scale, size"),
        ({"scale": "2", "output": "x"}, "there is no parameter 'output'"),
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused_with_a_sentence(browser, query, sentence):
    answer = browser.post("/v1/upscale", params=query, content=encoded(noise()))
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert len(answer.json()["error"]) < 400


def test_a_parameter_is_given_once(browser):
    answer = browser.post("/v1/upscale?scale=2&scale=3", content=encoded(noise()))
    assert (answer.status_code, answer.json()["error"]) == (400, "scale is given twice; give it once")


def test_the_models_are_named_as_requests_name_them(browser, weights):
    (facts,) = browser.get("/v1/models").json()["models"]
    assert (facts["name"], facts["default"], facts["kind"], facts["channels"]) == ("small", True, "upscaler", 3)
    named = browser.post("/v1/upscale?scale=2&model=small", content=encoded(noise())).content
    assert named == browser.post("/v1/upscale?scale=2", content=encoded(noise())).content


def test_the_page_is_served_with_its_parts(browser):
    page = browser.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Small pictures at any size" in page.text
    for name in ("app.js", "worker.js", "style.css", "core.wasm", "weights/small.safetensors", "examples/owl_32.png"):
        assert browser.get(f"/{name}").status_code == 200, name
    assert browser.get("/core.wasm").headers["content-type"] == "application/wasm"
    tag = page.headers["etag"]
    assert browser.get("/", headers={"If-None-Match": tag}).status_code == 304


def test_an_autoencoder_is_served_and_the_page_draws_with_the_default_model(autoencoder_weights):
    with client(autoencoder_weights) as browser:
        assert browser.get("/weights/photo-tiny.safetensors").status_code == 200
        # The page morphs with it.
        assert browser.get("/weights/autoencoder.safetensors").status_code == 200
        place = send(browser, noise(8, 8).convert("L"))
        assert decoded(browser.get(f"{place}/full/^30,30/0/default.png").content).size == (30, 30)


def test_the_description_for_programs_names_every_address_and_parameter(browser):
    description = browser.get("/openapi.json").json()
    assert description == json.loads(json.dumps(openapi(description["info"]["version"])))
    named = {
        path: [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"]
        for path, operations in description["paths"].items()
        for operation in operations.values()
    }
    assert named["/v1/upscale"] == list(UPSCALING)
    assert named["/v1/images"] == list(ENCODING)
    for path, operations in description["paths"].items():
        filled = path.format(
            identifier="0" * 32, region="full", size="max", rotation="0", quality="default", format="jpg"
        )
        for method in ("get", "post", "put", "delete"):
            status = browser.request(method.upper(), filled).status_code
            assert (status != 405) == (method in operations), (path, method)


def test_the_server_says_that_it_is_well(browser):
    assert browser.get("/healthz").json() == {"status": "ok"}


def test_an_address_with_nothing_is_refused_with_a_sentence(browser):
    for path in ("/nothing", "/v1", "/v1/images/", "/iiif/3/", "/iiif/2/x/info.json", "/healthz/"):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert answer.json() == {"error": "there is nothing at this address; /openapi.json lists the addresses"}
    answer = browser.get("/v1/upscale")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"] == "this address does not take 'GET'; /openapi.json says what it takes"


def test_a_failure_of_the_server_tells_nothing_of_its_inside(weights, monkeypatch):
    def fail(*_: object) -> None:
        raise KeyError("secret path")

    with TestClient(service(weights).app(), raise_server_exceptions=False) as browser:
        place = send(browser, noise())
        monkeypatch.setattr("amortized_sr.server.app.draw_view", fail)
        answer = browser.get(f"{place}/full/max/0/default.png")
        assert (answer.status_code, answer.json()) == (500, {"error": "the server failed; its log says why"})
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert browser.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("*, gzip; q=0.0", None),
        ("", None),
    ],
)
def test_the_page_comes_compressed_to_clients_that_take_it(browser, accepted, encoding):
    plain = browser.get("/app.js", headers={"Accept-Encoding": ""})
    answer = browser.get("/app.js", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    # The client unpacks.
    assert answer.content == plain.content
    assert (answer.headers["etag"] == plain.headers["etag"]) == (encoding is None)


def test_the_page_and_its_code_are_light(browser):
    names = ("/", "/app.js", "/worker.js", "/style.css", "/core.wasm")
    sizes = [int(browser.get(name, headers={"Accept-Encoding": "gzip"}).headers["content-length"]) for name in names]
    assert sum(sizes) <= 25_000
