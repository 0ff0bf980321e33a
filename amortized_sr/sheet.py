"""Many pictures as one: rows and columns with a narrow gap. Loads no torch."""

from collections.abc import Iterable

from PIL import Image

from amortized_sr.coords import Size

_GAP = 2


def sheet_size(count: int, columns: int, cell: Size) -> Size:
    """Return the size of a sheet of `count` pictures of size `cell`.

    Example:
        >>> sheet_size(5, 3, (10, 20))
        (22, 64)
    """
    rows = -(-count // columns)
    return rows * (cell[0] + _GAP) - _GAP, columns * (cell[1] + _GAP) - _GAP


def sheet(pictures: Iterable[Image.Image], count: int, columns: int, cell: Size, mode: str) -> Image.Image:
    """Return pictures, row by row, on one white picture; smaller ones lie in the middle of their cell.

    Args:
        pictures: Of at most the cell's size; they are taken one at a time.
        count: How many.
        columns: How many in a row.
        cell: `(height, width)` in pixels.
        mode: Pillow's mode of the result.

    Example:
        >>> sheet([Image.new("L", (4, 4))] * 3, 3, 2, (4, 4), "L").size
        (10, 10)
    """
    height, width = sheet_size(count, columns, cell)
    canvas = Image.new(mode, (width, height), "white")
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        left = column * (cell[1] + _GAP) + (cell[1] - picture.width) // 2
        top = row * (cell[0] + _GAP) + (cell[0] - picture.height) // 2
        canvas.paste(picture, (left, top))
    return canvas
