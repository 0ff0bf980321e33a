"""The numbers of a study as tables and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from amortized_sr.analysis.departure import BIN_EDGES, Departures
from amortized_sr.analysis.kernels import LocalKernel
from amortized_sr.analysis.study import FunctionStudy, ImageStudy, Study
from amortized_sr.benchmark.report import aligned

Table = tuple[str, list[list[str]]]
"""A caption, and lines of cells, the first of which are the headers."""

# Pixels on both sides of a place whose weights are written.
_PROFILE = 8

PROTOCOL = (
    "Functions are asked for points, without a footprint. Departure: at seven points inside each segment between "
    "neighbouring pixel centres, the function's colour minus the straight line between its colours at both centres; "
    "its root mean square (RMS) over that of the differences between the ends, and in steps of 8 bits. Derivatives: of "
    "the brightness (mean of the channels) with respect to the position in pixels, by automatic differentiation. Means "
    "are over the images."
)


def tables(study: Study) -> list[Table]:
    """Return the means over the images as tables, one for each question; without results, no tables."""
    methods = [one.method for one in study.methods if one.error is None]
    found = [
        _coordinates(study, methods),
        _mixtures(study),
        _kernels(study, methods),
        _bits(study, methods),
    ]
    return [table for table in found if len(table[1]) > 1]


def as_text(table: Table) -> str:
    """Return a table as its caption and aligned columns."""
    caption, lines = table
    return f"{caption}\n\n{aligned(lines)}"


def _coordinates(study: Study, methods: Sequence[str]) -> Table:
    lines = [["method", "rows", "columns", "diagonals", "8-bit steps", "below half a step", "gradient", "Laplacian"]]
    for method in methods:
        functions = [one.functions[method] for one in study.images]
        relative = [
            _mean([found.relative for one in functions if (found := one.departures.directions.get(name))], "{:.3f}")
            for name in ("rows", "columns", "diagonals")
        ]
        steps = _mean([255 * _absolute(one.departures) for one in functions], "{:.2f}")
        small = _mean([100 * one.departures.histogram[0] for one in functions], "{:.0f} %")
        numbers = [_derivative_numbers(one) for one in functions]
        slopes = [_mean([one[name] for one in numbers], "{:.4f}") for name in ("gradient", "laplacian")]
        lines.append([method, *relative, steps, small, *slopes])
    caption = (
        "In the coordinate: RMS departure from linear interpolation, relative along rows, columns and diagonals, then "
        "in steps of 8 bits; share of numbers that depart by less than half a step; RMS gradient per pixel and RMS "
        "Laplacian per pixel squared"
    )
    return caption, lines


def _absolute(departures: Departures) -> float:
    squares = [found.absolute**2 for found in departures.directions.values()]
    return (sum(squares) / len(squares)) ** 0.5


def _mixtures(study: Study) -> Table:
    lines = [["method", "a, b", "relative", "dB", "of the learned part", "in the latent, dB"]]
    for one in study.methods:
        for a, b in dict.fromkeys((found.a, found.b) for found in one.mixtures):
            own = [found for found in one.mixtures if (found.a, found.b) == (a, b)]
            cells = [
                _mean([found.image.relative for found in own], "{:.4f}"),
                _mean([found.image.decibels for found in own], "{:.1f}"),
                _mean([found.image.learned for found in own], "{:.3f}"),
                _mean([found.latent.decibels if found.latent else None for found in own], "{:.1f}"),
            ]
            lines.append([one.method, f"{a:g}, {b:g}", *cells])
    caption = (
        "In the image: error of f(a x + b y) against a f(x) + b f(y) in renderings at x4, over pairs of images; in the "
        "latent: the same with latents for images"
    )
    return caption, lines


def _kernels(study: Study, methods: Sequence[str]) -> Table:
    formats = {"pixels": "{:.1f}", "reach": "{:.2f}", "elongation": "{:.2f}", "negative": "{:.3f}", "total": "{:.3f}"}
    lines = [["method", "place", *formats, "places"]]
    for method in methods:
        kernels = [kernel for one in study.images for kernel in one.functions[method].kernels]
        for place in dict.fromkeys(kernel.place.name for kernel in kernels):
            own = [kernel.numbers for kernel in kernels if kernel.place.name == place]
            cells = [_mean([getattr(one, name) for one in own], form) for name, form in formats.items()]
            lines.append([method, place, *cells, str(len(own))])
    caption = (
        "Effective kernels of points in the middle between four pixels: as many pixels as an even kernel of the same "
        "concentration has, distance that holds 95 % of the absolute weights, length over breadth, share of negative "
        "weights, sum of the weights"
    )
    return caption, lines


def _bits(study: Study, methods: Sequence[str]) -> Table:
    lines: list[list[str]] = []
    for method in methods:
        measured = [found for one in study.images if (found := one.functions[method].psnr_by_bits)]
        if measured:
            lines = lines or [["method", *("float" if bits == "float" else f"{bits} bits" for bits in measured[0])]]
            lines.append([method, *(_mean([one[bits] for one in measured], "{:.2f}") for bits in measured[0])])
    return (
        "Latents with fewer bits: PSNR in dB of images that were shrunk by 2, encoded, and drawn at their size",
        lines,
    )


def _mean(values: Sequence[float | None], form: str) -> str:
    """Return the mean without missing values; a dash if all are missing."""
    known = [value for value in values if value is not None]
    return form.format(sum(known) / len(known)) if known else "-"


def _derivative_numbers(one: FunctionStudy) -> dict[str, float]:
    gradient, laplacian = one.derivatives.gradient, one.derivatives.laplacian
    lengths = gradient.norm(dim=-1)
    return {
        "gradient": float(lengths.square().mean().sqrt()),
        "largest_gradient": float(lengths.max()),
        "laplacian": float(laplacian.square().mean().sqrt()),
    }


def as_json(study: Study, machine: str) -> str:
    """Return all numbers of a study as one JSON object."""
    methods = [
        {"method": one.method, "error": one.error, "mixtures": [asdict(found) for found in one.mixtures]}
        for one in study.methods
    ]
    content = {
        "protocol": PROTOCOL,
        "machine": machine,
        "bin_edges": BIN_EDGES,
        "methods": methods,
        "images": [_image_numbers(one) for one in study.images],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _image_numbers(one: ImageStudy) -> dict[str, Any]:
    height, width = one.image.shape[-2:]
    functions = {
        method: {
            "departure": {name: asdict(part) for name, part in found.departures.directions.items()},
            "histogram": found.departures.histogram,
            "derivatives": _derivative_numbers(found),
            "kernels": [_kernel_numbers(kernel) for kernel in found.kernels],
            "psnr_by_bits": found.psnr_by_bits,
        }
        for method, found in one.functions.items()
    }
    return {"image": one.name, "height": height, "width": width, "functions": functions}


def _kernel_numbers(kernel: LocalKernel) -> dict[str, Any]:
    near = kernel.offset.abs() <= _PROFILE
    profile = {"offset": kernel.offset[near].tolist(), "weight": kernel.profile[near].tolist()}
    return {
        **asdict(kernel.place),
        "position": kernel.position,
        **asdict(kernel.numbers),
        "first_pattern_share": kernel.share,
        "profile": profile,
    }
