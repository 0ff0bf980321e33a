"""Pictures of what was measured: maps as colours, curves and lines as SVG."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image

from amortized_sr.analysis.departure import BIN_EDGES
from amortized_sr.coords import Size

# Dark to light, of even brightness steps; negative, zero and positive.
_LIGHT = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
_SIGNED = ((5, 48, 97), (67, 147, 195), (247, 247, 247), (214, 96, 77), (103, 0, 31))

Plane = Float64[np.ndarray, "height width"]


def magnitude_map(values: Plane, largest: int | float) -> Image.Image:
    """Return numbers as light: black for 0, pale yellow for `largest` and above."""
    return _coloured(values / largest if largest > 0 else values, _LIGHT)


def signed_map(values: Plane, largest: int | float) -> Image.Image:
    """Return numbers as blue below 0, white at 0 and red above, darkest at `largest` and beyond."""
    return _coloured(0.5 + 0.5 * (values / largest if largest > 0 else values), _SIGNED)


def direction_map(gradient: Float64[np.ndarray, "height width 2"], largest: int | float) -> Image.Image:
    """Return gradients `(y, x)` as colours: the hue is the direction, the brightness the length up to `largest`."""
    angle = np.arctan2(gradient[..., 0], gradient[..., 1])
    length = np.hypot(gradient[..., 0], gradient[..., 1])
    value = np.clip(length / largest if largest > 0 else length, 0, 1)
    hue = (angle / (2 * math.pi)) % 1
    planes = np.stack((hue, np.full_like(hue, 0.75), value), axis=-1)
    return Image.fromarray(_bytes(planes), mode="HSV").convert("RGB")


def _coloured(values: Plane, colours: Sequence[tuple[int, int, int]]) -> Image.Image:
    places = np.linspace(0, 1, len(colours))
    channels = [np.interp(values, places, [colour[channel] / 255 for colour in colours]) for channel in range(3)]
    return Image.fromarray(_bytes(np.stack(channels, axis=-1)))


def _bytes(values: Float64[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
    return np.rint(values.clip(0, 1) * 255).astype(np.uint8)


def line_overlay(source: str, size: Size, lines: Float64[np.ndarray, "line 2 2"]) -> str:
    """Return an SVG of a picture, given as a data URL, under lines whose ends `(y, x)` are positions in pixels."""
    height, width = size
    # The corner of an SVG's pixel lies at whole numbers, its centre here.
    ends = (lines + 0.5).round(2)
    path = "".join(f"M{x0:g} {y0:g}L{x1:g} {y1:g}" for (y0, x0), (y1, x1) in ends.tolist())
    return (
        f'<svg viewBox="0 0 {width} {height}"><image href="{source}" width="{width}" height="{height}" '
        f'style="image-rendering: pixelated"/><path d="{path}" class="edge" '
        f'stroke-width="{max(size) / 250:g}"/></svg>'
    )


def curves(series: Sequence[tuple[str, Sequence[float], Sequence[float]]], reach: int | float) -> str:
    """Return an SVG of curves from `-reach` to `reach`, each `(class name, x, y)`, with the axes as grey lines.

    The class `dots` draws a dot for each number.
    """
    width, height, margin = 240, 120, 4
    shown = [[(x, y) for x, y in zip(xs, ys, strict=True) if abs(x) <= reach] for _, xs, ys in series]
    low = min([0.0, *(y for points in shown for _, y in points)])
    high = max([1e-9, *(y for points in shown for _, y in points)])

    def place(x: int | float, y: int | float) -> tuple[float, float]:
        across = margin + (x + reach) / (2 * reach) * (width - 2 * margin)
        return across, margin + (high - y) / (high - low) * (height - 2 * margin)

    zero_x, zero_y = place(0.0, 0.0)
    parts = [f'<path class="axis" d="M0 {zero_y:.1f}H{width}M{zero_x:.1f} 0V{height}"/>']
    for whole in range(-math.floor(reach), math.floor(reach) + 1):
        x, _ = place(whole, 0.0)
        parts.append(f'<path class="axis" d="M{x:.1f} {zero_y - 2:.1f}v4"/>')
    for (name, _, _), points in zip(series, shown, strict=True):
        places = [f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in points)]
        path = "".join(f"M{one}h.01" for one in places) if name == "dots" else f"M{' L'.join(places)}"
        parts.append(f'<path class="{name}" d="{path}"/>' if places else "")
    return f'<svg viewBox="0 0 {width} {height}" role="img">{"".join(parts)}</svg>'


def bars(shares: Sequence[float]) -> str:
    """Return an SVG of a histogram over `BIN_EDGES`, each bar with its share in percent and its lower edge."""
    step, height, largest = 30, 90, max(shares)
    parts: list[str] = []
    for number, (share, edge) in enumerate(zip(shares, BIN_EDGES, strict=True)):
        x, length = number * step, share / largest * height
        parts.append(f'<rect class="bar" x="{x + 3}" y="{12 + height - length:.1f}" width="24" height="{length:.1f}"/>')
        parts.append(f'<text x="{x + 15}" y="{9 + height - length:.1f}">{100 * share:.0f}</text>')
        parts.append(f'<text x="{x + 15}" y="{height + 24}">{edge:g}</text>')
    return f'<svg viewBox="0 0 {step * len(BIN_EDGES)} {height + 28}" role="img">{"".join(parts)}</svg>'
