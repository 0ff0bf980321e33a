from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.data.cache import pack
from amortized_sr.data.pairs import (
    CropDataset,
    PairSides,
    ScaleRange,
    StepSampler,
    choose_queries,
    collate_crops,
    cut_pair,
)
from amortized_sr.degradation import Degradation


def store(count=5, side=12, channels=3):
    random = np.random.default_rng(0)
    return pack(random.integers(0, 256, (side + index, side, channels), dtype=np.uint8) for index in range(count))


def batches(rank=0, world_size=1, batch_size=4, first_step=0, steps=6):
    dataset = CropDataset(store(), 8, augment=True, seed=1)
    sampler = StepSampler(steps, batch_size, lambda: first_step, rank, world_size)
    return [collate_crops([dataset[key] for key in keys]) for keys in sampler]


def test_a_run_that_begins_later_sees_what_the_whole_run_saw():
    whole = batches()
    for first_step in (1, 3, 4):
        rest = batches(first_step=first_step)
        assert [batch.step for batch in rest][: 6 - first_step] == list(range(first_step, 6))
        for late, early in zip(rest, whole[first_step:], strict=False):
            assert torch.equal(late.target, early.target)


def test_processes_together_see_the_batch_of_one_process():
    alone = batches(batch_size=4)
    first, second = (batches(rank=rank, world_size=2, batch_size=2) for rank in (0, 1))
    for whole, *parts in zip(alone, first, second, strict=True):
        assert torch.equal(whole.target, torch.cat([part.target for part in parts]))
        assert {whole.step} == {part.step for part in parts}


def test_queries_depend_on_the_sample_and_the_seed_and_not_on_the_process():
    whole = batches(batch_size=4)[2]
    halves = [batches(rank=rank, world_size=2, batch_size=2)[2] for rank in (0, 1)]
    chosen = choose_queries(7, 64, whole, seed=5)
    assert torch.equal(chosen, torch.cat([choose_queries(7, 64, half, seed=5) for half in halves]))
    assert not torch.equal(chosen, choose_queries(7, 64, whole, seed=6))
    assert chosen.min() >= 0
    assert chosen.max() < 64


def test_every_image_is_used_once_before_any_is_used_again():
    dataset = CropDataset(store(), 8, augment=False, seed=3)
    for turn in range(3):
        assert sorted(dataset.order.place(5 * turn + place).image for place in range(5)) == [0, 1, 2, 3, 4]


def test_crops_are_parts_of_their_image_and_differ():
    images = store(count=1, side=30)
    dataset = CropDataset(images, 8, augment=False, seed=0)
    crops = [dataset[0, number][2].permute(1, 2, 0).numpy() for number in range(20)]
    windows = np.lib.stride_tricks.sliding_window_view(images[0], (8, 8, 3))[:, :, 0]
    assert all((windows == crop).all(axis=(2, 3, 4)).any() for crop in crops)
    assert len({crop.tobytes() for crop in crops}) > 15


def test_augmentation_reaches_all_eight_orientations_and_no_more():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    dataset = CropDataset(pack([image]), 8, augment=True, seed=0)
    seen = {dataset[0, number][2].numpy().tobytes() for number in range(200)}
    turned = [np.rot90(flipped, k) for flipped in (image, image[:, ::-1]) for k in range(4)]
    assert seen == {np.ascontiguousarray(one[..., 0]).tobytes() for one in turned}


def test_without_augmentation_an_image_of_the_crops_size_comes_whole():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    dataset = CropDataset(pack([image]), 8, augment=False, seed=0)
    assert all((dataset[0, number][2][0].numpy() == image[..., 0]).all() for number in range(5))


@given(
    low=st.floats(1.0, 4.0),
    high=st.floats(4.0, 8.0),
    image_size=st.integers(4, 48),
    crop=st.integers(16, 200),
    step=st.integers(0, 10**6),
)
def test_scales_stay_in_their_range_and_sides_in_their_limits(low, high, image_size, crop, step):
    region, target, image = ScaleRange(low, high, image_size).sample(crop, 0, step)
    assert region == target
    assert 1 <= image <= image_size
    assert target <= crop
    # Sides are whole pixels, so a scale can miss its range by what half a pixel of the image makes.
    assert target / (image + 0.5) <= high + 1e-9
    assert image == 1 or target / (image - 0.5) >= low - 1e-9


def test_scales_cover_their_range_continuously():
    drawn = [ScaleRange(1.0, 4.0, 28).sample(28, 0, step).image for step in range(2000)]
    assert set(drawn) == set(range(7, 29))


def test_shares_of_the_steps_have_far_scales_and_scale_one():
    scales = ScaleRange(2.0, 4.0, 12, far=8.0, far_share=0.25, same_share=0.125)
    drawn = [scales.sample(96, 3, step) for step in range(4000)]
    ratios = np.array([sides.target / sides.image for sides in drawn])
    assert np.mean(ratios > 4.2) == pytest.approx(0.25, abs=0.03)
    assert np.mean(ratios == 1) == pytest.approx(0.125, abs=0.02)
    assert ratios.max() > 7.8


def test_images_at_scale_one_can_have_a_size_of_their_own():
    usual = ScaleRange(2.0, 4.0, 12, same_share=0.25)
    for step in range(100):
        sides, before = (scales.sample(48, 0, step) for scales in (replace(usual, same_size=40), usual))
        same = before.target == before.image
        assert sides == (PairSides(40, 40, 40) if same else before)
    assert replace(usual, same_share=1.0, same_size=64).sample(48, 0, 0) == PairSides(48, 48, 48)


def test_targets_are_shrunk_in_half_of_the_steps_and_by_every_factor_up_to_the_largest():
    drawn = [ScaleRange(2.0, 2.0, 24, shrink=2.0).sample(96, 0, step) for step in range(2000)]
    factors = np.array([sides.region / sides.target for sides in drawn])
    assert np.mean(factors == 1) == pytest.approx(0.5, abs=0.05)
    assert np.mean(factors > 1.5) == pytest.approx(0.25, abs=0.04)
    assert factors.max() == pytest.approx(2, abs=0.05)
    crops = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    pair = cut_pair(crops, PairSides(80, 40, 20))
    expected = Degradation()(crops[..., :80, :80] / 255, (40, 40)).image
    torch.testing.assert_close(pair.target, expected)
    torch.testing.assert_close(pair.planes, Degradation()(expected, (20, 20)).image)


def test_fixed_targets_have_one_side_and_their_images_all_smaller_ones():
    scales = ScaleRange(1.0, 4.0, 28, same_share=0.5, fixed_target=True)
    drawn = [scales.sample(28, 0, step) for step in range(2000)]
    assert {(sides.region, sides.target) for sides in drawn} == {(28, 28)}
    assert {sides.image for sides in drawn} == set(range(7, 29))
    assert np.mean([sides.image == 28 for sides in drawn]) == pytest.approx(0.5, abs=0.05)
    pair = cut_pair(torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8), PairSides(28, 28, 7))
    assert (pair.target.shape[-1], pair.planes.shape[-1]) == (28, 7)


def test_a_shift_moves_the_image_by_up_to_its_pixels_and_continues_its_edges():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    dataset = CropDataset(pack([image]), 8, augment=False, seed=0, shift=1)
    seen = {dataset[0, number][2][0].numpy().tobytes() for number in range(200)}
    # Row and column of the image by row and column of the crop.
    places = [np.clip(np.arange(8) + move, 0, 7) for move in (-1, 0, 1)]
    assert seen == {image[rows][:, columns, 0].tobytes() for rows in places for columns in places}


@pytest.mark.parametrize(
    "changes",
    [
        {"far_share": 0.1, "far": 2.0},
        {"far_share": 0.6, "same_share": 0.5},
        {"shrink": 0.5},
        {"same_size": 0},
        {"same_size": 9, "fixed_target": True},
    ],
)
def test_senseless_shares_are_refused(changes):
    with pytest.raises(ValueError, match="got"):
        ScaleRange(1.0, 4.0, 24, **{"far": 8.0, **changes})


@pytest.mark.parametrize("values", [(0.5, 4.0, 8), (3.0, 2.0, 8), (1.0, 4.0, 0)])
def test_senseless_scale_ranges_are_refused(values):
    with pytest.raises(ValueError, match="got"):
        ScaleRange(*values)
