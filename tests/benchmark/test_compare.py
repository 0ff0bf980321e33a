import csv
import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops, ImageOps

from amortized_sr.baselines.fitting import FitSettings
from amortized_sr.benchmark.comparison import compare
from amortized_sr.benchmark.faults import CLEAN, Faults
from amortized_sr.benchmark.grid import captioned, grid
from amortized_sr.benchmark.methods import Method, MethodSettings, method
from amortized_sr.benchmark.protocol import Quality
from amortized_sr.benchmark.report import COMPARISON_FILES, table, write_comparison
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import psnr

SETTINGS = MethodSettings(fit=FitSettings(steps=2, region=1))


def failing(images, faults):
    raise RuntimeError("no luck")


@pytest.fixture(scope="module")
def result():
    named = [("one", torch.rand(1, 3, 24, 32)), ("<two>", torch.rand(1, 3, 24, 32)), ("grey", torch.rand(1, 1, 16, 16))]
    methods = [method(name, SETTINGS) for name in ("bicubic", "fit:notebook", "amortized")]
    methods.insert(1, Method("failing", failing))
    return compare(named, 2.0, True, methods, "plain", lambda name: None)


@pytest.mark.slow
def test_every_image_has_every_methods_picture_and_numbers(result):
    assert [one.name for one in result.images] == ["one", "<two>", "grey"]
    for one in result.images:
        assert list(one.predictions) == ["bicubic", "fit:notebook", "amortized"]
        for prediction in one.predictions.values():
            assert prediction.picture.shape == one.target.shape
            assert prediction.quality.psnr == pytest.approx(psnr(prediction.picture, one.target).item(), abs=1e-4)
            assert prediction.encode_seconds > 0
            assert prediction.draw_seconds > 0
            assert prediction.enlarged is None


def test_the_means_are_over_all_images_and_a_failure_stays_one_methods(result):
    bicubic, failed, fitted, amortized = result.methods
    for name in ("psnr", "ssim", "lr_consistency", "cross_scale"):
        values = [getattr(one.predictions["bicubic"].quality, name) for one in result.images]
        assert getattr(bicubic.quality, name) == pytest.approx(np.mean(values))
    assert failed.error == "RuntimeError: no luck"
    assert failed.quality == Quality()
    assert fitted.speedup == pytest.approx(1)
    assert amortized.speedup == pytest.approx(fitted.seconds / amortized.seconds)
    assert "failed" in table(result)


@pytest.mark.slow
def test_without_truth_only_consistency_is_measured():
    named = [("one", torch.rand(1, 1, 8, 8))]
    result = compare(named, 2.5, False, [method("bicubic", SETTINGS)], "plain", lambda name: None)
    assert result.images[0].predictions["bicubic"].picture.shape == (1, 1, 20, 20)
    assert result.methods[0].quality.psnr is None
    assert result.methods[0].quality.lr_consistency > 20
    assert result.methods[0].speedup is None
    assert result.images[0].target is None


def test_the_first_images_are_drawn_at_512_pixels_too_and_the_numbers_stay():
    named = [(str(index), torch.rand(1, 1, 6, 8)) for index in range(14)]
    methods = [method("bicubic", SETTINGS)]
    plain, enlarged = (
        compare(named, 1.0, True, methods, "plain", lambda name: None, enlarge=enlarge) for enlarge in (False, True)
    )
    pictures = [one.predictions["bicubic"].enlarged for one in enlarged.images]
    assert [picture is None for picture in pictures] == [False] * 12 + [True] * 2
    expected = InterpolatedImage.like_pillow(enlarged.images[3].image, "bicubic").render((384, 512)).clamp(0, 1)
    torch.testing.assert_close(pictures[3], expected)
    assert plain.methods[0].quality == enlarged.methods[0].quality
    assert (plain.methods[0].numbers, plain.methods[0].parameters) == (48, 0)


def test_files_hold_what_was_found(result, tmp_path):
    write_comparison(tmp_path, result, 2.0, "plain", "a machine")
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert [one["method"] for one in content["methods"]] == ["bicubic", "failing", "fit:notebook", "amortized"]
    numbers = {"psnr", "ssim", "lr_consistency", "cross_scale", "encode_seconds", "draw_seconds"}
    assert numbers < set(content["methods"][0])
    for name, values in content["images"][1]["methods"].items():
        assert set(values) == numbers
        assert values == result.images[1].predictions[name].numbers
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    measured = ["psnr", "ssim", "lr_consistency", "cross_scale"]
    assert list(rows[0]) == ["image", "method", *measured, "encode_seconds", "draw_seconds"]
    assert float(rows[0]["psnr"]) == result.images[0].predictions["bicubic"].quality.psnr
    assert {path.name for path in tmp_path.iterdir()} == set(COMPARISON_FILES)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == grid(result.images).size


@pytest.mark.slow
def test_the_grid_shows_the_pictures_pixel_by_pixel(result):
    picture = np.asarray(grid(result.images[:1]))
    drawn = result.images[0].predictions["bicubic"].picture[0].permute(1, 2, 0).mul(255).round().byte().numpy()
    height, width = drawn.shape[:2]
    enlarged = drawn.repeat(3, axis=0).repeat(3, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(picture, enlarged.shape)[:, :, 0]
    assert (windows == enlarged).all(axis=(2, 3, 4)).any()
    assert (height, width) == (24, 32)


def runs(ink):
    """Lengths of the unbroken runs of true values."""
    return [len(run) for run in "".join("x" if mark else " " for mark in ink).split()]


def test_captions_are_the_names_of_the_methods_and_their_colons_can_be_seen(result):
    one = result.images[0]
    first = next(iter(one.predictions.values()))

    def caption(name):
        picture = grid([dataclasses.replace(one, predictions={name: first})])
        left = 4 + 96 + 4  # the gap, the input, the gap
        return 255 - np.asarray(picture.convert("L"))[4:20, left : left + 96].astype(int)

    captions = {name: caption(name) for name in ("fit:siren", "fit:relu", "fit", "amortized", "amortized+refine")}
    assert len({ink.tobytes() for ink in captions.values()}) == len(captions)
    # Two dots above each other that touch no letter.
    for name, ink in captions.items():
        columns = (ink > 60).any(axis=0)
        alone = [column for column in range(1, 95) if columns[column - 1 : column + 2].tolist() == [False, True, False]]
        assert any(runs(ink[:, column] > 60) in ([1, 1], [2, 2]) for column in alone) == (":" in name)


def test_every_image_is_compared_clean_and_degraded():
    named = [(name, torch.randint(0, 256, (1, 3, 24, 32)) / 255) for name in ("one", "two")]
    methods = [method("bicubic", SETTINGS), method("fit:notebook", SETTINGS), Method("failing", failing)]
    grid_of = (CLEAN, Faults(50.0), Faults(jpeg=5))
    result = compare(named, 1.0, True, methods, "plain", lambda name: None, faults=grid_of)
    kinds = ("clean", "noise 50", "jpeg 5")
    assert result.count == 2
    assert [one.name for one in result.images] == [f"{name}, {kind}" for name in ("one", "two") for kind in kinds]
    assert [(one.input, one.method) for one in result.methods] == [
        (kind, name) for kind in kinds for name in ("bicubic", "fit:notebook", "failing")
    ]
    clean, noisy, compressed = (one for one in result.methods if one.method == "bicubic")
    assert clean.quality.psnr == 200
    assert noisy.quality.psnr < 17
    assert compressed.quality.psnr < 20
    for index, one in enumerate(result.images):
        assert torch.equal(one.target, named[index // 3][1])
        assert torch.allclose(one.image, one.target) == (one.faults == CLEAN)
    # A fit is compared with the other methods on the same inputs.
    assert [one.speedup for one in result.methods if one.method == "fit:notebook"] == pytest.approx([1, 1, 1])
    lines = table(result).splitlines()
    assert lines[0].split()[:2] == ["method", "input"]
    assert lines[4].split()[:3] == ["bicubic", "noise", "50"]


def test_a_long_caption_ends_before_the_next_one_begins():
    black, name = Image.new("RGB", (112, 60)), "autoencoder:mnist-morph"
    sheets = [captioned([[(name, black), (other, black)]]) for other in ("", "pca:64")]
    alone, beside = (sheet.crop((0, 0, sheet.width, 18)) for sheet in sheets)
    first, second = ImageOps.invert(alone).getbbox(), ImageChops.difference(alone, beside).getbbox()
    assert first[2] > 4 + black.width
    assert second[0] >= first[2]
