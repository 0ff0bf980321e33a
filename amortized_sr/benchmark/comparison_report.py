"""Writes a comparison as a table, JSON, CSV, a grid of pictures, and a page with a slider."""

import json
from collections.abc import Sequence
from pathlib import Path

from amortized_sr.benchmark.compare import ComparisonResult
from amortized_sr.benchmark.comparison import Comparison
from amortized_sr.benchmark.grid import grid
from amortized_sr.benchmark.page import write_page
from amortized_sr.benchmark.protocol import describe
from amortized_sr.benchmark.quality import TABLE_COLUMNS, as_csv, flat
from amortized_sr.choices import Convention
from amortized_sr.image_io import replacing, write_picture

FILES = ("compare.html", "grid.png", "metrics.json", "metrics.csv")
"""The files of a comparison; pictures are missing if every method failed."""

# More images make a page slow and a grid unreadable; the numbers cover all of them.
_SHOWN = 12
_SHOWN_PIXELS = 1 << 25

_COLUMNS = {
    **TABLE_COLUMNS,
    "seconds": ("s/image", "{:.5f}"),
    "speedup": ("speed-up", "{:,.1f}x"),
    "parameters": ("parameters", "{:,}"),
}


def table(result: ComparisonResult) -> str:
    """Return the means as a table of aligned columns."""
    lines = [["method", *(header for header, _ in _COLUMNS.values())]]
    for one in result.methods:
        numbers = flat(one)
        cells = ["-" if numbers[name] is None else form.format(numbers[name]) for name, (_, form) in _COLUMNS.items()]
        lines.append([one.method, *(["failed", *[""] * (len(cells) - 1)] if one.error else cells)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        line[0].ljust(widths[0])
        + "".join(cell.rjust(width + 2) for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    )


def write_comparison(
    folder: Path, result: ComparisonResult, scale: float, convention: Convention, machine: str
) -> None:
    """Write the `FILES` of a comparison into an existing folder."""
    protocol = describe(convention, truth=any(one.target is not None for one in result.images))
    images = [
        {"image": one.name, "methods": {method: prediction.numbers for method, prediction in one.predictions.items()}}
        for one in result.images
    ]
    methods = [flat(one) for one in result.methods]
    content = {"protocol": protocol, "scale": scale, "machine": machine, "methods": methods, "images": images}
    with replacing(folder / "metrics.json") as file:
        file.write((json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    rows = [
        {"image": one.name, "method": method, **prediction.numbers}
        for one in result.images
        for method, prediction in one.predictions.items()
    ]
    with replacing(folder / "metrics.csv") as file:
        file.write(as_csv(rows).encode())
    shown = _shown(result.images)
    if not shown:
        # Pictures of an earlier comparison would be mistaken for this one's.
        for name in ("grid.png", "compare.html"):
            (folder / name).unlink(missing_ok=True)
    else:
        write_picture(grid(shown), folder / "grid.png")
        title = f"{len(result.images)} image{'s' if len(result.images) > 1 else ''} at scale {scale:g}"
        write_page(folder / "compare.html", title, protocol, table(result), shown)


def _shown(images: Sequence[Comparison]) -> list[Comparison]:
    """Return the first images that have pictures, as many as a browser can hold."""
    shown: list[Comparison] = []
    pixels = 0
    for one in images:
        pixels += sum(prediction.picture[0, 0].numel() for prediction in one.predictions.values())
        if not one.predictions or len(shown) == _SHOWN or (shown and pixels > _SHOWN_PIXELS):
            break
        shown.append(one)
    return shown
