"""Programs of others judge the server: the validator of the IIIF, and schemathesis. Both are skipped if absent."""

import functools
import io
import json
import subprocess
import sys
import urllib.request

import pytest
from PIL import Image
from serving import encoded, noise, running, service
from starlette.testclient import TestClient

pytestmark = pytest.mark.slow

DECLARED = 5

EXCUSED = {
    # It wants an error for !2000,3000 without ^. The specification asks for the region itself, "as large as possible
    # but not larger than the extracted region"; the test is disputed (validator issue 100).
    "size_noup",
    # It wants ^max to be 1000x1000 whatever the limits are, "needs a bit more thought" as its comment says; the
    # specification asks for the largest size that maxWidth, maxHeight and maxArea allow.
    "size_up",
    # It calls urllib.urlopen, which Python 3 does not have.
    "format_webp",
}


# Of level 3, but offered, like what format_webp and size_up ask for.
OFFERED = {"rot_mirror", "rot_mirror_180"}


def squares(colours: list[list[tuple[int, int, int]]]) -> bytes:
    """Return the validator's picture of 10x10 squares, whose 100 pixels a side are declared."""
    small = Image.new("RGB", (10, 10))
    for x, column in enumerate(colours):
        for y, colour in enumerate(column):
            small.putpixel((x, y), colour)
    return encoded(small.resize((1000 // DECLARED, 1000 // DECLARED), Image.Resampling.NEAREST))


def test_the_validator_of_the_iiif_finds_level_2(plain_weights, monkeypatch):
    validator = pytest.importorskip("iiif_validator.validator", reason="needs iiif-validator and libmagic")
    info = validator.ValidationInfo()
    # It gives up after three seconds, which a busy machine may need.
    patient = functools.partial(validator.urlopen, timeout=120)
    monkeypatch.setattr(validator, "urlopen", lambda request, **_: patient(request))
    failed, passed = {}, set()
    with running(service(plain_weights)) as address:
        sent = urllib.request.Request(f"{address}/v1/images", squares(info.colorInfo), {"Content-Type": "image/png"})
        with urllib.request.urlopen(sent) as answer:
            name = f"{json.loads(answer.read())['id']}@{DECLARED}"
        suite = validator.TestSuite(info)
        for test, facts in suite.list_tests("3.0").items():
            if facts["level"] > 2 and test not in EXCUSED | OFFERED:
                continue
            result = validator.ImageAPI(name, address.removeprefix("http://"), "iiif/3", "http", "", "3.0", debug=False)
            try:
                suite.run_test(test, result)
                problem = result.exception
            except Exception as error:  # it does not catch all of its own
                problem = error
            if problem is None:
                passed.add(test)
            else:
                failed[test] = f"{problem!r} {vars(problem)} {result.urls[-1:]}"
    assert set(failed) <= EXCUSED, failed
    assert {"region_pixels", "region_percent", "size_bwh", "rot_mirror", "jsonld", "cors", "baseurl_redirect"} <= passed
    assert len(passed) >= 25


def test_schemathesis_finds_no_failure_of_the_server(weights, tmp_path):
    """Every answer to a strange request is one that the description lists, and none is the server's fault."""
    pytest.importorskip("schemathesis", reason="needs schemathesis")
    served = service(weights, pixels=4096, area=2**16, cache_bytes=2**22)
    with running(served) as address:
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{address}/openapi.json",
            "--phases",
            "fuzzing,examples",
        ]
        command += ["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"]
        command += ["--max-examples", "10", "--seed", "1", "--no-color", "--exclude-path", "/openapi.json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "not_a_server_error" not in done.stdout


def test_real_pictures_in_strange_requests_are_no_failure_either(weights):
    """Random bytes are never a picture; these are, whole, cut or changed, so that requests come further."""
    import random

    choice = random.Random(0)
    contents = [encoded(noise(), "PNG"), encoded(noise(), "JPEG"), encoded(noise(), "TIFF"), encoded(noise(), "GIF")]
    values = [
        "",
        "0",
        "1",
        "2",
        "9" * 30,
        "nan",
        "-1",
        "4x4",
        "auto",
        "off",
        "true",
        "png",
        "jpg",
        "bmp",
        "avif",
        "tif",
        "#123",
    ]
    names = [
        "scale",
        "size",
        "width",
        "longest",
        "format",
        "quality",
        "compression",
        "background",
        "tta",
        "denoise",
        "dejpeg",
    ]
    seen = set()
    with TestClient(service(weights, area=2**14).app()) as browser:
        for _ in range(150):
            content = bytearray(choice.choice(contents))
            for _ in range(choice.choice((0, 0, 1, 5))):
                content[choice.randrange(len(content))] = choice.randrange(256)
            content = bytes(content[: choice.choice((None, None, 40, 400))])
            query = {name: choice.choice(values) for name in choice.sample(names, choice.choice((0, 1, 2, 3)))}
            query |= choice.choice(({}, {"scale": "2"}, {"width": "30"}))
            answer = browser.post(choice.choice(("/v1/upscale", "/v1/images")), params=query, content=content)
            seen.add(answer.status_code)
            if answer.status_code >= 300:
                assert json.loads(answer.content)["error"]
            elif answer.status_code == 200:
                Image.open(io.BytesIO(answer.content)).load()
    assert seen <= {200, 201, 400, 413, 422}
    assert {200, 400, 422} <= seen
