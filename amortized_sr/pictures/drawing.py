"""Draw pixels of any depth, with transparency and tones of a colour profile, in strips.

Transparency: colour and alpha are drawn as two pictures. Before, the colour of transparent pixels, which may be
anything, is replaced by the mean colour around, each pixel weighted with its alpha (premultiplied filtering): a
sprite's colour continues past its edge, so that there is no edge in colour that could make a halo. An alpha that is the
same everywhere is passed through.

Neutral pictures: if the three channels are equal everywhere, one is drawn and written three times, so that they stay
equal.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from amortized_sr.axes import Rendering
from amortized_sr.compute import Notify, ignore
from amortized_sr.conditions import with_strengths
from amortized_sr.coords import Size
from amortized_sr.image_io.formats import Depth
from amortized_sr.image_io.image_file import Pixels, depth_of
from amortized_sr.noise_estimate import estimate_noise, significant_noise
from amortized_sr.pictures.conversion import Drawing, is_constant
from amortized_sr.strength import Strength
from amortized_sr.strips import ReadRows, shrink_strips
from amortized_sr.upscaler import Upscaler

_WHITE: dict[Depth, float] = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}

# How many pixels colours continue past the edge of what can be seen: as far as bicubic interpolation and a small
# encoder's main weights look.
_SPREAD = 8


def draw(
    upscaler: Upscaler,
    pixels: Pixels,
    size: Size,
    drawing: Drawing = Drawing(),
    notify: Notify = ignore,
) -> Iterator[Pixels]:
    """Draw a picture with `size` pixels, from the top to the bottom, in strips of rows of any height."""
    white, gamma, background = _WHITE[depth_of(pixels)], drawing.tone_gamma, drawing.background
    depth = drawing.depth or depth_of(pixels)
    alpha = pixels[..., -1:] if pixels.shape[2] in (2, 4) else None
    if drawing.neutral:
        pixels = pixels[..., :1] if alpha is None else pixels[..., [0, 3]]
    rendering = Rendering(size, (pixels.shape[0], pixels.shape[1]))

    # Of colour and alpha, the second has neither noise nor compression.
    strengths = drawing.strength, Strength()

    def strips(read_rows: ReadRows, rendering: Rendering, batch: int) -> Iterator[Tensor]:
        def read_planes(first: int, stop: int) -> Tensor:
            return with_strengths(read_rows(first, stop), upscaler.model.conditions, strengths[:batch])

        return upscaler.strips(read_planes, rendering, batch, drawing.tta, notify)

    if alpha is None or is_constant(alpha):
        colours = pixels if alpha is None else pixels[..., :-1]
        constant = 1.0 if alpha is None else float(alpha.flat[0]) / white
        opaque = strips(lambda first, stop: _power(_as_tensor(colours[first:stop], white), gamma), rendering, 1)
        drawn = ((strip, torch.full_like(strip[:, :1], constant)) for strip in opaque)
    else:
        whole = Rendering(rendering.drawn, rendering.image_size)
        drawn = _separated(strips(_rows_of_both(pixels, white, gamma), whole, 2), rendering)
    for colour, opacity in drawn:
        shown = _power(colour, 1 / gamma)
        shown = shown.expand(-1, 3, -1, -1) if drawing.neutral else shown
        if alpha is not None and background is not None:
            behind = shown.new_tensor(background).div_(255)[None, :, None, None]
            behind = behind if shown.shape[1] == 3 else behind.mean(dim=1, keepdim=True)
            shown = shown * opacity + behind * (1 - opacity)
        elif alpha is not None:
            shown = torch.cat((shown, opacity), dim=1)
        yield quantised(shown, depth)


def measure_noise(pixels: Pixels, drawing: Drawing) -> float:
    """Return the noise of a picture, of 255, in the tones that are drawn; 0 for what cannot be told from texture."""
    white, alpha = _WHITE[depth_of(pixels)], pixels.shape[2] in (2, 4)

    def as_colours(rows: Pixels) -> Pixels:
        return _power(_as_tensor(rows, white), drawing.tone_gamma)[0].movedim(0, -1).numpy()

    visible = pixels[..., -1] > 0 if alpha else None
    estimate = estimate_noise(pixels[..., :-1] if alpha else pixels, as_colours, visible)
    return significant_noise(estimate, pixels.shape[0] * pixels.shape[1])


def _rows_of_both(pixels: Pixels, white: float, gamma: float) -> ReadRows:
    """Return what reads rows as two pictures, colour and alpha, that are drawn together."""
    visible = pixels[..., -1] > 0
    # Pixels with nothing visible around get the picture's mean.
    mean = torch.tensor(pixels[visible][:, :-1].mean(axis=0) / white, dtype=torch.float32)[None, :, None, None]

    def read_rows(first: int, stop: int) -> Tensor:
        top = max(0, first - _SPREAD)
        values = _as_tensor(pixels[top : stop + _SPREAD], white)
        colour, alpha = values[:, :-1], values[:, -1:]
        filled = _continue_colours(_power(colour, gamma), alpha, _power(mean, gamma))
        # A colour model sees grey as three equal channels.
        both = torch.cat((filled, alpha.expand_as(filled)))
        return both[:, :, first - top : stop - top]

    return read_rows


def _separated(
    strips: Iterator[Float[Tensor, "2 channel rows width"]], rendering: Rendering
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield colour and alpha, shrunk as an average over pixels in which invisible ones do not count."""
    pairs = ((strip[:1], strip[1:].mean(dim=1, keepdim=True).clamp(0, 1)) for strip in strips)
    if rendering.drawn == rendering.size:
        yield from pairs
        return
    planes = (torch.cat((colour, colour * alpha, alpha), dim=1) for colour, alpha in pairs)
    for strip in shrink_strips(planes, rendering):
        channels = strip.shape[1] // 2
        colour, seen, alpha = strip.split((channels, channels, 1), dim=1)
        alpha = alpha.clamp(0, 1)
        yield torch.where(alpha > 0, seen / alpha.clamp(min=1e-6), colour), alpha


def _continue_colours(
    colour: Float[Tensor, "batch channel height width"],
    alpha: Float[Tensor, "batch 1 height width"],
    elsewhere: Float[Tensor, "1 channel 1 1"],
) -> Float[Tensor, "batch channel height width"]:
    """Return the colours with those of (nearly) transparent pixels replaced by those of visible ones around.

    Colours may be anything where alpha is 0; they become `elsewhere` where nothing around is visible.
    """
    # A pixel keeps its colour as far as it is as opaque as its surroundings: an even veil keeps all its detail.
    around = functional.max_pool2d(alpha, 5, stride=1, padding=2)
    share = torch.where(around > 0, alpha / around.clamp(min=1e-6), 0)
    weight, value = alpha, colour * alpha
    mean, known = colour, alpha > 0
    for _ in range(_SPREAD):
        weight, value = (functional.avg_pool2d(field, 3, stride=1, padding=1) for field in (weight, value))
        reached = (weight > 0) & ~known
        mean = torch.where(reached, value / weight.clamp(min=1e-12), mean)
        known = known | reached
    near_weight, near = (functional.avg_pool2d(field, 5, stride=1, padding=2) for field in (alpha, colour * alpha))
    mean = torch.where(alpha > 0, near / near_weight.clamp(min=1e-12), mean)
    return torch.where(known, share * colour + (1 - share) * mean, elsewhere)


def _as_tensor(pixels: Pixels, white: float) -> Float[Tensor, "1 channel rows width"]:
    return torch.from_numpy(pixels.astype(np.float32)).div_(white).permute(2, 0, 1)[None]


def _power(colour: Tensor, gamma: float) -> Tensor:
    return colour if gamma == 1 else colour.clamp(min=0) ** gamma


@torch.inference_mode()
def quantised(colour: Float[Tensor, "1 channel rows width"], depth: Depth) -> Pixels:
    """Return colours in [0, 1] as pixels of a depth; floats are not clamped."""
    values = colour[0].permute(1, 2, 0)
    if depth != "float32":
        # Not every device has 16 bits without a sign.
        values = (values.clamp(0, 1) * _WHITE[depth]).round_().to(torch.uint8 if depth == "uint8" else torch.int32)
    return values.contiguous().cpu().numpy().astype(depth, copy=False)
