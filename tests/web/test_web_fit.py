"""The network that the page trains on one picture: its slopes, its progress, its drawings."""

import json
from pathlib import Path

import numpy as np
import pytest
from node_driver import CORE, node, pixels_of
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def trained(picture: Image.Image, folder: Path, **fit: object) -> dict:
    job = {"core": str(CORE), **(place := pixels_of(picture, folder / "pixels"))}
    size = {name: place[name] for name in ("width", "height")}
    return json.loads(node({**job, "fit": {"by": 1e-3, "steps": 0, **size, **fit}}))


@pytest.mark.parametrize("steps", [0, 50])
def test_slopes_are_those_of_the_loss(steps, tmp_path):
    told = trained(Image.open(ROOT / "examples" / "kitten_64.png"), tmp_path, steps=steps)

    # Weights and biases of three layers, along their slopes and in a random direction.
    assert len(told["slopes"]) == 12
    for computed, measured in told["slopes"]:
        assert measured == pytest.approx(computed, rel=0.02, abs=2e-5)
    assert max(abs(computed) for computed, _ in told["slopes"]) > 1e-3


def test_the_picture_emerges_within_some_hundred_steps_the_same_way_each_time(tmp_path):
    picture = Image.open(ROOT / "examples" / "kitten_64.png")

    told = trained(picture, tmp_path, steps=400, draw=[64, 64])

    assert told["size"] == [64, 64]
    assert told["before"] < 12
    assert told["after"] > 26
    # The PSNR is that of the drawing.
    drawing = np.array(told["drawn"]).reshape(64, 64, 4)[..., :3]
    error = ((drawing / 255 - np.asarray(picture.convert("RGB")) / 255) ** 2).mean()
    assert -10 * np.log10(error) == pytest.approx(told["after"], abs=0.01)
    assert trained(picture, tmp_path, steps=400)["after"] == told["after"]


def test_seconds_of_training_reach_a_stated_quality(tmp_path):
    told = trained(Image.open(ROOT / "examples" / "owl_32.png"), tmp_path, seconds=5)

    assert told["after"] > 25, told["steps"]


@pytest.mark.parametrize(("size", "expected"), [((300, 100), [64, 21]), ((3, 2), [3, 2]), ((1, 700), [1, 64])])
def test_longer_pictures_are_shrunk_as_by_pillow_and_none_is_enlarged(size, expected, tmp_path):
    picture = Image.effect_noise(size, 60).convert("RGB")

    told = trained(picture, tmp_path, steps=3)

    assert told["size"] == expected
    assert told["after"] > 5
