"""The size options that commands share, parsed into a `SizeRequest`."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from amortized_sr.coords import Size
    from amortized_sr.sizes import SizeRequest

ScaleOption = Annotated[
    float | None, typer.Option("--scale", "-s", help="Output size over input size, such as 4 or 3.7.")
]
SizeOption = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Output size in pixels, such as 1024x768.")
]
WidthOption = Annotated[int | None, typer.Option("--width", help="Output width in pixels; keeps proportions.")]
HeightOption = Annotated[int | None, typer.Option("--height", help="Output height in pixels; keeps proportions.")]
LongestOption = Annotated[int | None, typer.Option("--longest", help="Longer side in pixels; keeps proportions.")]


def parse_target(
    scale: float | None, size: str | None, width: int | None, height: int | None, longest: int | None
) -> "SizeRequest":
    """Return the request that the options make.

    Raises:
        typer.BadParameter: If not exactly one option is given, or its value makes no sense.
    """
    from amortized_sr.sizes import SizeRequest

    values = {"--scale": scale, "--size": size, "--width": width, "--height": height, "--longest": longest}
    given = [name for name, value in values.items() if value is not None] or list(values)
    try:
        return SizeRequest(scale, None if size is None else _parse_size(size), width, height, longest)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=given) from None


def _parse_size(text: str) -> "Size":
    """Return the size that a text like `1024x768`, width first, names."""
    parts = text.lower().split("x")
    # Python refuses to read numbers of thousands of digits.
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 100 and int(part) > 0 for part in parts):
        raise ValueError(f"size must be WIDTHxHEIGHT in pixels, such as 1024x768, got {text[:50]!r}")
    return int(parts[1]), int(parts[0])
