"""The size options that commands share, as one function from an input's size to its output's."""

import math
from collections.abc import Callable
from typing import Annotated

import typer

Size = tuple[int, int]
"""`(height, width)` in pixels."""

ScaleOption = Annotated[
    float | None, typer.Option("--scale", "-s", help="Output size over input size, such as 4 or 3.7.")
]
SizeOption = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Output size in pixels, such as 1024x768.")
]
WidthOption = Annotated[int | None, typer.Option("--width", help="Output width in pixels; keeps proportions.")]
HeightOption = Annotated[int | None, typer.Option("--height", help="Output height in pixels; keeps proportions.")]
LongestOption = Annotated[int | None, typer.Option("--longest", help="Longer side in pixels; keeps proportions.")]

# One single pixel at this scale is near the largest output; no image can be larger with it.
_LARGEST_SCALE = 65_536


def parse_target(
    scale: float | None,
    size: str | None,
    width: int | None,
    height: int | None,
    longest: int | None,
) -> tuple[str, Callable[[Size], Size]]:
    """Return a label for file names and the function from an input's size to its output's.

    Raises:
        typer.BadParameter: If not exactly one option is given, or its value makes no sense.
    """
    options = {
        "--scale": scale,
        "--size": size,
        "--width": width,
        "--height": height,
        "--longest": longest,
    }
    given = [name for name, value in options.items() if value is not None]
    if len(given) != 1:
        said = "got " + " and ".join(given) if given else "got none"
        raise typer.BadParameter(f"choose one of {', '.join(options)}; {said}")
    if scale is not None:
        if not (math.isfinite(scale) and scale > 0):
            raise typer.BadParameter(f"--scale must be a positive number, such as 4 or 3.7, got {scale}")
        if scale > _LARGEST_SCALE:
            raise typer.BadParameter(
                f"--scale {scale:g} makes more than {_LARGEST_SCALE}x{_LARGEST_SCALE} pixels of a single one; "
                "use a smaller scale"
            )
        short = f"{scale:g}"
        return f"x{short if float(short) == scale else repr(scale)}", lambda own: _scaled(own, scale)
    if size is not None:
        exact = parse_size(size)
        return size.lower(), lambda own: exact
    for name, value in (("--width", width), ("--height", height), ("--longest", longest)):
        if value is not None and value < 1:
            raise typer.BadParameter(f"{name} must be at least 1 pixel, got {value}")
    if width is not None:
        return f"w{width}", lambda own: (_proportion(own[0], width, own[1]), width)
    if height is not None:
        return f"h{height}", lambda own: (height, _proportion(own[1], height, own[0]))
    assert longest is not None
    return f"l{longest}", lambda own: (
        _proportion(own[0], longest, max(own)),
        _proportion(own[1], longest, max(own)),
    )


def parse_size(text: str) -> Size:
    """Return the size that a text like `1024x768`, width first, names.

    Raises:
        typer.BadParameter: If it is not two positive whole numbers.
    """
    parts = text.lower().split("x")
    # Python refuses to read numbers of thousands of digits.
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 100 and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"--size must be WIDTHxHEIGHT in pixels, such as 1024x768, got {text[:50]!r}")
    return int(parts[1]), int(parts[0])


def _scaled(own: Size, scale: float) -> Size:
    from amortized_sr.image_io.limits import MAX_FILE_PIXELS
    from amortized_sr.sizes import scaled_size

    return scaled_size(own, scale, MAX_FILE_PIXELS)


def _proportion(side: int, wanted: int, reference: int) -> int:
    return max(1, (side * wanted * 2 + reference) // (2 * reference))
