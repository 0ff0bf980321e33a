"""Pictures side by side, each with a line of text below it."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from amortized_sr.coords import Size
from amortized_sr.sheet import sheet, sheet_size

# Letters for each width of a picture: two dozen of them fit.
_LETTERS = 12
_SMALLEST, _LARGEST = 8, 24


def panels_size(count: int, cell: Size) -> Size:
    """Return the size of `count` pictures of size `cell` with their texts.

    Example:
        >>> panels_size(3, (128, 128))
        (144, 388)
    """
    return sheet_size(count, count, (cell[0] + _text_height(cell[1]), cell[1]))


def panels(pictures: Sequence[Image.Image], texts: Sequence[str]) -> Image.Image:
    """Return pictures of one size in a row, with their texts in black on white below them."""
    width, height = pictures[0].size
    text_height = _text_height(width)
    # The font that Pillow itself holds (Aileron, CC0): the same on every machine.
    font = ImageFont.load_default(_font_size(width))
    cells: list[Image.Image] = []
    for picture, text in zip(pictures, texts, strict=True):
        cell = Image.new("RGB", (width, height + text_height), "white")
        cell.paste(picture.convert("RGB"), (0, 0))
        ImageDraw.Draw(cell).text((width / 2, height + text_height / 2), text, "black", font, anchor="mm")
        cells.append(cell)
    return sheet(cells, len(cells), len(cells), (height + text_height, width), "RGB")


def _font_size(width: int) -> int:
    return min(max(width // _LETTERS, _SMALLEST), _LARGEST)


def _text_height(width: int) -> int:
    return _font_size(width) * 8 // 5
