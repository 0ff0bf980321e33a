"""Tiles and strips give what the whole gives, in bounded memory, whatever the machine does meanwhile."""

import contextlib
import dataclasses
import math
from typing import get_args
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.axes import Rendering
from amortized_sr.choices import FieldName, Neighbors
from amortized_sr.compute import DEFAULT_BOUNDS, DEFAULT_MEMORY, Bounds, Compute, ignore
from amortized_sr.devices import has_bfloat16
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.picture_tensor import add_conditions
from amortized_sr.resize import shrink
from amortized_sr.sizes import scaled_size
from amortized_sr.strips import render_strips
from amortized_sr.tiling import AdaptiveEncoder, TiledEncoder
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import load_weights

CPU = torch.device("cpu")
SMALL = ModelConfig(encoder_width=6, encoder_blocks=1, head_width=8, frequencies=2, field_width=8, field_depth=2)
HYBRID = dataclasses.replace(SMALL, encoder="hybrid", half_width=5, half_blocks=1)
FIELDS = [
    dataclasses.replace(SMALL, field=field, neighbors=n) for field in get_args(FieldName) for n in get_args(Neighbors)
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


def tiled(model, side, memory=DEFAULT_MEMORY, precision="fp32", bounds=DEFAULT_BOUNDS) -> AdaptiveEncoder:
    """An encoder whose tiles have `side` pixels a side, besides the halo."""
    compute = Compute("cpu", memory, precision, bounds)
    return AdaptiveEncoder(TiledEncoder(model, CPU, compute, (side + 2 * model.halo) ** 2))


def codes(encoder, image, ensemble=False, notify=ignore):
    return encoder.encode(image, slice(0, image.shape[-2]), ensemble, notify).latent.codes


def strips(encoder, image, size, batch=1):
    rendering = Rendering(size, (image.shape[-2], image.shape[-1]))
    return list(render_strips(encoder, lambda a, b: image[:, :, a:b], rendering, batch, False, ignore))


sides = st.one_of(st.integers(1, 6), st.integers(7, 60))


def precisely(precision):
    """What encodes as in a precision, without tiles."""
    return torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()


def anywhere(examples):
    """Try images of any size (1xN, below the receptive field), any scale, any tile, any strip."""
    given_any = given(
        height=sides, width=sides, side=st.integers(1, 24), scale=st.floats(0.3, 4.5), rows=st.integers(1, 40)
    )
    return lambda test: settings(max_examples=examples)(given_any(test))


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
@anywhere(30)
def test_tiled_equals_untiled_for_the_bundled_weights(models, name, height, width, side, scale, rows):
    check_tiles(models[name], "fp32", height, width, side, scale, rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
@anywhere(30 if has_bfloat16(torch.device("cpu")) else 5)  # others emulate it, a hundred times slower
def test_tiled_equals_untiled_in_bfloat16(models, name, height, width, side, scale, rows):
    check_tiles(models[name], "bf16", height, width, side, scale, rows)


def check_tiles(model, precision, height, width, side, scale, rows):
    """Compare tiles and strips with the whole."""
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height * 100 + width))
    side = max(side, max(height, width) // 4)  # enough tiles, in a second
    size = scaled_size((height, width), scale)
    drawn = max(size[0], height), max(size[1], width)
    with torch.inference_mode():
        with precisely(precision):
            function = model.encode(image)
        whole = shrink(function.render(drawn), size)

    encoder = tiled(model, side, precision=precision, bounds=Bounds(strip_pixels=rows * drawn[1]))
    parts = strips(encoder, image, size)

    assert (torch.cat(parts, dim=2) - whole).abs().max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    "config", [*FIELDS, HYBRID], ids=lambda config: f"{config.encoder}-{config.field}-{config.neighbors}"
)
@settings(max_examples=10)
@given(height=sides, width=sides, side=st.integers(1, 20))
def test_tiled_latents_equal_untiled_ones_for_every_field(config, height, width, side):
    model = make(config)
    image = torch.rand(2, 3, height, width)

    whole = model.encode(image).latent.codes
    torch.testing.assert_close(codes(tiled(model, side), image), whole, rtol=0, atol=1e-5)


def test_tiled_equals_untiled_for_the_ensemble():
    model = make(SMALL)
    image = torch.rand(2, 3, 23, 31)

    whole = model.encode(image, ensemble=True).latent.codes
    torch.testing.assert_close(codes(tiled(model, 7), image, ensemble=True), whole, rtol=0, atol=1e-5)


@given(height=sides, width=sides, side=st.integers(1, 20), rows=st.integers(1, 9))
@settings(max_examples=10)
def test_strips_of_a_hybrid_encoder_equal_the_whole(height, width, side, rows):
    """Its parts have to begin at even pixels, of the image rather than of a strip."""
    model = make(HYBRID)
    image = torch.rand(1, 3, height, width)
    size = (2 * height, 2 * width)
    encoder = tiled(model, side, memory=1 << 14, bounds=Bounds(strip_pixels=rows * size[1]))

    torch.testing.assert_close(torch.cat(strips(encoder, image, size), dim=2), model(image, size), rtol=0, atol=1e-5)


def test_the_halo_is_exact_and_not_larger_than_needed():
    """The test above can fail: with one pixel less of a halo it does."""
    model = make(SMALL)
    image = torch.rand(1, 3, 40, 40)
    whole = model.encode(image).latent.codes
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

    first = next(iter(render_strips(encoder, read, Rendering((8000, 64), (4000, 32)), 1, False, ignore)))

    assert len(seen) == 1
    assert seen[0] < 100
    assert first.shape[2] < 200


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2])
def test_a_strip_needs_no_more_of_the_latent_than_the_memory_allows(batch):
    model, memory = make(SMALL), 1 << 22
    seen = []

    def read(first, stop):
        seen.append(stop - first)
        return torch.zeros(batch, 3, stop - first, 64)

    rendering = Rendering((1000, 32), (2000, 64))
    for strip in render_strips(tiled(model, 16, memory=memory), read, rendering, batch, False, ignore):
        assert strip.shape == (batch, 3, 1000, 32)

    row = 4 * model.field.code_channels * 64 * batch
    assert max(seen) <= memory // 4 // row + 2 * model.halo + 6


# --- not enough memory ---


def on_part(encoder, replacement):
    """Let `replacement(real, planes, rows, columns, ensemble)` answer for the model's `encode_part`."""
    model = encoder.encoder.model
    real = model.encode_part
    model.encode_part = lambda *arguments: replacement(real, *arguments)


def fail_above(encoder, pixels):
    """Let the encoder run out of memory for every tile above so many pixels."""
    calls = []

    def part(real, planes, *rest):
        calls.append(planes.shape[-2] * planes.shape[-1])
        if calls[-1] > pixels:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return real(planes, *rest)

    on_part(encoder, part)
    return calls


@pytest.mark.slow
def test_tiles_are_halved_when_memory_runs_out_and_nothing_else_changes():
    model = make(SMALL)
    image = torch.rand(1, 3, 90, 80)
    whole = model.encode(image).latent.codes
    notices = []
    encoder = tiled(model, 60)
    calls = fail_above(encoder, 40 * 40)

    found = codes(encoder, image, notify=notices.append)

    torch.testing.assert_close(found, whole, rtol=0, atol=1e-5)
    assert max(calls) > 40 * 40
    assert notices == ["not enough memory for a tile; using tiles of half the side"] * len(notices)
    assert 1 <= len(notices) <= 3
    # The next image does not try the large tiles again.
    calls.clear()
    codes(encoder, image)
    assert max(calls) <= 40 * 40


@pytest.mark.slow
def test_memory_that_runs_out_in_the_middle_of_an_image_changes_nothing():
    model = make(SMALL)
    image = torch.rand(1, 3, 90, 80)
    whole = model.encode(image).latent.codes
    encoder = tiled(model, 30)
    count = [0]

    def part(real, *arguments):
        count[0] += 1
        if count[0] == 4:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")
        return real(*arguments)

    on_part(encoder, part)

    torch.testing.assert_close(codes(encoder, image), whole, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_machine_too_small_for_the_smallest_tile_gets_an_error():
    encoder = tiled(make(SMALL), 60)
    fail_above(encoder, 0)

    with pytest.raises(MemoryError, match="not enough memory on cpu for a tile of 16x16 pixels"):
        codes(encoder, torch.rand(1, 3, 90, 80))


@pytest.mark.slow
def test_the_cpu_continues_when_a_device_chosen_by_itself_is_too_small_and_earlier_functions_still_render():
    model = make(SMALL)
    image = torch.rand(1, 3, 50, 40)
    whole = model.encode(image)
    notices = []
    first = TiledEncoder.on(torch.device("cpu", 0), model, Compute("auto", precision="fp32"))
    encoder = AdaptiveEncoder(first)
    early = encoder.encode(image, slice(0, 50), False, ignore)

    def part(real, *arguments):
        if encoder.encoder.device.index is not None:
            raise torch.OutOfMemoryError
        return real(*arguments)

    on_part(encoder, part)

    late = encoder.encode(image, slice(0, 50), False, notices.append)

    assert notices[-1] == "not enough memory on cpu:0 for the smallest tile; continuing on the CPU"
    assert encoder.encoder.model is not first.model
    assert encoder.encoder.device == torch.device("cpu")
    torch.testing.assert_close(late.latent.codes, whole.latent.codes, rtol=0, atol=1e-5)
    # As on a device that is given up: what moves is a copy.
    encoder.encoder.model.to("meta")
    torch.testing.assert_close(early.render((70, 70)), whole.render((70, 70)), rtol=0, atol=1e-5)


def test_an_error_that_has_nothing_to_do_with_memory_is_not_tried_again():
    encoder = tiled(make(SMALL), 60)
    calls = []

    def part(real, *arguments):
        calls.append(arguments)
        raise RuntimeError("CUDA error: an illegal instruction was encountered")

    on_part(encoder, part)

    with pytest.raises(RuntimeError, match="illegal instruction"):
        codes(encoder, torch.rand(1, 3, 20, 20))
    assert len(calls) == 1


def test_strips_are_halved_when_rendering_runs_out_of_memory():
    model = make(SMALL)
    image = torch.rand(1, 3, 12, 10)
    whole = model.encode(image).render((120, 100))
    real = AmortizedImage.render

    def render(self, size, window):
        if size[0] > 40:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, size, window)

    with mock.patch.object(AmortizedImage, "render", render):
        parts = strips(tiled(model, 60), image, (120, 100))

    assert {part.shape[2] for part in parts} == {30}
    torch.testing.assert_close(torch.cat(parts, dim=2), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("channels", "colours"), [(3, 3), (3, 1), (1, 3)])
def test_conditions_and_corrections_travel_with_the_pixels_through_tiles_and_strips(channels, colours):
    model = make(dataclasses.replace(SMALL, channels=channels, conditions=("noise",)))
    planes = add_conditions(torch.rand(2, colours, 40, 30), torch.tensor([[0.1], [0.4]]))
    whole = model.encode(planes, ensemble=True)
    assert (whole.latent.image - planes[:, :colours]).abs().max() > 1e-2

    found = tiled(model, 9).encode(planes, slice(0, 40), True, ignore)
    torch.testing.assert_close(found.latent.codes, whole.latent.codes, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.latent.image, whole.latent.image, rtol=0, atol=1e-5)

    parts = strips(tiled(model, 9, bounds=Bounds(strip_pixels=700)), planes, (90, 70), batch=2)
    torch.testing.assert_close(torch.cat(parts, dim=2), model(planes, (90, 70)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(61, 47), (13, 9)])
def test_an_encoder_that_sees_the_whole_image_is_never_tiled(size):
    model = make(dataclasses.replace(SMALL, neighbors=1))
    model.encoder.receptive_radius = None  # It says that it needs everything.
    image = torch.rand(1, 3, 30, 20)
    rendering = Rendering(size, (30, 20))
    whole = shrink(model.encode(image).render(rendering.drawn), size)
    seen = []
    compute = Compute("cpu", 1 << 16, "fp32", Bounds(strip_pixels=100))
    encoder = AdaptiveEncoder(TiledEncoder(model, CPU, compute, 1))
    on_part(encoder, lambda real, planes, *rest: (seen.append(planes.shape[-2:]), real(planes, *rest))[1])

    parts = strips(encoder, image, size)

    assert seen == [(30, 20)]
    torch.testing.assert_close(torch.cat(parts, dim=2), whole, rtol=0, atol=1e-5)


# --- half precision ---


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_close_and_says_nothing(precision):
    model = make(SMALL)
    image = torch.rand(1, 3, 20, 20)
    notices = []

    found = codes(tiled(model, 60, precision=precision), image, notify=notices.append)

    whole = model.encode(image).latent.codes
    assert 0 < (found - whole).abs().max() < 0.05 * whole.abs().max()
    assert found.dtype == torch.float32
    assert notices == []


_ONE = (0, 3, 17, 5)


@pytest.mark.parametrize(
    ("wrong", "place"), [(math.nan, ...), (math.inf, ...), (0.0, ...), (math.nan, _ONE), (-math.inf, _ONE)], ids=str
)
def test_a_wrong_tile_in_half_precision_is_made_again_in_fp32(wrong, place):
    model = make(SMALL)
    image = torch.rand(1, 3, 20, 20)
    whole = model.encode(image).latent.codes
    notices = []
    encoder = tiled(model, 60, precision="bf16")

    def part(real, *arguments):
        found = real(*arguments)
        if torch.is_autocast_enabled("cpu"):
            found[place] = wrong
        return found

    on_part(encoder, part)

    torch.testing.assert_close(codes(encoder, image, notify=notices.append), whole)
    assert notices == ["a tile was wrong in half precision and was recomputed in fp32"]


def test_an_even_tile_of_an_even_image_is_not_wrong():
    notices = []

    codes(tiled(make(SMALL), 60, precision="bf16"), torch.full((1, 3, 9, 9), 0.5), notify=notices.append)

    assert notices == []


# --- large inputs ---


@pytest.mark.slow
def test_an_image_above_two_megapixels_is_upscaled(small_weights):
    image = torch.rand(1, 3, 1200, 1800)
    upscaler = Upscaler.from_pretrained(small_weights, device="cpu", memory=1 << 26)

    result = upscaler.upscale(image, scale=1.0)

    corner = upscaler.upscale(image[:, :, :60, :70], scale=1.0)
    torch.testing.assert_close(result[:, :, :40, :50], corner[:, :, :40, :50], rtol=0, atol=1e-5)
