"""Formats the rows of a benchmark as Markdown and JSON."""

import functools
import json
import statistics
from collections.abc import Callable, Mapping, Sequence

from amortized_sr.benchmark.protocol import describe
from amortized_sr.benchmark.quality import TABLE_COLUMNS, flat
from amortized_sr.benchmark.runner import Row
from amortized_sr.choices import Convention


def markdown(rows: Sequence[Row], convention: Convention) -> str:
    """Return the report: the protocol, then for each folder a table of quality and one of costs, then the failures.

    Args:
        rows: The measurements.
        convention: The channels and pixels that were measured.
    """
    parts = ["# Benchmark", describe(convention)]
    for data in dict.fromkeys(row.data for row in rows):
        folder = [row for row in rows if row.data == data]
        count = len({row.image for row in folder})
        parts += [f"## {data} ({count} image{'s' if count > 1 else ''})", _quality(folder)]
        machines = "; ".join(dict.fromkeys(row.machine for row in folder if row.machine))
        costs = f"Costs on {machines}: seconds per image from input to picture, medians over the images."
        parts += [costs, _costs(folder)]
    failed = [f"- {row.data}/{row.image} x{row.scale:g} `{row.method}`: {row.error}" for row in rows if row.error]
    if failed:
        parts += ["## Failed", "\n".join(failed)]
    return "\n\n".join(parts) + "\n"


def _quality(rows: Sequence[Row]) -> str:
    columns = {
        f"x{scale:g} {header}": functools.partial(_mean, scale, name, form)
        for scale in sorted({row.scale for row in rows})
        for name, (header, form) in TABLE_COLUMNS.items()
    }
    return _table(rows, columns)


def _costs(rows: Sequence[Row]) -> str:
    seconds = {f"x{scale:g} s": functools.partial(_median, scale) for scale in sorted({row.scale for row in rows})}
    largest = {
        "peak MiB": functools.partial(_largest, "peak_mebibytes", "{:.0f}"),
        "parameters": functools.partial(_largest, "parameters", "{:,}"),
    }
    return _table(rows, {**seconds, **largest})


def _table(rows: Sequence[Row], columns: Mapping[str, Callable[[Sequence[Row]], str]]) -> str:
    """Return a Markdown table with a line per method; a column's function makes a cell from the method's rows."""
    lines = ["| method | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for method in dict.fromkeys(row.method for row in rows):
        measured = [row for row in rows if row.method == method]
        lines.append(f"| {method} | " + " | ".join(cell(measured) for cell in columns.values()) + " |")
    return "\n".join(lines)


def _mean(scale: float, name: str, form: str, rows: Sequence[Row]) -> str:
    """Return the mean, marked if rows are missing: a mean over fewer images is not the mean over all."""
    rows = [row for row in rows if row.scale == scale]
    known = [value for row in rows if (value := getattr(row.quality, name)) is not None]
    if not known:
        return "failed" if any(row.error for row in rows) else "-"
    mark = f" ({len(known)} of {len(rows)})" if len(known) < len(rows) else ""
    return form.format(sum(known) / len(known)) + mark


def _median(scale: float, rows: Sequence[Row]) -> str:
    known = [row.seconds for row in rows if row.scale == scale and row.seconds is not None]
    return f"{statistics.median(known):.4f}" if known else "-"


def _largest(name: str, form: str, rows: Sequence[Row]) -> str:
    known = [value for row in rows if (value := getattr(row, name)) is not None]
    return form.format(max(known)) if known else "-"


def as_json(rows: Sequence[Row], convention: Convention) -> str:
    """Return protocol and rows as one JSON object."""
    content = {"protocol": describe(convention), "rows": [flat(row) for row in rows]}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
