"""`analyze` from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

pytestmark = pytest.mark.usefixtures("folder")

QUICK = ("--methods", "bilinear,fit:relu", "--fit-steps", 3)


def image(name, height=10, width=12):
    y, x = np.mgrid[0:height, 0:width]
    values = np.stack([127 + 120 * np.sin(x / 2 + k) * np.cos(y / 3 - k) for k in range(3)], axis=2)
    Image.fromarray(values.round().astype(np.uint8)).save(name)


def test_it_writes_a_page_and_numbers_and_prints_tables(cli):
    image("a.png")
    image("b.png", 40, 30)
    result = cli("analyze", "a.png", "b.png", *QUICK, "--side", 16, "-o", "out")
    assert result.code == 0
    assert "In the coordinate" in result.out
    assert "In the image" in result.out
    assert result.out.rstrip().endswith("wrote out/: linearity.html linearity.json")
    assert "note: b.png: larger than 16x16; its middle is analysed (--side)" in result.err
    assert "fit:relu  b.png ..." in result.err
    found = json.loads(Path("out/linearity.json").read_text())
    assert [(one["image"], one["height"], one["width"]) for one in found["images"]] == [
        ("a.png", 10, 12), ("b.png", 16, 16),
    ]  # fmt: skip
    bilinear, fitted = found["methods"]
    assert len(bilinear["mixtures"]) == 3
    # What is trained for its image is no function of it, and has no kernel.
    assert fitted["mixtures"] == []
    assert found["images"][0]["functions"]["fit:relu"]["kernels"] == []
    assert Path("out/linearity.html").read_text().startswith("<!doctype html>")
    again = cli("analyze", "a.png", *QUICK, "-o", "out")
    assert again.code == 2
    assert "--overwrite replaces it" in again.err


def test_the_same_seed_gives_the_same_bytes_and_quiet_prints_nothing(cli):
    image("a.png")
    for folder in ("one", "two"):
        result = cli("analyze", "a.png", *QUICK, "-o", folder, "-q")
        assert (result.code, result.out, result.err) == (0, "", "")
    for name in ("linearity.html", "linearity.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_what_cannot_be_analysed_is_a_sentence_and_the_rest_is_done(cli):
    image("a.png")
    image("dot.png", 1, 1)
    Path("bad.png").write_bytes(b"nothing")
    tifffile.imwrite("nan.tif", np.full((4, 4), np.nan, dtype=np.float32))
    result = cli("analyze", "a.png", "dot.png", "bad.png", "nan.tif", *QUICK, "-q", "-o", "out")
    assert result.code == 1
    errors = result.err.splitlines()
    assert len(errors) == 3
    assert any("bad.png" in line for line in errors)
    assert any("nan.tif" in line for line in errors)
    assert "error: dot.png: 1x1 pixels have no neighbours; give an image with at least two" in errors
    assert [one["image"] for one in json.loads(Path("out/linearity.json").read_text())["images"]] == ["a.png"]
    alone = cli("analyze", "dot.png", *QUICK, "-o", "none")
    assert alone.code == 1
    assert not Path("none").exists()


def test_a_method_that_fails_leaves_the_others(cli, monkeypatch):
    image("a.png")
    monkeypatch.setattr("amortized_sr.benchmark.methods.fit", lambda images, settings: 1 / 0)
    result = cli("analyze", "a.png", *QUICK, "-q", "-o", "out")
    assert result.code == 0
    assert result.err == "warning: fit:relu failed: ZeroDivisionError: division by zero\n"
    alone = cli("analyze", "a.png", "--methods", "fit:relu", "-q", "-o", "alone")
    assert alone.code == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Missing argument"),
        (["a.png", "--methods", "magic"], "no method 'magic'"),
        (["a.png", "--methods", "bicubic,bicubic"], "--methods must name different methods"),
        (["a.png", "--side", "1"], "'--side'"),
        (["a.png", "-o", "file/out"], "file/out: cannot be created"),
    ],
)
def test_senseless_analyses_are_usage_errors(cli, arguments, sentence):
    image("a.png")
    Path("file").write_bytes(b"")
    result = cli("analyze", *arguments)
    assert result.code == 2
    assert sentence in " ".join(result.err.split())
    assert sorted(path.name for path in Path().iterdir()) == ["a.png", "file"]
