"""Draws comparisons as one picture: a row per image, a captioned column per method."""

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
    rows: list[dict[str, Image.Image]] = []
    for comparison in images:
        pictures = pictures_of(comparison)
        # Small pictures are enlarged by whole factors, so that captions fit.
        factor = max(1, -(-_LEAST_WIDTH // pictures["input"].width))
        rows.append({name: ImageOps.scale(one, factor, Image.Resampling.NEAREST) for name, one in pictures.items()})
    widths = [sum(picture.width + _GAP for picture in row.values()) for row in rows]
    heights = [row["input"].height + _CAPTION + _GAP for row in rows]
    canvas = Image.new("RGB", (max(widths) + _GAP, sum(heights) + _GAP), "white")
    pen = ImageDraw.Draw(canvas)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        left = _GAP
        for name, picture in row.items():
            pen.text((left, top), name, fill="black", font_size=_FONT_SIZE)
            canvas.paste(picture.convert("RGB"), (left, top + _CAPTION))
            left += picture.width + _GAP
        top += height
    return canvas
