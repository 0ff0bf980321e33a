"""Draws captioned pictures in rows, and comparisons so: a row per image, a column per method."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageOps

from amortized_sr.benchmark.comparison import Comparison
from amortized_sr.picture_tensor import tensor_to_picture

_GAP = 4
# At its default size Pillow's font draws no colon.
_CAPTION, _FONT_SIZE = 16, 12
_LEAST_WIDTH = 96


def pictures_of(one: Comparison) -> dict[str, Image.Image]:
    """Return the input at the size of the predictions, the predictions by method, and the target if there is one."""
    pictures = {method: tensor_to_picture(prediction.picture) for method, prediction in one.predictions.items()}
    size = next(iter(pictures.values())).size
    # Nearest neighbour shows the pixels of the input as squares.
    enlarged = tensor_to_picture(one.image).resize(size, Image.Resampling.NEAREST)
    target = {} if one.target is None else {"target": tensor_to_picture(one.target)}
    return {"input": enlarged, **pictures, **target}


def grid(images: Sequence[Comparison]) -> Image.Image:
    """Return a picture with a row per image: the input, each method's prediction, and the target, with captions."""
    return captioned([list(pictures_of(comparison).items()) for comparison in images])


def captioned(pictures: Sequence[Sequence[tuple[str, Image.Image]]]) -> Image.Image:
    """Return rows of pictures with captions as one picture; the pictures of a row have one size."""
    rows: list[list[tuple[str, Image.Image]]] = []
    for row in pictures:
        # Small pictures are enlarged by whole factors, so that captions fit.
        factor = max(1, -(-_LEAST_WIDTH // row[0][1].width))
        rows.append([(name, ImageOps.scale(one, factor, Image.Resampling.NEAREST)) for name, one in row])
    widths = [sum(_width(name, picture) + _GAP for name, picture in row) for row in rows]
    heights = [row[0][1].height + _CAPTION + _GAP for row in rows]
    canvas = Image.new("RGB", (max(widths) + _GAP, sum(heights) + _GAP), "white")
    pen = ImageDraw.Draw(canvas)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        left = _GAP
        for name, picture in row:
            pen.text((left, top), name, fill="black", font_size=_FONT_SIZE)
            canvas.paste(picture.convert("RGB"), (left, top + _CAPTION))
            left += _width(name, picture) + _GAP
        top += height
    return canvas


def _width(name: str, picture: Image.Image) -> int:
    """Return the width of a picture, or of its caption if that is longer."""
    caption = ImageDraw.Draw(picture).textlength(name, font_size=_FONT_SIZE)
    return max(picture.width, math.ceil(caption))
