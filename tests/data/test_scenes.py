"""Drawn scenes and the pairs that are made of them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from amortized_sr.data.cache import pack
from amortized_sr.data.graphics import UNIT, draw_scene
from amortized_sr.data.pairs import PairSides, cut_pair
from amortized_sr.data.scenes import Scenes, draw_scenes
from amortized_sr.degradation import Degradation

SPOILT = Degradation(
    noise=(5.0, 50.0), clean_share=0.4, noise_only_share=0.2, jpeg_only_share=0.2, jpeg=(10, 95), cut_jpeg=True,
    box_share=0.5, blur_share=0.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(6, 24, 3, share=0.3, seed=0)


def test_a_scene_is_a_function_of_seed_and_number():
    scene = draw_scene(1, 5, 96)
    assert scene.shape == (96, 96, 3)
    assert np.array_equal(scene, draw_scene(1, 5, 96))
    assert not np.array_equal(scene, draw_scene(1, 6, 96))
    assert not np.array_equal(scene, draw_scene(2, 5, 96))


def test_scenes_hold_steps_between_flat_colours():
    # Photographs that were shrunk have none: most pixels equal their neighbour, and a few differ by much.
    steps = np.concatenate(
        [np.abs(np.diff(draw_scene(0, number, 192).astype(int), axis=1)).ravel() for number in range(20)]
    )
    assert np.mean(steps == 0) > 0.7
    assert np.mean(steps > 64) > 0.01


def test_targets_are_means_over_the_scene_and_images_too_or_single_pixels():
    black_and_white = np.random.default_rng(0).integers(0, 2, (200, 96, 1), dtype=np.uint8) * 255
    scenes = Scenes(pack([black_and_white]), share=1.0, seed=0)
    single = 0
    for number in range(200):
        image, target = scenes.pair(number, 24, 12)
        if ((image == 0) | (image == 1)).all():
            single += 1
        else:
            # Both are rounded, so their difference is at most one level.
            assert (image - functional.avg_pool2d(target, 2)).abs().max() < 1.01 / 255
        assert 0.4 < target.mean() < 0.6
        assert target.std() < 0.2
    assert single == pytest.approx(60, abs=20)


def test_at_scale_one_the_image_is_the_target(scenes):
    for number in range(20):
        image, target = scenes.pair(number, 24, 24)
        assert torch.equal(image, target)


def test_scenes_replace_their_share_and_leave_the_other_samples(scenes):
    crops = torch.randint(0, 256, (60, 3, 24, 24), dtype=torch.uint8)
    plain = cut_pair(crops, PairSides(24, 24, 10), SPOILT, seed=0, first=100)
    pair = cut_pair(crops, PairSides(24, 24, 10), SPOILT, seed=0, first=100, scenes=scenes)
    replaced = torch.tensor([scenes.replaces(number) for number in range(100, 160)])
    assert 8 < replaced.sum() < 30
    assert torch.equal(plain.planes[~replaced], pair.planes[~replaced])
    assert torch.equal(plain.target[~replaced], pair.target[~replaced])
    for index in range(60):
        if replaced[index]:
            image, target = scenes.pair(100 + index, 24, 10)
            assert torch.equal(pair.target[index], target)
            assert torch.equal(pair.planes[index], SPOILT.add_faults(image[None], 0, 100 + index).planes[0])
    # Noise and JPEG come to scenes too.
    assert (pair.planes[replaced, 3:, 0, 0] > 0).any(dim=0).all()


@pytest.mark.parametrize("side", [24, 10])
def test_pairs_are_the_same_in_every_batch(scenes, side):
    crops, sides = torch.randint(0, 256, (24, 3, 24, 24), dtype=torch.uint8), PairSides(24, 24, side)
    whole = cut_pair(crops, sides, SPOILT, 0, 40, scenes)
    for start in (0, 5, 23):
        part = cut_pair(crops[start:], sides, SPOILT, 0, 40 + start, draw_scenes(6, 24, 3, share=0.3, seed=0))
        assert torch.equal(part.planes, whole.planes[start:])
        assert torch.equal(part.target, whole.target[start:])


def test_grey_scenes_have_one_channel_and_fit_the_largest_target():
    grey = draw_scenes(2, 8, 1, share=1.0, seed=0)
    assert grey.store.shapes == [(8 * UNIT, 8 * UNIT, 1)] * 2
    image, target = grey.pair(0, 8, 3)
    assert (image.shape, target.shape) == ((1, 3, 3), (1, 8, 8))
