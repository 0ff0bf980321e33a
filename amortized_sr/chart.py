"""A curve as a picture. Loads no torch."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

_MARGIN_LEFT, _MARGIN_TOP, _MARGIN_RIGHT, _MARGIN_BOTTOM = 60, 30, 20, 30
# At its default size Pillow's font draws no colon.
_FONT_SIZE = 12
# Dots of more points would hide the line.
_MOST_DOTS = 100


def chart(
    points: Sequence[tuple[int | float, int | float]],
    title: str,
    levels: Sequence[int | float],
    decimals: int = 0,
    size: tuple[int, int] = (400, 640),
) -> Image.Image:
    """Return a picture of a curve that starts at x = 0, with a labelled line at each level and five labels along x.

    Args:
        points: `(x, y)`, of rising x, the last above 0.
        title: What the curve and its axes show.
        levels: Rising values of y, at least two; the first lies at the bottom and the last at the top.
        decimals: Of the levels' labels.
        size: `(height, width)` of the picture in pixels.

    Example:
        >>> chart([(0, 20.0), (50, 30.5), (100, 31.0)], "PSNR in dB over steps", levels=(20, 25, 30, 35)).size
        (640, 400)
    """
    height, width = size
    right, bottom = width - _MARGIN_RIGHT, height - _MARGIN_BOTTOM
    low, high, last = levels[0], levels[-1], points[-1][0]

    def place(x: int | float, y: int | float) -> tuple[float, float]:
        across, up = x / last, (y - low) / (high - low)
        return _MARGIN_LEFT + (right - _MARGIN_LEFT) * across, bottom - (bottom - _MARGIN_TOP) * up

    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    pen.text((_MARGIN_LEFT, 10), title, fill="black", font_size=_FONT_SIZE)
    for level in levels:
        left, y = place(0, level)
        pen.line((left, y, right, y), fill="lightgrey")
        pen.text((left - 6, y), f"{level:.{decimals}f}", fill="black", font_size=_FONT_SIZE, anchor="rm")
    for index in range(5):
        x, _ = place(last * index / 4, low)
        pen.text((x, bottom + 8), f"{last * index / 4:.0f}", fill="black", font_size=_FONT_SIZE, anchor="mt")
    places = [place(x, y) for x, y in points]
    pen.line(places, fill="blue", width=2)
    if len(places) <= _MOST_DOTS:
        for x, y in places:
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill="blue")
    return picture
