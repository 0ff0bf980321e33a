"""Formats the rows of a benchmark as Markdown, CSV and JSON."""

import csv
import io
import json
import statistics
from collections.abc import Callable, Sequence

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
    scales = sorted({row.scale for row in rows})
    header = [f"x{scale:g} {name}" for scale in scales for name, _ in TABLE_COLUMNS.values()]

    def cells(method: Sequence[Row]) -> list[str]:
        return [
            _mean([row for row in method if row.scale == scale], name, form)
            for scale in scales
            for name, (_, form) in TABLE_COLUMNS.items()
        ]

    return _table(rows, header, cells)


def _costs(rows: Sequence[Row]) -> str:
    scales = sorted({row.scale for row in rows})
    header = [*(f"x{scale:g} s" for scale in scales), "peak MiB", "parameters"]

    def cells(method: Sequence[Row]) -> list[str]:
        times = [_median([row.seconds for row in method if row.scale == scale and row.seconds]) for scale in scales]
        peaks = [row.peak_mebibytes for row in method if row.peak_mebibytes is not None]
        sizes = [row.parameters for row in method if row.parameters is not None]
        return [
            *("-" if time is None else f"{time:.4f}" for time in times),
            f"{max(peaks):.0f}" if peaks else "-",
            f"{max(sizes):,}" if sizes else "-",
        ]

    return _table(rows, header, cells)


def _table(rows: Sequence[Row], header: list[str], cells: Callable[[Sequence[Row]], list[str]]) -> str:
    lines = ["| method | " + " | ".join(header) + " |", "|---" * (len(header) + 1) + "|"]
    for method in dict.fromkeys(row.method for row in rows):
        values = cells([row for row in rows if row.method == method])
        lines.append(f"| {method} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def _mean(rows: Sequence[Row], name: str, form: str) -> str:
    """Return the mean, marked if rows are missing: a mean over fewer images is not the mean over all."""
    known = [value for row in rows if (value := getattr(row.quality, name)) is not None]
    if not known:
        return "failed" if any(row.error for row in rows) else "-"
    mark = f" ({len(known)} of {len(rows)})" if len(known) < len(rows) else ""
    return form.format(sum(known) / len(known)) + mark


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def as_csv(rows: Sequence[Row]) -> str:
    """Return one line per row, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flat(rows[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat(row) for row in rows)
    return text.getvalue()


def as_json(rows: Sequence[Row], convention: Convention) -> str:
    """Return protocol and rows as one JSON object."""
    content = {"protocol": describe(convention), "rows": [flat(row) for row in rows]}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
