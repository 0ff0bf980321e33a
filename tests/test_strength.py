"""Strengths of noise and compression: what callers may ask for, what is found by itself, what encoders are told."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr import upscale, weights_header
from amortized_sr.image_io.reading import read_image
from amortized_sr.jpeg_strength import condition_of_step, step_of_quality
from amortized_sr.noise_estimate import estimate_noise, significant_noise
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.pictures.conversion import Drawing
from amortized_sr.pictures.drawing import measure_noise
from amortized_sr.strength import Restoration, Strength, StrengthError
from amortized_sr.upscaler import Upscaler

BOTH = ("noise", "jpeg")


@pytest.fixture
def upscaler(told_weights) -> Upscaler:
    return Upscaler.from_pretrained(told_weights, "cpu")


def noisy(sigma: float, height: int = 90, width: int = 100, seed: int = 0) -> Image.Image:
    """A colour gradient with white noise, in which an estimate finds nothing else."""
    y, x = np.mgrid[:height, :width]
    even = np.stack((60 + y, 60 + x, 200 - y), axis=2)
    noise = np.random.default_rng(seed).normal(0, sigma, even.shape)
    return Image.fromarray((even + noise).round().clip(0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def never() -> float:
    raise AssertionError("it was measured")


# --- what may be asked for ---


@pytest.mark.parametrize("noise", [-1, 75.1, float("nan"), float("inf"), True])
def test_a_noise_that_cannot_be_is_refused_with_its_value_and_the_range(noise):
    with pytest.raises(StrengthError, match=rf"noise must be auto, off, or a number from 0 to 75 .*, got {noise}"):
        Restoration(noise=noise)


@pytest.mark.parametrize("quality", [-1, 101, 50.5, float("nan"), False])
def test_a_quality_that_cannot_be_is_refused_with_its_value_and_the_range(quality):
    with pytest.raises(StrengthError, match=rf"a quality from 1 to 100, or 0 for none, got {quality}"):
        Restoration(jpeg=quality)


@pytest.mark.parametrize(("setting", "value"), [("noise", 15), ("jpeg", 60)])
def test_a_model_that_reads_no_strength_refuses_all_above_0_and_ignores_the_others(
    small_weights, told_weights, monkeypatch, setting, value
):
    plain, picture = Upscaler.from_pretrained(small_weights, "cpu"), noisy(20)
    for harmless in ("auto", "off", 0):
        assert plain.upscale(picture, 2.0, **{setting: harmless}) == plain.upscale(picture, 2.0)
    with pytest.raises(StrengthError, match=rf"{setting} {value} needs a model that reads it, .*; choose photo$"):
        plain.encode(picture, **{setting: value})
    bundled = {"mnist": weights_header.bundled_models()["mnist"]}
    monkeypatch.setattr(weights_header, "bundled_models", lambda: bundled)
    with pytest.raises(StrengthError, match="and this one does not; no bundled model does"):
        plain.encode(picture, **{setting: value})
    bundled["restorer"] = told_weights
    with pytest.raises(StrengthError, match=r"and this one does not; choose restorer$"):
        plain.encode(picture, **{setting: value})


def test_the_encoder_is_told_a_part_of_white_and_a_step_and_0_for_none():
    told = Restoration(noise=51, jpeg=50).resolve(BOTH, None, never)
    assert told.conditions(BOTH) == [0.2, condition_of_step(step_of_quality(50))]
    assert told.conditions(("jpeg",)) == told.conditions(BOTH)[1:]
    for none in ("off", 0):
        assert Restoration(none, none).resolve(BOTH, step_of_quality(50), never).conditions(BOTH) == [0, 0]
    assert Restoration().resolve(("jpeg",), None, never).facts == {"jpeg": 0}


# --- what is found by itself ---


@pytest.mark.parametrize(("quality", "measured"), [(89, False), (90, True), (95, True)])
def test_noise_is_not_measured_below_quality_90(quality, measured):
    step = step_of_quality(quality)
    for wanted in (Restoration(), Restoration(jpeg="off")):
        assert wanted.resolve(BOTH, step, lambda: 20.0).noise == (20 if measured else 0)
    assert Restoration(jpeg=quality).resolve(BOTH, None, lambda: 20.0).noise == (20 if measured else 0)
    assert Restoration().resolve(BOTH, None, lambda: 99.0).noise == 75


@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_white_noise_of_a_known_strength_is_found(sigma):
    # Taller than the bands that are floats at once.
    values = np.random.default_rng(sigma).normal(127, sigma, (1300, 40, 3))
    assert 255 * estimate_noise(values, lambda rows: (rows / 255).astype(np.float32)) == pytest.approx(sigma, rel=0.03)


def test_what_is_even_sloped_invisible_or_too_small_has_no_noise():
    def estimate(values, visible=None):
        return estimate_noise(values.astype(np.float32), lambda rows: rows, visible)

    y, x = np.mgrid[:64, :64][..., None] / 64
    assert estimate(0.5 * x + 0.3 * y) < 1e-6
    assert estimate((x > 0.5) * 1.0) == 0
    assert estimate(np.random.default_rng(0).random((9, 64, 1))) == 0
    # A sprite: nothing but its visible part counts.
    noise = 0.1 * np.random.default_rng(0).standard_normal((64, 64, 1)) * (y > 0.5)
    visible = y[..., 0] > 0.5
    assert estimate(noise) == 0
    assert estimate(noise, visible) == pytest.approx(0.1, rel=0.15)
    assert estimate(noise, np.zeros((64, 64), bool)) == 0


@pytest.mark.parametrize("levels", [2, 4, 8])
def test_a_dithered_picture_has_no_noise_and_a_noisy_one_of_many_values_has(levels):
    # Random dithering, so that not the pattern but the few values say that it was drawn.
    random, ramp = np.random.default_rng(0), np.linspace(0.2, 0.8, 96)[None, :, None]
    dithered = np.floor(ramp * (levels - 1) + random.random((96, 96, 3))) / (levels - 1)
    assert estimate_noise(dithered.astype(np.float32), lambda rows: rows) == 0
    noisy = (255 * ramp + random.normal(0, 5, (96, 96, 3))).round() / 255
    assert 255 * estimate_noise(noisy.astype(np.float32), lambda rows: rows) == pytest.approx(5, rel=0.1)


def test_noise_in_the_dark_is_found_although_half_of_it_is_clipped():
    noisy = np.random.default_rng(0).normal(0, 20, (96, 96, 1)).round().clip(0, 255) / 255
    assert 255 * estimate_noise(noisy.astype(np.float32), lambda rows: rows) > 8


@pytest.mark.parametrize(("side", "dead"), [(64, 10), (128, 6), (129, 5)])
def test_the_smaller_the_picture_the_more_counts_as_texture(side, dead):
    assert significant_noise((dead - 0.1) / 255, side**2) == 0
    assert significant_noise(dead / 255, side**2) == dead


@pytest.mark.slow
def test_clean_photographs_are_clean_and_their_noise_is_found(shared_data):
    folder = shared_data / "data" / "photos" / "val"
    script = "scripts/measure_noise_estimate.py"
    done = subprocess.run([sys.executable, script, str(folder)], capture_output=True, text=True, check=True)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["64x64", "128x128", "256x256"]
    for _, count, *cells, passed in rows:
        assert (count, passed) == ("12", "0.0")
        medians = [float(cell.split(" / ")[1]) for cell in cells[:4]]  # Clamping hides a part of stronger noise.
        assert medians == pytest.approx([0, 5, 15, 25], abs=2.5)


def test_the_step_is_that_of_the_file_and_of_no_picture_made_of_it(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(noisy(0), 62))
    with Image.open(tmp_path / "a.jpg") as opened:
        opened.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.jpg").jpeg_step == step_of_quality(62)
    assert read_image(tmp_path / "a.png").jpeg_step is None


def test_a_jpeg_without_its_tables_is_refused_as_damaged():
    content = jpeg(noisy(0), 62)
    while (start := content.find(b"\xff\xdb")) > 0:
        content = content[:start] + content[start + 2 + int.from_bytes(content[start + 2 : start + 4], "big") :]
    with pytest.raises(ValueError, match="the file is damaged"):
        read_image(Path("a.jpg"), content)


# --- from pictures to the encoder ---


@pytest.mark.parametrize("channels", [1, 3])
def test_strength_0_leaves_the_image_below_exactly_the_input_and_others_do_not(upscaler, channels):
    image = torch.rand(2, channels, 12, 9)
    assert torch.equal(upscaler.encode(image, noise=0, jpeg="off").base.image, image)
    for wanted in ({"noise": 1}, {"jpeg": 95}):
        function = upscaler.encode(image, **{"noise": "off", "jpeg": "off", **wanted})
        assert (function.base.image - image).abs().max() > 1e-2


def test_each_image_of_a_batch_has_its_own_strength(upscaler):
    images, noise, quality = torch.rand(3, 3, 12, 9), torch.tensor([0.0, 12.5, 50.0]), torch.tensor([50, 0, 90])
    together = upscaler.upscale(images, 2.0, noise=noise, jpeg=quality)
    for index in range(3):
        strengths = {"noise": noise[index].item(), "jpeg": quality[index].item()}
        alone = upscaler.upscale(images[index : index + 1], 2.0, **strengths)
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-6)
        assert (alone - upscaler.upscale(images[index : index + 1], 2.0, noise=3, jpeg=5)).abs().max() > 1e-3
    by_itself = upscaler.upscale(torch.cat([picture_to_tensor(noisy(sigma)) for sigma in (0, 20)]), 1.0)
    for index, sigma in enumerate((0, 20)):
        alone = upscaler.upscale(picture_to_tensor(noisy(sigma)), 1.0)
        torch.testing.assert_close(by_itself[index : index + 1], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("setting", BOTH)
def test_strengths_of_another_batch_are_refused(upscaler, setting, count):
    with pytest.raises(ValueError, match=rf"{setting} must be .* one for each of 2 images, got shape \({count},\)"):
        upscaler.encode(torch.rand(2, 3, 8, 8), **{setting: torch.ones(count)})


def test_conditions_are_no_part_of_an_image(upscaler):
    with pytest.raises(ValueError, match=r"image must have shape \(batch, 1 or 3, height, width\)"):
        upscaler.upscale(torch.rand(1, 5, 8, 8), 2.0)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_auto_finds_gives_the_same_bytes_by_hand_from_files_pictures_and_tensors(
    upscaler, told_weights, tmp_path, mode
):
    clean, rough = noisy(0).convert(mode), noisy(25).convert(mode)
    (tmp_path / "a.jpg").write_bytes(jpeg(clean, 60))
    rough.save(tmp_path / "a.png")
    for name, found in (("a.jpg", {"noise": 0, "jpeg": 60}), ("a.png", None)):
        file = upscale(tmp_path / name, 2.0, model=told_weights, device="cpu")
        facts = file.strength.facts
        if found is None:
            assert 12 < facts["noise"] < 30
            assert facts["jpeg"] == 0
        else:
            assert facts == found
        with Image.open(tmp_path / name) as opened:
            for result in (
                upscaler.upscale(tmp_path / name, 2.0),
                upscaler.upscale(opened, 2.0),
                upscaler.upscale(opened.copy(), 2.0, **facts),
                upscaler.encode(tmp_path / name, **facts).render((180, 200)),
                upscale(opened, 2.0, model=told_weights, device="cpu"),
            ):
                assert file.to_pil() == result
        assert file.to_pil() != upscaler.upscale(tmp_path / name, 2.0, noise="off", jpeg="off")
        assert "(measured, of 255)" in "".join(file.notices) or name == "a.jpg"
        assert ("compression of JPEG quality 60 (from the file)" in "".join(file.notices)) == (name == "a.jpg")


def test_noise_is_a_part_of_white_at_every_depth():
    pixels = np.asarray(noisy(20))
    found = measure_noise(pixels, Drawing())
    assert 18 < found < 22
    assert measure_noise(pixels.astype(np.uint16) * 257, Drawing()) == found
    assert measure_noise(pixels.astype(np.float32) / 255, Drawing()) == found
    alpha = np.full((*pixels.shape[:2], 1), 9, np.uint8)
    assert measure_noise(np.concatenate((pixels, alpha), axis=2), Drawing()) == found
    # Where tones are brought near to sRGB, noise is what the network sees.
    assert measure_noise(pixels, Drawing(tone_gamma=0.5)) != found


def test_transparency_is_never_restored(told_weights, tmp_path):
    alpha = Image.fromarray(np.random.default_rng(0).integers(1, 255, (30, 20), dtype=np.uint8))
    colours = noisy(20, 30, 20)
    colours.putalpha(alpha)
    colours.save(tmp_path / "a.png")
    strong, none = (
        np.array(upscale(tmp_path / "a.png", 2.0, model=told_weights, device="cpu", noise=noise, jpeg="off").to_pil())
        for noise in (50, 0)
    )
    assert np.array_equal(strong[..., 3], none[..., 3])
    assert not np.array_equal(strong[..., :3], none[..., :3])


def test_an_animation_has_the_strength_of_its_first_picture(told_weights, tmp_path):
    first, second = noisy(30), noisy(0, seed=1)
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    found = upscale(tmp_path / "a.png", 1.0, model=told_weights, device="cpu")
    assert found.strength.noise > 20
    by_hand = upscale(tmp_path / "a.png", 1.0, model=told_weights, device="cpu", noise=found.strength.noise)
    assert [frame.tobytes() for frame in found.read().frames] == [frame.tobytes() for frame in by_hand.read().frames]
    alone = upscale(second, 1.0, model=told_weights, device="cpu", noise=found.strength.noise)
    assert np.array_equal(found.read().frames[1], np.array(alone))


def test_a_picture_of_a_model_that_reads_nothing_has_no_strength(small_weights, tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(noisy(40), 95))
    file = upscale(tmp_path / "a.jpg", 1.0, model=small_weights, device="cpu")
    assert file.strength == Strength()
    assert file.notices == ()
