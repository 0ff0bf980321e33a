"""Degradation: what both training pairs and the benchmark make their inputs with."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amortized_sr.degradation import Degradation
from amortized_sr.jpeg_strength import condition_of_step, step_of_quality
from amortized_sr.picture_tensor import add_conditions


def _pillow(image, size):
    picture = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(picture)


@settings(max_examples=60)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    scale=st.floats(1.0, 8.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_degrade_is_pillows_antialiased_bicubic_within_one_level(height, width, scale, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    size = max(1, round(height / scale)), max(1, round(width / scale))
    ours = Degradation()(torch.from_numpy(image)[None, None].float() / 255, size).image[0, 0] * 255
    assert np.abs(ours.numpy() - _pillow(image, size).astype(float)).max() <= 1.01


def test_degrade_gives_multiples_of_one_level():
    levels = Degradation()(torch.rand(1, 3, 31, 17), (9, 8)).image * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert levels.min() >= 0
    assert levels.max() <= 255


def test_degrade_to_the_same_size_only_rounds():
    image = torch.rand(1, 1, 6, 5)
    torch.testing.assert_close(Degradation()(image, (6, 5)).image, (image * 255).round() / 255)


# --- noise, the first condition ---

NOISY = Degradation(noise=(5.0, 50.0), clean_share=0.3)


def test_noise_is_a_function_of_the_seed_and_the_sample_number():
    target = torch.rand(6, 3, 20, 20)
    whole = NOISY(target, (10, 10), seed=3, first=40)
    for index in range(6):
        alone = NOISY(target[index : index + 1], (10, 10), seed=3, first=40 + index)
        torch.testing.assert_close(alone.planes, whole.planes[index : index + 1])
    assert not torch.equal(NOISY(target, (10, 10), seed=4, first=40).image, whole.image)


def test_the_noise_has_the_deviation_that_its_condition_says():
    flat = torch.full((40, 1, 64, 64), 0.5)
    image, conditions = NOISY(flat, (64, 64))
    assert NOISY.conditions == ("noise",)
    assert conditions.shape == (40, 1)
    assert 0.1 < (conditions == 0).float().mean() < 0.6
    measured = image.flatten(1).std(dim=1)
    torch.testing.assert_close(measured, conditions[:, 0], atol=0.01, rtol=0.05)


def test_a_clean_sample_is_that_of_no_noise():
    target = torch.rand(30, 1, 12, 12)
    noisy, clean = NOISY(target, (6, 6)), Degradation()(target, (6, 6))
    untouched = noisy.conditions[:, 0] == 0
    assert untouched.any()
    assert torch.equal(noisy.image[untouched], clean.image[untouched])
    assert clean.conditions.shape == (30, 0)
    assert torch.equal(clean.planes, clean.image)


def test_conditions_become_constant_planes_behind_the_colours():
    planes = add_conditions(torch.rand(2, 3, 4, 5), torch.tensor([[0.1], [0.2]]))
    assert planes.shape == (2, 4, 4, 5)
    assert (planes[1, 3] == 0.2).all()


def test_fixed_noise_is_todays_numbers():
    # White noise of a seed, a stream and a number; written out, so that old runs resume.
    image = Degradation(noise=(25.0, 25.0))(torch.full((1, 3, 5, 6), 0.5), (5, 6), seed=2, first=7).image
    random = np.random.default_rng((2, 4, 7))
    random.random(2)
    expected = 128 / 255 + 25 / 255 * torch.from_numpy(random.standard_normal((3, 5, 6), np.float32))
    torch.testing.assert_close(image[0], (expected.clamp(0, 1) * 255).round() / 255)


def test_unrounded_noise_is_not_clipped():
    degradation = Degradation(noise=(50.0, 50.0), rounded_share=0.0)
    image, conditions = degradation(torch.ones(2, 3, 96, 128), (96, 128))
    assert (conditions == 50 / 255).all()
    torch.testing.assert_close(image.std() * 255, torch.tensor(50.0), atol=0.5, rtol=0)
    torch.testing.assert_close(image.mean(), torch.tensor(1.0), atol=0.005, rtol=0)


def test_a_share_of_the_noise_is_rounded_and_all_of_it_under_jpeg():
    target = torch.rand(400, 3, 8, 8)
    kinds = replace(EVERYTHING, rounded_share=0.4)(target, (8, 8))
    whole = ((kinds.image * 255 - (kinds.image * 255).round()).abs() < 1e-3).flatten(1).all(dim=1)
    noisy, compressed = (kinds.conditions > 0).unbind(dim=1)
    assert whole[compressed | ~noisy].all()
    assert whole[noisy & ~compressed].float().mean() == pytest.approx(0.4, abs=0.12)
    assert kinds.image.min() < -0.1
    # The noise itself is the same.
    assert torch.equal(EVERYTHING(target, (8, 8)).image[whole], kinds.image[whole])


def correlation(first, second):
    return float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1])


@pytest.mark.parametrize(
    ("kind", "neighbours", "channels"),
    [
        ({}, (-0.05, 0.05), (-0.05, 0.05)),
        ({"grey_noise_share": 1.0}, (-0.05, 0.05), (0.9999, 1.0001)),
        ({"correlated_noise_share": 1.0}, (0.15, 0.85), (-0.1, 0.1)),
    ],
    ids=["white", "grey", "correlated"],
)
def test_kinds_of_noise_have_the_deviation_that_is_told(kind, neighbours, channels):
    degradation = Degradation(noise=(10.0, 40.0), rounded_share=0.0, **kind)
    image, conditions = degradation(torch.full((12, 3, 96, 97), 0.5), (96, 97))
    noise = image - 128 / 255
    torch.testing.assert_close(noise.flatten(1).square().mean(dim=1).sqrt(), conditions[:, 0], atol=0, rtol=0.04)
    # Nor is it weaker at the edges, over all samples.
    edge = (noise[..., :2] / conditions[:, :, None, None]).square().mean()
    assert 0.9 < edge < 1.1
    for one in noise:
        assert neighbours[0] < correlation(one[..., 1:], one[..., :-1]) < neighbours[1]
        assert neighbours[0] < correlation(one[:, 1:], one[:, :-1]) < neighbours[1]
        assert channels[0] < correlation(one[0], one[2]) < channels[1]


def test_three_quarters_of_the_noise_is_below_a_strength():
    degradation = Degradation(noise=(0.0, 55.0), noise_mostly_below=25.0, rounded_share=0.0)
    sigma = degradation(torch.zeros(2000, 1, 1, 1), (1, 1)).conditions[:, 0] * 255
    for strength, share in ((12.5, 0.375), (25, 0.75), (40, 0.875), (55.01, 1)):
        assert (sigma < strength).float().mean() == pytest.approx(share, abs=0.035)


# --- JPEG, the second condition ---


@pytest.fixture
def pictures():
    """Four smooth pictures `(4, 3, 45, 50)` in 8 bits."""
    return Degradation()(torch.rand(4, 3, 6, 7).repeat_interleave(8, 2).repeat_interleave(8, 3), (45, 50)).image


def file_of(image, quality, subsampling):
    file = io.BytesIO()
    levels = (image * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(levels.squeeze()).save(file, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(file) as decoded:
        return torch.from_numpy(np.array(decoded).reshape(levels.shape)).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("share", "subsampling"), [(1.0, "4:2:0"), (0.0, "4:4:4")])
def test_a_fixed_quality_is_the_file_that_pillow_writes(pictures, channels, share, subsampling):
    image = pictures[:, :channels]
    result = Degradation(jpeg=(40, 40), half_chroma_share=share)(image, (45, 50))
    assert torch.equal(result.image, torch.stack([file_of(one, 40, subsampling) for one in image]))
    assert result.conditions.tolist() == torch.full((4, 1), condition_of_step(step_of_quality(40))).tolist()


def test_blocks_of_a_cut_file_begin_anywhere(pictures):
    whole, cut = (Degradation(jpeg=(5, 5), cut_jpeg=value) for value in (False, True))
    many = pictures[:1].expand(200, -1, -1, -1)
    flat = torch.cat([whole(many, (45, 50)).image, cut(many, (45, 50)).image]).flatten(1)
    assert len(flat[:200].unique(dim=0)) == 1
    assert len(flat[200:].unique(dim=0)) > 100
    assert cut(many[:9, :, :3, :2], (3, 2)).image.shape == (9, 3, 3, 2)


def test_the_strength_of_a_file_is_that_of_the_last_of_two(pictures):
    twice, once = (Degradation(jpeg=(10, 95), second_jpeg_share=share) for share in (1.0, 0.0))
    known = torch.tensor([condition_of_step(step_of_quality(quality)) for quality in range(10, 96)])
    for degradation in (twice, once):
        told = degradation(pictures, (45, 50), first=3).conditions[:, 0]
        assert (told[:, None] - known).abs().min(dim=1).values.max() < 1e-6
    # A file of the last quality, of one of any first quality, is near one of that quality alone.
    again = Degradation(jpeg=(95, 95), second_jpeg_share=1.0)(pictures, (45, 50))
    assert not torch.equal(again.image, Degradation(jpeg=(95, 95))(pictures, (45, 50)).image)


# --- all together ---

EVERYTHING = Degradation(
    noise=(0.0, 55.0), clean_share=0.38, noise_only_share=0.3, jpeg_only_share=0.22, noise_mostly_below=25.0,
    grey_noise_share=0.15, correlated_noise_share=0.15, jpeg=(10, 95), half_chroma_share=0.67, cut_jpeg=True,
    second_jpeg_share=0.2, box_share=0.2, bilinear_share=0.1, lanczos_share=0.1, blur_share=0.25,
)  # fmt: skip


def test_kinds_of_samples_have_their_shares_and_clean_ones_are_the_benchmarks():
    target = torch.rand(8, 3, 12, 12).repeat(100, 1, 1, 1)
    image, conditions = EVERYTHING(target, (8, 8))
    assert EVERYTHING.conditions == ("noise", "jpeg")
    noisy, compressed = (conditions > 0).unbind(dim=1)
    kinds = {(False, False): 0.38, (True, False): 0.3, (False, True): 0.22, (True, True): 0.1}
    for (noise, jpeg), share in kinds.items():
        assert ((noisy == noise) & (compressed == jpeg)).float().mean() == pytest.approx(share, abs=0.05)
    clean = ~noisy & ~compressed
    assert torch.equal(image[clean], Degradation()(target, (8, 8)).image[clean])


def test_samples_that_keep_their_size_can_have_fewer_clean_ones():
    kept = replace(EVERYTHING, same_size_clean_share=0.07).at_same_size()
    noisy, compressed = (kept(torch.rand(800, 3, 8, 8), (8, 8)).conditions > 0).unbind(dim=1)
    for (noise, jpeg), share in {(False, False): 0.07, (True, False): 0.45, (False, True): 0.33}.items():
        assert ((noisy == noise) & (compressed == jpeg)).float().mean() == pytest.approx(share, abs=0.05)
    assert EVERYTHING.at_same_size() == EVERYTHING


@pytest.mark.parametrize("size", [(17, 24), (9, 13)])
def test_everything_is_a_function_of_the_seed_and_the_sample_number(size):
    target = torch.rand(60, 3, 17, 24)
    whole = EVERYTHING(target, size, seed=3, first=40)
    for index in range(60):
        assert torch.equal(
            EVERYTHING(target[index : index + 1], size, 3, 40 + index).planes, whole.planes[index : index + 1]
        )
    assert not torch.equal(EVERYTHING(target, size, seed=4, first=40).conditions, whole.conditions)


@pytest.mark.parametrize("kernel", ["bilinear", "lanczos", "box"])
def test_other_kernels_are_pillows(kernel):
    image = np.random.default_rng(0).integers(0, 256, (24, 36), dtype=np.uint8)
    ours = Degradation(**{f"{kernel}_share": 1.0})(torch.from_numpy(image)[None, None] / 255, (8, 12)).image[0, 0]
    pillows = Image.fromarray(image).resize((12, 8), Image.Resampling[kernel.upper()])
    assert np.abs(ours.numpy() * 255 - np.asarray(pillows).astype(float)).max() <= 1.01


def test_kernels_and_blur_leave_images_that_keep_their_size():
    changing = Degradation(box_share=0.5, lanczos_share=0.5, blur_share=1.0)
    target = torch.rand(5, 3, 20, 21)
    assert torch.equal(changing(target, (20, 21)).image, Degradation()(target, (20, 21)).image)
    blurred = Degradation(blur_share=1.0)(target, (10, 7)).image.flatten(1).std(dim=1)
    plain = Degradation()(target, (10, 7)).image.flatten(1).std(dim=1)
    assert (blurred < plain + 1e-3).all()
    assert blurred.mean() < 0.95 * plain.mean()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"noise": (5.0, 1.0)}, "noise must satisfy"),
        ({"noise": (-1.0, 1.0)}, "noise must satisfy"),
        ({"clean_share": 1.5}, "clean_share must be between 0 and 1, got 1.5"),
        ({"noise": (0.0, 50.0), "noise_mostly_below": 60.0}, "noise_mostly_below must be inside the range of noise"),
        ({"jpeg": (0, 50)}, "jpeg must satisfy 1 <= low <= high <= 100"),
        ({"jpeg": (50, 10)}, "got 50 to 10"),
        ({"clean_share": 0.5, "noise_only_share": 0.6}, "must be shares of one whole, got clean_share 0.5"),
        ({"box_share": 0.5, "lanczos_share": 0.6}, "must be shares of one whole"),
        ({"jpeg": (10, 50), "jpeg_only_share": 0.6}, "unless noise and jpeg are both set"),
        ({"rounded_share": -0.5}, "rounded_share must be between 0 and 1, got -0.5"),
        ({"same_size_clean_share": 2.0}, "same_size_clean_share must be between 0 and 1, got 2.0"),
        ({"clean_share": 1.0, "same_size_clean_share": 0.0}, "needs a clean_share below 1"),
        ({"blur": -1.0}, "blur must be between 0 and 10"),
    ],
)
def test_senseless_degradations_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Degradation(**settings)
