"""The measurements of a prediction, in one record for all tables and files."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

TABLE_COLUMNS = {
    "psnr": ("PSNR", "{:.2f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "lr_consistency": ("LR", "{:.2f}"),
    "cross_scale": ("cross", "{:.2f}"),
}
"""Header and format of each measurement in tables for readers."""


@final
@dataclass(frozen=True)
class Quality:
    """Measurements of a prediction, or means of them; None without a target or if the picture is too small.

    Attributes:
        psnr: In dB.
        ssim: At most 1.
        lr_consistency: PSNR in dB of the prediction shrunk again, against the input.
        cross_scale: PSNR in dB of the render at twice the size, averaged over 2x2, against the prediction.
    """

    psnr: float | None = None
    ssim: float | None = None
    lr_consistency: float | None = None
    cross_scale: float | None = None


def mean_quality(qualities: Sequence[Quality]) -> Quality:
    """Return the means; a measurement that is missing once has no mean."""
    columns = {name: [asdict(quality)[name] for quality in qualities] for name in TABLE_COLUMNS}
    return Quality(**{name: None if None in values else sum(values) / len(values) for name, values in columns.items()})


def flat(record: object) -> dict[str, Any]:
    """Return the fields of a record by name, with its quality's numbers as fields of their own."""
    values: dict[str, Any] = {}
    for name, value in vars(record).items():
        values |= asdict(value) if isinstance(value, Quality) else {name: value}
    return values


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return flat records with the same fields as lines of a CSV file, below a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
