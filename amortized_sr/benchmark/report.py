"""Writes results into files: a comparison as tables and pictures, a benchmark as Markdown, CSV and JSON."""

import csv
import io
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from amortized_sr.benchmark.columns import COLUMNS, MEASURED
from amortized_sr.benchmark.comparison import SHOWN, Comparison, ComparisonResult
from amortized_sr.benchmark.faults import Faults
from amortized_sr.benchmark.grid import grid
from amortized_sr.benchmark.held_pictures import SHOWN_PIXELS
from amortized_sr.benchmark.page import write_page
from amortized_sr.benchmark.protocol import describe, flat
from amortized_sr.benchmark.results_table import results_table
from amortized_sr.benchmark.runner import Row
from amortized_sr.choices import Convention
from amortized_sr.image_io import replacing, write_picture

COMPARISON_FILES = ("compare.html", "grid.png", "metrics.json", "metrics.csv")
"""The files of a comparison; pictures are missing if every method failed."""

BENCHMARK_FILES = ("report.md", "rows.csv", "report.json")
"""The files of a benchmark."""

_MEASURED = {column.name: column for column in MEASURED}


def table(result: ComparisonResult) -> str:
    """Return a comparison's means as a table of aligned columns."""
    # Where all inputs are of one kind, the protocol says which.
    several = len({one.input for one in result.methods}) > 1
    lines = [["method", *(["input"] if several else []), *(column.title for column in COLUMNS)]]
    for one in result.methods:
        numbers = flat(one)
        cells = [column.text(numbers[column.name]) for column in COLUMNS]
        named = [one.method, *([one.input] if several else [])]
        lines.append([*named, *(["failed", *[""] * (len(cells) - 1)] if one.error else cells)])
    return aligned(lines)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as a table of aligned columns, the first to the left, the others to the right."""
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    return "\n".join(
        line[0].ljust(first) + "".join(cell.rjust(width + 2) for cell, width in zip(line[1:], others, strict=True))
        for line in lines
    )


def write_comparison(
    folder: Path, result: ComparisonResult, scale: float, convention: Convention, machine: str
) -> list[str]:
    """Write the `COMPARISON_FILES` into an existing folder, and return what the page says about its pictures."""
    truth = any(one.target is not None for one in result.images)
    protocol = describe(convention, truth, [one.faults for one in result.images])
    numbers = [(one.name, {method: made.numbers for method, made in one.predictions.items()}) for one in result.images]
    methods = [flat(one) for one in result.methods]
    images = [{"image": image, "methods": found} for image, found in numbers]
    rows = [{"image": image, "method": method, **row} for image, found in numbers for method, row in found.items()]
    content = {"protocol": protocol, "scale": scale, "machine": machine, "methods": methods, "images": images}
    write_text(folder / "metrics.json", _dump(content))
    write_text(folder / "metrics.csv", as_csv(rows))
    shown = _shown(result.images)
    if not shown:
        # Pictures of an earlier comparison would be mistaken for this one's.
        for name in ("grid.png", "compare.html"):
            (folder / name).unlink(missing_ok=True)
        return []
    write_picture(grid(shown), folder / "grid.png")
    title = f"{result.count} image{'s' if result.count > 1 else ''} at scale {scale:g}"
    below = "" if len(shown) == len(result.images) else f" Below are the first {len(shown)} of {len(result.images)}."
    caption = f"Means over {result.count} image{'s' if result.count > 1 else ''}; seconds on {machine}.{below}"
    return write_page(folder / "compare.html", title, protocol, results_table(result.methods, caption), shown)


def _shown(images: Sequence[Comparison]) -> list[Comparison]:
    """Return the first images that have pictures, as many as a browser can hold."""
    shown: list[Comparison] = []
    pixels = 0
    for one in images:
        pixels += sum(prediction.picture[0, 0].numel() for prediction in one.predictions.values())
        if not one.predictions or len(shown) == SHOWN or (shown and pixels > SHOWN_PIXELS):
            break
        shown.append(one)
    return shown


def write_benchmark(folder: Path, rows: Sequence[Row], convention: Convention) -> None:
    """Write the `BENCHMARK_FILES` into an existing folder."""
    contents = markdown(rows, convention), as_csv([flat(row) for row in rows]), as_json(rows, convention)
    for name, content in zip(BENCHMARK_FILES, contents, strict=True):
        write_text(folder / name, content)


def markdown(rows: Sequence[Row], convention: Convention) -> str:
    """Return the report: the protocol, then for each folder a table of quality and one of costs, then the failures."""
    parts = ["# Benchmark", describe(convention, faults=_kinds(rows))]
    for data in dict.fromkeys(row.data for row in rows):
        folder = [row for row in rows if row.data == data]
        count = len({row.image for row in folder})
        machines = "; ".join(dict.fromkeys(row.machine for row in folder if row.machine))
        costs = f"Costs on {machines}: seconds per image from input to picture, medians over the images."
        parts += [f"## {data} ({count} image{'s' if count > 1 else ''})", _quality(folder), costs, _costs(folder)]
    failed = [
        f"- {row.data}/{row.image} x{row.scale:g} {row.faults} `{row.method}`: {row.error}" for row in rows if row.error
    ]
    if failed:
        parts += ["## Failed", "\n".join(failed)]
    return "\n\n".join(parts) + "\n"


def _quality(rows: Sequence[Row]) -> str:
    """Return a table of all measurements; where inputs are of several kinds, one of all kinds for each measurement."""
    inputs = [(scale, faults) for scale in sorted({row.scale for row in rows}) for faults in _kinds(rows)]
    if len(_kinds(rows)) == 1:
        columns = [(*one, column.name, f"x{one[0]:g} {column.title}") for one in inputs for column in MEASURED]
        return _table(rows, columns)
    shown = [name for name in _MEASURED if any(getattr(row.quality, name) is not None for row in rows)] or ["psnr"]
    titled = {
        _MEASURED[name].title: [(scale, faults, name, f"x{scale:g} {faults}") for scale, faults in inputs]
        for name in shown
    }
    return "\n\n".join(f"{title}:\n\n{_table(rows, columns)}" for title, columns in titled.items())


def _kinds(rows: Sequence[Row]) -> list[Faults]:
    return [*dict.fromkeys(row.faults for row in rows)]


def _table(rows: Sequence[Row], columns: Sequence[tuple[float, Faults, str, str]]) -> str:
    """Return means by method; a column has a scale, noise and compression, a measurement and a header."""
    lines = [["method", *(header for *_, header in columns)]]
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        cells = [
            _mean([row for row in own if (row.scale, row.faults) == (scale, faults)], name)
            for scale, faults, name, _ in columns
        ]
        lines.append([method, *cells])
    return _pipes(lines)


def _costs(rows: Sequence[Row]) -> str:
    scales = sorted({row.scale for row in rows})
    lines = [["method", *(f"x{scale:g} s" for scale in scales), "peak MiB", "most numbers per image", "parameters"]]
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        at_scales = [[row for row in own if row.scale == scale] for scale in scales]
        seconds = [_summary(some, "seconds", statistics.median, "{:.4f}") for some in at_scales]
        memory = _summary(own, "peak_mebibytes", max, "{:.0f}")
        counts = (_summary(own, name, max, "{:,}") for name in ("numbers", "parameters"))
        lines.append([method, *seconds, memory, *counts])
    return _pipes(lines)


def _pipes(lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first line is its header."""
    header, *others = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([header, "|---" * len(lines[0]) + "|", *others])


def _mean(rows: Sequence[Row], name: str) -> str:
    """Return the mean, marked if rows are missing: a mean over fewer images is not the mean over all."""
    known = [value for row in rows if (value := getattr(row.quality, name)) is not None]
    if not known:
        return "failed" if any(row.error for row in rows) else "-"
    mark = f" ({len(known)} of {len(rows)})" if len(known) < len(rows) else ""
    return _MEASURED[name].text(sum(known) / len(known)) + mark


def _summary(rows: Sequence[Row], name: str, summarize: Callable[[list[float]], float], form: str) -> str:
    known = [value for row in rows if (value := getattr(row, name)) is not None]
    return form.format(summarize(known)) if known else "-"


def as_json(rows: Sequence[Row], convention: Convention) -> str:
    """Return a benchmark's protocol and rows as one JSON object."""
    return _dump({"protocol": describe(convention, faults=_kinds(rows)), "rows": [flat(row) for row in rows]})


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return flat records with the same fields as lines of a CSV file, below a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a text file; one already there stays whole if writing fails."""
    with replacing(path) as file:
        # A file's name may hold bytes that are no letters.
        file.write(text.encode(errors="backslashreplace"))
