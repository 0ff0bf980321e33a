"""Tiles and strips give what the whole gives, in bounded memory, whatever the machine does meanwhile."""

import dataclasses
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from amortized_sr import strips, tiling
from amortized_sr.config import ModelConfig, build_model
from amortized_sr.resize import shrink
from amortized_sr.sizes import scaled_size
from amortized_sr.strips import draw_strips
from amortized_sr.tiling import TiledEncoder
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import load_weights

CPU = torch.device("cpu")
SMALL = ModelConfig(encoder_width=6, encoder_blocks=1, head_width=8, frequencies=2, field_width=8, field_depth=2)
FIELDS = [
    dataclasses.replace(SMALL, field=field, neighbors=n)
    for field in ("hyper", "learned", "concat", "film")
    for n in (1, 4)
]
BUNDLED = ["photo-tiny", "mnist"]


def make(config):
    torch.manual_seed(0)
    model = build_model(config)
    for parameter in model.head.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def models():
    return {name: load_weights(name).model for name in BUNDLED}


def tiled(model, side, notices=None, **options) -> TiledEncoder:
    """An encoder whose tiles have `side` pixels a side, besides the halo."""
    encoder = TiledEncoder(model, CPU, notify=(notices if notices is not None else []).append, **options)
    encoder._area = (side + 2 * model.halo) ** 2
    return encoder


sides = st.one_of(st.integers(1, 6), st.integers(7, 60))


@pytest.mark.parametrize("name", BUNDLED)
@settings(max_examples=30)
@given(height=sides, width=sides, side=st.integers(1, 24), scale=st.floats(0.3, 4.5), rows=st.integers(1, 40))
def test_tiled_equals_untiled_for_the_bundled_weights(models, name, height, width, side, scale, rows):
    """The promise: any size (1xN, below the receptive field), any scale, any tile, any strip."""
    model = models[name]
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height * 100 + width))
    side = max(side, max(height, width) // 4)  # enough tiles, in a second
    size = scaled_size((height, width), scale)
    drawn = max(size[0], height), max(size[1], width)
    with torch.inference_mode():
        whole = shrink(model.encode(image).render(drawn), size)

    with mock.patch.object(strips, "_STRIP_PIXELS", rows * drawn[1]):
        parts = list(draw_strips(tiled(model, side), lambda a, b: image[:, :, a:b], (height, width), size))

    assert (torch.cat(parts, dim=2) - whole).abs().max() < 1e-5


@pytest.mark.parametrize("config", FIELDS, ids=lambda config: f"{config.field}-{config.neighbors}")
@settings(max_examples=10)
@given(height=sides, width=sides, side=st.integers(1, 20))
def test_tiled_latents_equal_untiled_ones_for_every_field(config, height, width, side):
    model = make(config)
    image = torch.rand(2, 3, height, width)

    function = tiled(model, side).encode(image)

    torch.testing.assert_close(function.latent, model.encode(image).latent, rtol=0, atol=1e-5)


def test_tiled_equals_untiled_for_the_ensemble():
    model = make(SMALL)
    model.ensemble = True
    image = torch.rand(2, 3, 23, 31)

    torch.testing.assert_close(tiled(model, 7).encode(image).latent, model.encode(image).latent, rtol=0, atol=1e-5)


def test_the_halo_is_exact_and_not_larger_than_needed():
    """The test above can fail: with one pixel less of a halo it does."""
    model = make(SMALL)
    image = torch.rand(1, 3, 40, 40)
    whole = model.encode(image).latent
    part = slice(16, 24), slice(16, 24)
    torch.testing.assert_close(model.encode_part(image, *part), whole[:, :, *part], rtol=0, atol=1e-5)
    model.encoder.receptive_radius -= 1

    assert (model.encode_part(image, *part) - whole[:, :, *part]).abs().max() > 1e-4


def test_few_rows_are_encoded_for_few_rows_of_the_rendering():
    model = make(SMALL)
    encoder = tiled(model, 16, memory=1 << 16)
    seen = []

    def read(first, stop):
        seen.append(stop - first)
        return torch.rand(1, 3, stop - first, 32)

    first = next(iter(draw_strips(encoder, read, (4000, 32), (8000, 64))))

    assert len(seen) == 1
    assert seen[0] < 100
    assert first.shape[2] < 200


@pytest.mark.parametrize("batch", [1, 2])
def test_a_strip_needs_no_more_of_the_latent_than_the_memory_allows(batch):
    model, memory = make(SMALL), 1 << 22
    seen = []

    def read(first, stop):
        seen.append(stop - first)
        return torch.zeros(batch, 3, stop - first, 64)

    for strip in draw_strips(tiled(model, 16, memory=memory), read, (2000, 64), (1000, 32), batch):
        assert strip.shape == (batch, 3, 1000, 32)

    row = 4 * model.field.code_channels * 64 * batch
    assert max(seen) <= memory // 4 // row + 2 * model.halo + 6


# --- not enough memory ---


def fail_above(encoder, pixels):
    """Let the encoder run out of memory for every tile above so many pixels."""
    calls = []
    real = encoder.model.encode_part

    def part(image, rows, columns):
        calls.append(image.shape[-2] * image.shape[-1])
        if calls[-1] > pixels:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return real(image, rows, columns)

    encoder.model.encode_part = part
    return calls


def test_tiles_are_halved_when_memory_runs_out_and_nothing_else_changes():
    model = make(SMALL)
    image = torch.rand(1, 3, 90, 80)
    whole = model.encode(image).latent
    notices = []
    encoder = tiled(model, 60, notices)
    calls = fail_above(encoder, 40 * 40)

    latent = encoder.encode(image).latent

    torch.testing.assert_close(latent, whole, rtol=0, atol=1e-5)
    assert max(calls) > 40 * 40
    assert notices == ["not enough memory for a tile; tiles are half as large from here on"] * len(notices)
    assert 1 <= len(notices) <= 3


def test_memory_that_runs_out_in_the_middle_of_an_image_costs_no_tile():
    model = make(SMALL)
    image = torch.rand(1, 3, 90, 80)
    whole = model.encode(image).latent
    encoder = tiled(model, 30)
    real, count = encoder.model.encode_part, [0]

    def part(image, rows, columns):
        count[0] += 1
        if count[0] == 4:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")
        return real(image, rows, columns)

    encoder.model.encode_part = part

    torch.testing.assert_close(encoder.encode(image).latent, whole, rtol=0, atol=1e-5)


def test_a_machine_too_small_for_the_smallest_tile_gets_an_error():
    encoder = tiled(make(SMALL), 60)
    fail_above(encoder, 0)

    with pytest.raises(MemoryError, match="not enough memory on cpu for a tile of 16x16 pixels"):
        encoder.encode(torch.rand(1, 3, 90, 80))


def test_the_cpu_goes_on_when_a_device_chosen_by_itself_is_too_small():
    model = make(SMALL)
    image = torch.rand(1, 3, 50, 40)
    whole = model.encode(image).latent
    notices = []
    encoder = TiledEncoder(model, torch.device("cpu", 0), may_leave=True, notify=notices.append)
    real = encoder.model.encode_part

    def part(image, rows, columns):
        if encoder.device.index is not None:
            raise torch.OutOfMemoryError
        return real(image, rows, columns)

    encoder.model.encode_part = part

    torch.testing.assert_close(encoder.encode(image).latent, whole, rtol=0, atol=1e-5)
    assert notices[-1] == "not enough memory on cpu:0 for the smallest tile; the cpu goes on"


def test_an_error_that_has_nothing_to_do_with_memory_is_not_tried_again():
    encoder = tiled(make(SMALL), 60)
    calls = []

    def part(image, rows, columns):
        calls.append(rows)
        raise RuntimeError("CUDA error: an illegal instruction was encountered")

    encoder.model.encode_part = part

    with pytest.raises(RuntimeError, match="illegal instruction"):
        encoder.encode(torch.rand(1, 3, 20, 20))
    assert len(calls) == 1


def test_strips_are_halved_when_drawing_runs_out_of_memory():
    model = make(SMALL)
    image = torch.rand(1, 3, 12, 10)
    whole = model.encode(image).render((120, 100))
    real = tiling.AmortizedImage.render_band

    def render(self, rows, *rest):
        if rows.stop - rows.start > 40:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, rows, *rest)

    with mock.patch.object(tiling.AmortizedImage, "render_band", render):
        parts = list(draw_strips(tiled(model, 60), lambda a, b: image[:, :, a:b], (12, 10), (120, 100)))

    assert {part.shape[2] for part in parts} == {30}
    torch.testing.assert_close(torch.cat(parts, dim=2), whole, rtol=0, atol=1e-5)


# --- half precision ---


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_close_and_says_nothing(precision):
    model = make(SMALL)
    image = torch.rand(1, 3, 20, 20)
    notices = []

    latent = tiled(model, 60, notices, precision=precision).encode(image).latent

    whole = model.encode(image).latent
    assert 0 < (latent - whole).abs().max() < 0.05 * whole.abs().max()
    assert latent.dtype == torch.float32
    assert notices == []


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 0.0])
def test_a_wrong_tile_in_half_precision_is_made_again_in_fp32(wrong):
    model = make(SMALL)
    image = torch.rand(1, 3, 20, 20)
    whole = model.encode(image).latent
    notices = []
    encoder = tiled(model, 60, notices, precision="bf16")
    real = encoder.model.encode_part

    def part(image, rows, columns):
        latent = real(image, rows, columns)
        return torch.full_like(latent, wrong) if torch.is_autocast_enabled("cpu") else latent

    encoder.model.encode_part = part

    torch.testing.assert_close(encoder.encode(image).latent, whole)
    assert notices == ["a tile came out wrong in half precision and was made again in fp32"]


def test_an_even_tile_of_an_even_image_is_not_wrong():
    model = make(SMALL)
    notices = []

    tiled(model, 60, notices, precision="bf16").encode(torch.full((1, 3, 9, 9), 0.5))

    assert notices == []


# --- large inputs ---


def test_an_image_above_two_megapixels_is_upscaled(small_weights):
    image = torch.rand(1, 3, 1200, 1800)
    upscaler = Upscaler.from_pretrained(small_weights, device="cpu", memory=1 << 26)

    result = upscaler.upscale(image, scale=1.0)

    corner = upscaler.upscale(image[:, :, :60, :70], scale=1.0)
    torch.testing.assert_close(result[:, :, :40, :50], corner[:, :, :40, :50], rtol=0, atol=1e-5)
