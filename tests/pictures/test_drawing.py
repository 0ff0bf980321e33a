"""Depth, transparency and tones of what is drawn."""

import numpy as np
import pytest
import torch

from amortized_sr.compute import Bounds, Compute
from amortized_sr.image_io.profile import srgb_profile, tone_gamma
from amortized_sr.pictures.conversion import Drawing
from amortized_sr.pictures.drawing import draw
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import load_weights


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler.from_pretrained("photo-tiny", "cpu")


def drawn(upscaler, pixels, size, **options) -> np.ndarray:
    return np.concatenate(list(draw(upscaler, pixels, size, Drawing(**options))))


def scene(count: int, fine: int) -> tuple[np.ndarray, np.ndarray]:
    """A sprite with hard and curved edges: premultiplied colour and alpha, exact averages over the pixels."""
    y, x = (np.mgrid[: count * fine, : count * fine] + 0.5) / (count * fine) * 2 - 1
    alpha = (((x**2 + y**2) < 0.6) | ((np.abs(x) < 0.1) & (np.abs(y) < 0.95))).astype(float)
    colour = np.where((x > 0.1)[..., None], [0.1, 0.6, 0.9], [0.9, 0.5, 0.1])

    def mean(values):
        return values.reshape(count, fine, count, fine, -1).mean((1, 3))

    return mean(colour * alpha[..., None]), mean(alpha)


def as_pixels(premultiplied: np.ndarray, alpha: np.ndarray, garbage: np.ndarray) -> np.ndarray:
    colour = np.where(alpha > 0, premultiplied / np.maximum(alpha, 1e-9), garbage)
    return np.rint(np.concatenate((colour, alpha), axis=2) * 255).astype(np.uint8)


def over(pixels: np.ndarray, background) -> np.ndarray:
    values = pixels / 255
    return values[..., :3] * values[..., 3:] + (1 - values[..., 3:]) * np.array(background)


# --- depth: row 20 ---


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_depth_and_channels_stay(upscaler, channels, dtype):
    pixels = (np.random.default_rng(0).random((9, 7, channels)) * 200).astype(dtype)

    result = drawn(upscaler, pixels, (20, 15))

    assert result.shape == (20, 15, channels)
    assert result.dtype == dtype


def test_a_gradient_of_sixteen_bits_keeps_more_than_256_levels(upscaler):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    pixels = np.repeat(np.broadcast_to(ramp[None, :, None], (16, 64, 1)), 3, axis=2)

    result = drawn(upscaler, np.ascontiguousarray(pixels), (64, 1024))

    for channel in range(3):
        assert len(np.unique(result[32, :, channel])) > 512


def test_a_dark_picture_of_sixteen_bits_stays_dark(upscaler):
    assert drawn(upscaler, np.full((8, 8, 3), 200, np.uint16), (24, 24)).max() < 1000


def test_sixteen_and_eight_bits_show_the_same(upscaler):
    eight = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)

    deep = drawn(upscaler, eight.astype(np.uint16) * 257, (30, 30))

    assert np.abs(deep / 257 - drawn(upscaler, eight, (30, 30))).max() < 0.51


def test_floats_are_not_clamped(upscaler):
    pixels = np.linspace(-0.5, 2.0, 300, dtype=np.float32).reshape(10, 10, 3)

    result = drawn(upscaler, pixels, (30, 30))

    assert result.min() < -0.2
    assert result.max() > 1.5


# --- transparency: rows 16 to 18 ---


@pytest.mark.parametrize("background", [(0, 0, 0), (1, 1, 1), (0, 1, 0), (0.9, 0.5, 0.1)])
def test_a_sprite_has_no_halo_on_any_background(upscaler, background):
    """Nearer to the truth than drawing the composed picture, and no colour that is in neither."""
    premultiplied, alpha = scene(48, 8)
    garbage = np.random.default_rng(0).random((48, 48, 3))
    small = as_pixels(premultiplied, alpha, garbage)
    truth_colour, truth_alpha = scene(192, 4)
    truth = truth_colour + (1 - truth_alpha) * np.array(background)

    shown = over(drawn(upscaler, small, (192, 192)), background)

    opaque = drawn(upscaler, np.rint(over(small, background) * 255).astype(np.uint8), (192, 192)) / 255
    assert np.abs(shown - truth).mean() < np.abs(opaque - truth).mean()
    # A halo is a colour darker or lighter than both sides of the edge, by more than the network's own ripples.
    near = np.stack([np.roll(truth, (dy, dx), (0, 1)) for dy in range(-4, 5, 2) for dx in range(-4, 5, 2)])
    lowest, highest = near.min(0), near.max(0)
    beyond, opaque_beyond = (np.maximum(lowest - image, image - highest) for image in (shown, opaque))
    assert beyond.max() < opaque_beyond.max()
    assert (beyond > 0.05).mean() < 0.001


def test_what_lies_under_full_transparency_does_not_matter(upscaler):
    premultiplied, alpha = scene(24, 8)
    one = drawn(upscaler, as_pixels(premultiplied, alpha, np.zeros(3)), (60, 60))
    other = drawn(upscaler, as_pixels(premultiplied, alpha, np.ones(3)), (60, 60))

    np.testing.assert_array_equal(one, other)


def test_colours_of_nearly_transparent_pixels_do_not_bleed(upscaler):
    pixels = np.full((16, 16, 4), (200, 100, 50, 255), np.uint8)
    pixels[:, 8:] = (0, 255, 255, 1)

    result = drawn(upscaler, pixels, (64, 64)).astype(int)
    untreated = drawn(upscaler, np.ascontiguousarray(pixels[..., :3]), (64, 64)).astype(int)

    # As much of a wrong colour as is seen, against what would be if colours were drawn as they are. No edge can be
    # harder than this one, so that alpha itself has ripples.
    seen, unmended = (
        np.abs(colour - (200, 100, 50)) * result[..., 3:] / 255 for colour in (result[..., :3], untreated)
    )
    assert seen.max() < unmended.max() / 5
    assert seen.mean() < unmended.mean() / 5


def test_an_even_veil_keeps_its_detail(upscaler):
    """Half transparent everywhere but in a corner: colours are drawn as those of an opaque picture."""
    colours = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    alpha = np.full((24, 24, 1), 128, np.uint8)
    alpha[0, 0] = 127

    veiled = drawn(upscaler, np.concatenate((colours, alpha), axis=2), (48, 48)).astype(int)

    opaque = drawn(upscaler, colours, (48, 48)).astype(int)
    assert np.abs(veiled[..., :3] - opaque).max() <= 4


@pytest.mark.parametrize("alpha", [0, 1, 128, 255])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_constant_alpha_is_passed_through_exactly(upscaler, alpha, dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 4)).astype(dtype)
    pixels[..., 3] = alpha

    result = drawn(upscaler, pixels, (21, 30))

    assert (result[..., 3] == alpha).all()
    np.testing.assert_array_equal(result[..., :3], drawn(upscaler, np.ascontiguousarray(pixels[..., :3]), (21, 30)))


def test_shrinking_weighs_colours_with_what_can_be_seen(upscaler):
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:16] = (200, 100, 50, 255)
    pixels[16:] = (0, 255, 0, 0)

    result = drawn(upscaler, pixels, (8, 8)).astype(int)

    visible = result[..., 3] > 10
    assert np.abs(result[..., :3] - (200, 100, 50))[visible].max() <= 8


def test_transparency_can_be_put_on_a_background(upscaler):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, 4:] = (255, 0, 0, 255)

    result = drawn(upscaler, pixels, (32, 32), background=(0, 0, 255))

    assert result.shape == (32, 32, 3)
    assert np.abs(result[16, 2].astype(int) - (0, 0, 255)).max() < 8
    assert np.abs(result[16, 29].astype(int) - (255, 0, 0)).max() < 8


@pytest.mark.slow
def test_transparency_is_the_same_in_tiles(upscaler):
    premultiplied, alpha = scene(60, 4)
    pixels = as_pixels(premultiplied, alpha, np.ones(3))
    small = Upscaler(load_weights("photo-tiny"), Compute("cpu", 1 << 22, bounds=Bounds(strip_pixels=2000)))
    whole = drawn(upscaler, pixels, (90, 80)).astype(int)

    strips = list(draw(small, pixels, (90, 80)))

    assert len(strips) > 1
    assert np.abs(np.concatenate(strips) - whole).max() <= 1


# --- tones: row 22 ---


def linear_profile() -> bytes:
    """An RGB profile with sRGB's primaries and no curve: its three curves say gamma 1."""
    profile = bytearray(srgb_profile())
    count = int.from_bytes(profile[128:132], "big")
    for index in range(count):
        entry = 132 + 12 * index
        if profile[entry : entry + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            start = int.from_bytes(profile[entry + 4 : entry + 8], "big")
            profile[start : start + 12] = b"curv" + bytes(8)  # No entries: the identity.
    return bytes(profile)


def test_a_linear_profile_asks_for_a_power_near_that_of_srgb():
    assert tone_gamma(linear_profile(), "RGB") == pytest.approx(1 / 2.2, abs=0.03)


def test_tones_are_brought_to_the_network_and_back(upscaler):
    patch = np.full((12, 12, 3), (60, 20, 200), np.uint16) * np.uint16(257)

    result = drawn(upscaler, patch, (48, 48), tone_gamma=1 / 2.2)

    assert np.abs(result / 257 - (60, 20, 200)).max() < 1.5


def test_flat_patches_of_display_p3_keep_their_colours(upscaler):
    """Delta E below 1, for colours inside and outside of sRGB: pixels stay numbers of their own space."""
    # Display P3's matrix to XYZ (D50), from the definition of its primaries and white.
    to_xyz = torch.tensor(
        [[0.515121, 0.291977, 0.157104], [0.241196, 0.692245, 0.066574], [-0.001053, 0.041885, 0.784073]],
        dtype=torch.float64,
    )
    white = to_xyz.sum(1)

    def lab(values):
        encoded = torch.tensor(values, dtype=torch.float64) / 65535
        linear = torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        x, y, z = (linear @ to_xyz.T / white).clamp(min=0).pow(1 / 3).unbind(-1)
        return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), -1)

    for colour in [(65535, 0, 0), (0, 65535, 0), (0, 0, 65535), (40000, 20000, 60000), (30000, 30000, 30000)]:
        patch = np.full((16, 16, 3), colour, np.uint16)
        result = drawn(upscaler, patch, (40, 40))

        difference = lab(result[20, 20].astype(float)) - lab(np.array(colour, float))
        assert difference.norm() < 1
