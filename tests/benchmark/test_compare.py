import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr.baselines.fitting import FitSettings
from amortized_sr.benchmark.compare import compare, grid, group_by_size, table, write_comparison
from amortized_sr.benchmark.methods import Method, MethodSettings, method
from amortized_sr.metrics import psnr

SETTINGS = MethodSettings(fit=FitSettings(steps=2, region=1))


def failing(images):
    raise RuntimeError("no luck")


@pytest.fixture(scope="module")
def result():
    named = [("one", torch.rand(1, 3, 24, 32)), ("<two>", torch.rand(1, 3, 24, 32)), ("grey", torch.rand(1, 1, 16, 16))]
    methods = [method(name, SETTINGS) for name in ("bicubic", "fit:notebook", "amortized")]
    methods.insert(1, Method("failing", failing, lambda function: 0))
    return compare(group_by_size(named, 2.0, truth=True), methods, "plain", lambda name: None)


def test_every_image_has_every_methods_picture_and_numbers(result):
    assert [one.name for one in result.images] == ["one", "<two>", "grey"]
    for one in result.images:
        assert list(one.drawn) == ["bicubic", "fit:notebook", "amortized"]
        for name, drawn in one.drawn.items():
            assert drawn.shape == one.target.shape
            assert one.numbers[name]["psnr"] == pytest.approx(psnr(drawn, one.target).item(), abs=1e-4)


def test_the_means_are_over_all_images_and_a_failure_stays_one_methods(result):
    bicubic, failed, fitted, amortized = result.methods
    assert bicubic.psnr == pytest.approx(np.mean([one.numbers["bicubic"]["psnr"] for one in result.images]))
    assert failed.error == "RuntimeError: no luck"
    assert failed.psnr is None
    assert fitted.speedup == pytest.approx(1)
    assert amortized.speedup == pytest.approx(fitted.seconds / amortized.seconds)
    assert "failed" in table(result)


def test_without_truth_only_consistency_is_measured():
    groups = group_by_size([("one", torch.rand(1, 1, 8, 8))], 2.5, truth=False)
    assert groups[0].size == (20, 20)
    result = compare(groups, [method("bicubic", SETTINGS)], "plain", lambda name: None)
    assert result.methods[0].psnr is None
    assert result.methods[0].lr > 20
    assert result.methods[0].speedup is None
    assert result.images[0].target is None


def test_files_hold_what_was_found(result, tmp_path):
    write_comparison(tmp_path, result, 2.0, "plain", "a machine")
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert [one["method"] for one in content["methods"]] == ["bicubic", "failing", "fit:notebook", "amortized"]
    assert content["images"][1]["methods"] == result.images[1].numbers
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    assert float(rows[0]["psnr"]) == result.images[0].numbers["bicubic"]["psnr"]
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == grid(result.images).size


def test_the_grid_shows_the_pictures_pixel_by_pixel(result):
    picture = np.asarray(grid(result.images[:1]))
    drawn = result.images[0].drawn["bicubic"][0].permute(1, 2, 0).mul(255).round().byte().numpy()
    height, width = drawn.shape[:2]
    enlarged = drawn.repeat(3, axis=0).repeat(3, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(picture, enlarged.shape)[:, :, 0]
    assert (windows == enlarged).all(axis=(2, 3, 4)).any()
    assert (height, width) == (24, 32)
