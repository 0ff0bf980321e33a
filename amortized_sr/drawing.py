"""Pixels of any depth, with transparency and colour profile, drawn by an `Upscaler` in strips.

Transparency: colour and alpha are drawn as two pictures. Before, the colour of transparent pixels, which may be
anything, is replaced by the mean colour around, each pixel weighted with its alpha (that is, by premultiplied
filtering): a sprite's colour goes on past its edge, so that no edge in colour is there to make a halo of. An alpha
that is the same everywhere is passed through.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from amortized_sr.axes import Rendering
from amortized_sr.coords import Size
from amortized_sr.image_io.formats import Depth
from amortized_sr.image_io.image_file import Pixels, depth_of
from amortized_sr.resize import shrink
from amortized_sr.upscaler import Upscaler

_WHITE: dict[Depth, float] = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}

# How many pixels colours go on past the edge of what can be seen: as far as bicubic interpolation and a small
# encoder's main weights look.
_SPREAD = 8

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


def draw(
    upscaler: Upscaler,
    pixels: Pixels,
    size: Size,
    depth: Depth | None = None,
    power: float = 1.0,
    background: Colour | None = None,
) -> Iterator[Pixels]:
    """Draw a picture with `size` pixels, from the top to the bottom, in strips of rows.

    Args:
        upscaler: The model.
        pixels: Grey, grey and alpha, RGB, or RGB and alpha.
        size: Size of the result.
        depth: How the result's channels are stored; as the picture's, if nothing is said.
        power: Brings the colours' tones to those that the network knows, and is undone afterwards.
        background: Put behind a transparent picture, which loses its alpha.

    Yields:
        Strips of the kind of `pixels`, of any height.
    """
    white = _WHITE[depth_of(pixels)]
    depth = depth or depth_of(pixels)
    alpha = pixels[..., -1] if pixels.shape[2] in (2, 4) else None
    if alpha is None or (alpha == alpha.flat[0]).all():
        strips = _draw_opaque(upscaler, pixels if alpha is None else pixels[..., :-1], size, white, power)
        constant = 1.0 if alpha is None else float(alpha.flat[0]) / white
        drawn = ((strip, torch.full_like(strip[:, :1], constant)) for strip in strips)
    else:
        drawn = _draw_transparent(upscaler, pixels, size, white, power)
    for colour, opacity in drawn:
        if alpha is None:
            yield _quantised(colour, depth)
        elif background is None:
            yield _quantised(torch.cat((colour, opacity), dim=1), depth)
        else:
            behind = colour.new_tensor(background).div_(255)[None, :, None, None]
            behind = behind if colour.shape[1] == 3 else behind.mean(dim=1, keepdim=True)
            yield _quantised(colour * opacity + behind * (1 - opacity), depth)


def _draw_opaque(upscaler: Upscaler, pixels: Pixels, size: Size, white: float, power: float) -> Iterator[Tensor]:
    def read_rows(first: int, stop: int) -> Tensor:
        return _to_tones(_as_tensor(pixels[first:stop], white), power)

    for strip in upscaler.strips(read_rows, Rendering(size, (pixels.shape[0], pixels.shape[1]))):
        yield _from_tones(strip, power)


def _draw_transparent(
    upscaler: Upscaler, pixels: Pixels, size: Size, white: float, power: float
) -> Iterator[tuple[Tensor, Tensor]]:
    visible = pixels[..., -1] > 0
    # Alone in nothing there is no colour around; what is nearest to it in kind is the picture's mean.
    mean = torch.tensor(pixels[visible][:, :-1].mean(axis=0) / white, dtype=torch.float32)[None, :, None, None]

    def read_rows(first: int, stop: int) -> Tensor:
        top = max(0, first - _SPREAD)
        values = _as_tensor(pixels[top : stop + _SPREAD], white)
        colour, alpha = values[:, :-1], values[:, -1:]
        filled = _continue_colours(_to_tones(colour, power), alpha, _to_tones(mean, power))
        # Two pictures, colour and alpha, drawn together: a colour model sees grey as three equal channels.
        both = torch.cat((filled, alpha.expand_as(filled)))
        return both[:, :, first - top : stop - top]

    own = pixels.shape[0], pixels.shape[1]
    drawn = max(size[0], own[0]), max(size[1], own[1])
    if drawn == size:
        for strip in upscaler.strips(read_rows, Rendering(size, own), batch=2):
            yield _from_tones(strip[:1], power), strip[1:].mean(dim=1, keepdim=True).clamp(0, 1)
        return
    # Shrinking is an average over pixels, in which those that cannot be seen must not count. First along x, so that
    # what is collected is no larger than the picture.
    narrow = [
        _premultiplied(strip, size[1]).cpu() for strip in upscaler.strips(read_rows, Rendering(drawn, own), batch=2)
    ]
    channels = pixels.shape[2] - 1
    colour, seen, opacity = shrink(torch.cat(narrow, dim=2), size).split((channels, channels, 1), dim=1)
    opacity = opacity.clamp(0, 1)
    shown = torch.where(opacity > 0, seen / opacity.clamp(min=1e-6), colour)
    yield _from_tones(shown, power), opacity


@torch.inference_mode()
def _premultiplied(strip: Float[Tensor, "2 channel rows width"], width: int) -> Float[Tensor, "1 plane rows columns"]:
    """Return colour, colour times alpha, and alpha of colour and alpha drawn together, shrunk along x."""
    colour, alpha = strip[:1], strip[1:].mean(dim=1, keepdim=True).clamp(0, 1)
    return shrink(torch.cat((colour, colour * alpha, alpha), dim=1), (strip.shape[-2], width))


def _continue_colours(
    colour: Float[Tensor, "batch channel height width"],
    alpha: Float[Tensor, "batch 1 height width"],
    elsewhere: Float[Tensor, "1 channel 1 1"],
) -> Float[Tensor, "batch channel height width"]:
    """Return the colours with those of (nearly) transparent pixels replaced by those of visible ones around.

    Args:
        colour: Any values where alpha is 0.
        alpha: Opacity in [0, 1].
        elsewhere: Colour of pixels with nothing visible around.
    """
    # A pixel's own colour counts as far as it is as opaque as what is around it: an even veil keeps all its detail.
    around = functional.max_pool2d(alpha, 5, stride=1, padding=2)
    own = torch.where(around > 0, alpha / around.clamp(min=1e-6), 0)
    weight, value = alpha, colour * alpha
    mean, known = colour, alpha > 0
    for _ in range(_SPREAD):
        weight, value = (functional.avg_pool2d(field, 3, stride=1, padding=1) for field in (weight, value))
        reached = (weight > 0) & ~known
        mean = torch.where(reached, value / weight.clamp(min=1e-12), mean)
        known = known | reached
    near_weight, near = (functional.avg_pool2d(field, 5, stride=1, padding=2) for field in (alpha, colour * alpha))
    mean = torch.where(alpha > 0, near / near_weight.clamp(min=1e-12), mean)
    return torch.where(known, own * colour + (1 - own) * mean, elsewhere)


def _as_tensor(pixels: Pixels, white: float) -> Float[Tensor, "1 channel rows width"]:
    values = pixels.astype(np.float32)
    return torch.from_numpy(values).div_(white).permute(2, 0, 1)[None]


def _to_tones(colour: Tensor, power: float) -> Tensor:
    return colour if power == 1 else colour.clamp(min=0) ** power


def _from_tones(colour: Tensor, power: float) -> Tensor:
    return colour if power == 1 else colour.clamp(min=0) ** (1 / power)


@torch.inference_mode()
def _quantised(colour: Float[Tensor, "1 channel rows width"], depth: Depth) -> Pixels:
    values = colour[0].permute(1, 2, 0)
    match depth:
        case "float32":
            return values.contiguous().cpu().numpy()
        case "uint16":
            return (values.clamp(0, 1) * 65535).round_().int().cpu().numpy().astype(np.uint16)
        case "uint8":
            return (values.clamp(0, 1) * 255).round_().to(torch.uint8).contiguous().cpu().numpy()
