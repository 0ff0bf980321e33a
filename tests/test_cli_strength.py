"""`--denoise`, `--dejpeg` and `denoise` on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(autouse=True)
def pictures(folder):
    """A noisy PNG and a clean JPEG of quality 60."""
    rough = np.random.default_rng(0).normal(128, 25, (90, 100, 3)).clip(0, 255).astype(np.uint8)
    Image.fromarray(rough).save("a.png")
    Image.linear_gradient("L").convert("RGB").save("b.jpg", quality=60)


def objects(result):
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def test_what_was_used_is_reported_and_by_hand_gives_the_same_bytes(cli, told_weights):
    common = ["-n", told_weights, "--device", "cpu", "-s", "1.5"]
    found = objects(cli("upscale", "a.png", "b.jpg", "-o", "auto/", "--json", *common))
    assert [(line["input"], line["jpeg"]) for line in found] == [("a.png", 0), ("b.jpg", 60)]
    assert 22 < found[0]["noise"] < 28
    assert found[1]["noise"] == 0
    assert found[0]["notices"] == [f"restored as a picture with noise of {found[0]['noise']} (measured, of 255)"]
    assert found[1]["notices"] == ["restored as a picture with compression of JPEG quality 60 (from the file)"]
    for line in found:
        by_hand = cli(
            "upscale", line["input"], "-o", "by_hand/", "--denoise", line["noise"], "--dejpeg", line["jpeg"], *common
        )
        assert f"noise {line['noise']}  jpeg {line['jpeg']}  " in by_hand.out
        assert by_hand.err == ""
        name = Path(line["output"]).name
        same = Path("by_hand", name).read_bytes()
        assert same == Path("auto", name).read_bytes()
        assert cli("upscale", line["input"], "-o", "off/", "--denoise", "off", "--dejpeg", "off", *common).code == 0
        assert Path("off", name).read_bytes() != same


def test_denoise_is_upscale_at_the_own_size(cli, told_weights):
    common = ["-n", told_weights, "--device", "cpu", "--denoise", "20"]
    assert cli("denoise", "a.png", "-o", "one.png", *common).code == 0
    assert cli("upscale", "a.png", "-o", "two.png", "-s", "1", *common).code == 0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
    assert "choose one of" in cli("denoise", "a.png", "-o", "three.png", "--width", "50", *common).err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--denoise", "-1"], "noise must be auto, off, or a number from 0 to 75 (of 255), got -1"),
        (["--denoise", "nan"], "got nan"),
        (["--denoise", "76"], "got 76"),
        (["--denoise", "much"], "--denoise must be auto, off or a number, got 'much'"),
        (["--dejpeg", "101"], "jpeg must be auto, off, or a quality from 1 to 100, or 0 for none, got 101"),
        (["--dejpeg", "50.5"], "got 50.5"),
        (["--denoise", "15"], "noise 15 needs a model that reads it, and this one does not; choose photo"),
        (["--dejpeg", "50"], "jpeg 50 needs a model that reads it"),
    ],
)
def test_a_strength_that_cannot_be_had_is_wrong_usage_and_its_option_is_named(cli, options, said):
    result = cli("upscale", "a.png", "-o", "out.png", "-s", "2", *options)
    assert result.code == 2
    assert said in result.complaint
    assert options[0] in result.complaint
    assert not Path("out.png").exists()


def test_denoise_refuses_a_model_that_removes_nothing(cli):
    result = cli("denoise", "a.png", "-o", "out.png", "-n", "photo-tiny")
    assert result.code == 2
    assert "photo-tiny reads neither noise nor compression; choose photo with --model" in result.complaint
    assert not Path("out.png").exists()


def test_denoise_chooses_bundled_weights_by_itself(cli):
    assert cli("denoise", "a.png", "-o", "by_name.png", "-n", "photo", "--denoise", "20").code == 0
    assert cli("denoise", "a.png", "-o", "out.png", "--denoise", "20").code == 0
    assert Path("out.png").read_bytes() == Path("by_name.png").read_bytes()
    assert Path("out.png").read_bytes() != Path("a.png").read_bytes()


def test_resuming_with_another_strength_makes_outputs_again(cli, told_weights):
    common = ["upscale", "a.png", "b.jpg", "-o", "out/", "-n", told_weights, "--device", "cpu", "-s", "2", "--resume"]
    for options in ([], ["--denoise", "9"], ["--dejpeg", "50"]):
        assert "2 done" in cli(*common, *options).out
        assert "2 skipped" in cli(*common, *options).out
