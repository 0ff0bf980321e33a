"""The learning curve of a run, as a picture."""

import csv
import math
from pathlib import Path

from PIL import Image, ImageDraw

from amortized_sr.image_io import write_picture

_SIZE = (640, 400)
_LEFT, _TOP, _RIGHT, _BOTTOM = 60, 30, 620, 370


def read_curve(folder: Path) -> dict[int, float]:
    """Return `val/psnr` by step, from metrics.csv and the logs of earlier parts of the run."""
    parts = sorted(folder.glob("metrics_before_*.csv"), key=lambda path: int(path.stem.rpartition("_")[2]))
    curve: dict[int, float] = {}
    for path in (*parts, folder / "metrics.csv"):
        if path.exists():
            with path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if row.get("val/psnr")]
            curve |= {int(row["step"]) + 1: float(row["val/psnr"]) for row in rows}
    return {step: value for step, value in sorted(curve.items()) if math.isfinite(value)}


def draw_curve(folder: Path) -> None:
    """Write `curve.png`: the validation PSNR over the steps; nothing before the first validation."""
    curve = read_curve(folder)
    if not curve:
        return
    low, high, last = min(curve.values()), max(curve.values()), max(curve)
    margin = max(0.05, (high - low) / 20)
    low, high = low - margin, high + margin
    picture = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(picture)
    draw.text((_LEFT, 10), f"val/psnr in dB over steps; last {curve[last]:.2f} at step {last}", fill="black")
    for index in range(5):
        y = _BOTTOM - (_BOTTOM - _TOP) * index / 4
        x = _LEFT + (_RIGHT - _LEFT) * index / 4
        draw.line((_LEFT, y, _RIGHT, y), fill="lightgrey")
        draw.text((_LEFT - 6, y), f"{low + (high - low) * index / 4:.2f}", fill="black", anchor="rm")
        draw.text((x, _BOTTOM + 8), f"{last * index / 4:.0f}", fill="black", anchor="mt")
    points = [
        (_LEFT + (_RIGHT - _LEFT) * step / last, _BOTTOM - (_BOTTOM - _TOP) * (value - low) / (high - low))
        for step, value in curve.items()
    ]
    draw.line(points, fill="blue", width=2)
    for x, y in points:
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill="blue")
    write_picture(picture, folder / "curve.png")
