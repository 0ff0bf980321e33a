"""Draw pixels of any depth, with transparency and tones of a colour profile, in strips.

Transparency: colour and alpha are drawn as two pictures. Before, the colour of transparent pixels, which may be
anything, is replaced by the mean colour around, each pixel weighted with its alpha (premultiplied filtering): a
sprite's colour continues past its edge, so that there is no edge in colour that could make a halo. An alpha that is the
same everywhere is passed through.

Neutral pictures: if the three channels are equal everywhere, one is drawn and written three times, so that they stay
equal.
"""

import functools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32

from amortized_sr.axes import Rendering
from amortized_sr.compute import Notify, ignore
from amortized_sr.coords import Size
from amortized_sr.engine import Engine, ReadArrays, Rows
from amortized_sr.image_io.depths import WHITE, quantised
from amortized_sr.image_io.image_file import Pixels, depth_of
from amortized_sr.noise_estimate import estimate_noise, significant_noise
from amortized_sr.pictures.conversion import Drawing, is_constant
from amortized_sr.strength import Strength

# How many pixels colours continue past the edge of what can be seen: as far as bicubic interpolation and a small
# encoder's main weights look.
_SPREAD = 8


def draw(
    engine: Engine,
    pixels: Pixels,
    size: Size,
    drawing: Drawing = Drawing(),
    notify: Notify = ignore,
) -> Iterator[Pixels]:
    """Draw a picture with `size` pixels, from the top to the bottom, in strips of rows of any height."""
    white, gamma = WHITE[depth_of(pixels)], drawing.tone_gamma
    if pixels.shape[2] in (1, 3):
        for (strip,) in draw_together(engine, [pixels], size, [drawing], notify):
            yield strip
        return
    alpha = pixels[..., -1:]
    if drawing.neutral:
        pixels = pixels[..., [0, 3]]
    rendering = Rendering(size, (pixels.shape[0], pixels.shape[1]))
    if is_constant(alpha):
        constant = np.float32(float(alpha.flat[0]) / white)
        opaque = _draw_opaque(engine, [pixels[..., :-1]], rendering, [drawing], notify)
        drawn = ((strip, np.broadcast_to(constant, strip[:, :1].shape)) for strip in opaque)
    else:
        whole = Rendering(rendering.drawn, rendering.image_size)
        # Of colour and alpha, the second has neither noise nor compression.
        strengths = drawing.strength, Strength()
        both = engine.draw_rows(_rows_of_both(pixels, white, gamma), whole, strengths, drawing.tta, notify)
        drawn = _separated(engine, both, rendering)
    background, depth = drawing.background, drawing.depth or depth_of(pixels)
    for colour, opacity in drawn:
        shown = _shown(colour, drawing)
        if background is not None:
            behind = (np.array(background, np.float32) / 255)[None, :, None, None]
            behind = behind if shown.shape[1] == 3 else behind.mean(axis=1, keepdims=True)
            shown = shown * opacity + behind * (1 - opacity)
        else:
            shown = np.concatenate((shown, opacity), axis=1)
        yield quantised(shown, depth)


def draw_together(
    engine: Engine, pictures: Sequence[Pixels], size: Size, drawings: Sequence[Drawing], notify: Notify = ignore
) -> Iterator[list[Pixels]]:
    """Draw pictures without transparency at once, in strips of each; their shapes, `neutral` and `tta` are equal."""
    first, rendering = drawings[0], Rendering(size, (pictures[0].shape[0], pictures[0].shape[1]))
    colours = [pixels[..., :1] if first.neutral else pixels for pixels in pictures]
    stored = depth_of(pictures[0])
    for strip in _draw_opaque(engine, colours, rendering, drawings, notify):
        parts = zip(np.split(strip, len(drawings)), drawings, strict=True)
        yield [quantised(_shown(part, drawing), drawing.depth or stored) for part, drawing in parts]


def _draw_opaque(
    engine: Engine, pictures: Sequence[Pixels], rendering: Rendering, drawings: Sequence[Drawing], notify: Notify
) -> Iterator[Rows]:
    def read_rows(first: int, stop: int) -> Rows:
        return np.concatenate(
            [
                _power(_as_rows(pixels[first:stop], WHITE[depth_of(pixels)]), drawing.tone_gamma)
                for pixels, drawing in zip(pictures, drawings, strict=True)
            ]
        )

    return engine.draw_rows(read_rows, rendering, [one.strength for one in drawings], drawings[0].tta, notify)


def _shown(colour: Rows, drawing: Drawing) -> Rows:
    """Return the tones of a file, and three equal channels of a neutral picture."""
    shown = _power(colour, 1 / drawing.tone_gamma)
    return np.broadcast_to(shown, (1, 3, *shown.shape[2:])) if drawing.neutral else shown


def measure_noise(pixels: Pixels, drawing: Drawing) -> float:
    """Return the noise of a picture, of 255, in the tones that are drawn; 0 for what cannot be told from texture."""
    white, alpha = WHITE[depth_of(pixels)], pixels.shape[2] in (2, 4)

    def as_colours(rows: Pixels) -> Pixels:
        return _power(_as_rows(rows, white), drawing.tone_gamma)[0].transpose(1, 2, 0)

    visible = pixels[..., -1] > 0 if alpha else None
    estimate = estimate_noise(pixels[..., :-1] if alpha else pixels, as_colours, visible)
    return significant_noise(estimate, pixels.shape[0] * pixels.shape[1])


def _rows_of_both(pixels: Pixels, white: float, gamma: float) -> ReadArrays:
    """Return what reads rows as two pictures, colour and alpha, that are drawn together."""
    visible = pixels[..., -1] > 0
    # Pixels with nothing visible around get the picture's mean.
    mean = np.asarray(pixels[visible][:, :-1].mean(axis=0) / white, np.float32)[None, :, None, None]

    def read_rows(first: int, stop: int) -> Rows:
        top = max(0, first - _SPREAD)
        values = _as_rows(pixels[top : stop + _SPREAD], white)
        colour, alpha = values[:, :-1], values[:, -1:]
        filled = _continue_colours(_power(colour, gamma), alpha, _power(mean, gamma))
        # A colour model sees grey as three equal channels.
        both = np.concatenate((filled, np.broadcast_to(alpha, filled.shape)))
        return both[:, :, first - top : stop - top]

    return read_rows


def _separated(engine: Engine, strips: Iterator[Rows], rendering: Rendering) -> Iterator[tuple[Rows, Rows]]:
    """Yield colour and alpha, shrunk as an average over pixels in which invisible ones do not count."""
    pairs = ((strip[:1], strip[1:].mean(axis=1, keepdims=True).clip(0, 1)) for strip in strips)
    if rendering.drawn == rendering.size:
        yield from pairs
        return
    planes = (np.concatenate((colour, colour * alpha, alpha), axis=1) for colour, alpha in pairs)
    for strip in engine.shrink_rows(planes, rendering):
        channels = strip.shape[1] // 2
        colour, seen, alpha = strip[:, :channels], strip[:, channels:-1], strip[:, -1:].clip(0, 1)
        yield np.where(alpha > 0, seen / alpha.clip(min=1e-6), colour), alpha


def _continue_colours(
    colour: Float32[np.ndarray, "batch channel height width"],
    alpha: Float32[np.ndarray, "batch 1 height width"],
    elsewhere: Float32[np.ndarray, "1 channel 1 1"],
) -> Float32[np.ndarray, "batch channel height width"]:
    """Return the colours with those of (nearly) transparent pixels replaced by those of visible ones around.

    Colours may be anything where alpha is 0; they become `elsewhere` where nothing around is visible.
    """
    # A pixel keeps its colour as far as it is as opaque as its surroundings: an even veil keeps all its detail.
    around = functools.reduce(np.maximum, _neighbours(alpha, 5))
    share = np.where(around > 0, alpha / around.clip(min=1e-6), np.float32(0))
    weight, value = alpha, colour * alpha
    mean, known = colour, alpha > 0
    for _ in range(_SPREAD):
        weight, value = _local_mean(weight, 3), _local_mean(value, 3)
        reached = (weight > 0) & ~known
        mean = np.where(reached, value / weight.clip(min=1e-12), mean)
        known = known | reached
    near_weight, near = _local_mean(alpha, 5), _local_mean(colour * alpha, 5)
    mean = np.where(alpha > 0, near / near_weight.clip(min=1e-12), mean)
    return np.where(known, share * colour + (1 - share) * mean, elsewhere)


def _local_mean(
    field: Float32[np.ndarray, "batch channel height width"], side: int
) -> Float32[np.ndarray, "batch channel height width"]:
    """Return the means over squares of `side` pixels, with zeros around the image."""
    total = np.zeros_like(field)
    for neighbour in _neighbours(field, side):
        total += neighbour
    total /= side**2
    return total


def _neighbours(
    field: Float32[np.ndarray, "batch channel height width"], side: int
) -> Iterator[Float32[np.ndarray, "batch channel height width"]]:
    """Yield the field moved to every place of a square of `side` pixels, with zeros around the image."""
    height, width = field.shape[2:]
    padded = np.pad(field, ((0, 0), (0, 0), (side // 2,) * 2, (side // 2,) * 2))
    for top in range(side):
        for left in range(side):
            yield padded[:, :, top : top + height, left : left + width]


def _as_rows(pixels: Pixels, white: float) -> Rows:
    return (pixels.astype(np.float32) / np.float32(white)).transpose(2, 0, 1)[None]


def _power(colour: Rows, gamma: float) -> Rows:
    return colour if gamma == 1 else colour.clip(min=0) ** np.float32(gamma)
