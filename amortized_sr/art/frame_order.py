"""The pictures of a film in their order, drawn as they are needed."""

from collections.abc import Callable, Iterator, Sequence

from PIL import Image

# Pictures that come again are kept up to 200 MB, and drawn again beyond.
_KEPT_PIXELS = 1 << 26


def there_and_back(frames: int) -> list[int]:
    """Return the numbers of a film's pictures from the first to the last, and back to the second.

    Example:
        >>> there_and_back(4)
        [0, 1, 2, 3, 2, 1]
    """
    return [*range(frames), *range(frames - 2, 0, -1)]


def in_order(draw: Callable[[int], Image.Image], order: Sequence[int]) -> Iterator[Image.Image]:
    """Yield pictures by their numbers, in memory that does not grow with their count.

    Args:
        draw: Returns the picture of a number, always the same one.
        order: Numbers, each as often as its picture is shown.
    """
    last = {number: place for place, number in enumerate(order)}
    kept: dict[int, Image.Image] = {}
    for place, number in enumerate(order):
        picture = kept.pop(number) if number in kept else draw(number)
        pixels = sum(one.width * one.height for one in kept.values())
        if last[number] > place and pixels + picture.width * picture.height <= _KEPT_PIXELS:
            kept[number] = picture
        yield picture
