"""Writes a study into a folder: numbers as JSON, and one self-contained HTML page with tables and figures."""

import html
import string
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from amortized_sr.analysis.edges import edge_lines
from amortized_sr.analysis.figures import bars, curves, direction_map, line_overlay, magnitude_map, signed_map
from amortized_sr.analysis.kernels import LocalKernel, local_kernel
from amortized_sr.analysis.report import PROTOCOL, Table, as_json, tables
from amortized_sr.analysis.study import SAMPLES, FunctionStudy, ImageStudy, Study
from amortized_sr.benchmark.page import data_url
from amortized_sr.benchmark.report import write_text
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.picture_tensor import tensor_to_picture

STUDY_FILES = ("linearity.html", "linearity.json")
"""The files of a study."""

# Least gradient of an edge that is drawn, as a share of the strongest.
_EDGE = 0.25

# Pixels on both sides of a place that a kernel's picture shows, and decades of the map of what a patch depends on.
_RADIUS, _DECADES = 7, 3

# The share of numbers that a map's colours distinguish; larger ones look alike.
_SHOWN = 0.99


def write_study(folder: Path, study: Study, machine: str) -> None:
    """Write the `STUDY_FILES` into an existing folder."""
    write_text(folder / "linearity.json", as_json(study, machine))
    page = string.Template((resources.files("amortized_sr.analysis") / "page.html").read_text())
    count = len(study.images)
    texts = {"title": f"How linear {count} image{'s' if count > 1 else ''} as functions are", "protocol": PROTOCOL}
    failed = "".join(
        f"<p>{html.escape(f'{one.method} failed: {one.error}')}</p>" for one in study.methods if one.error is not None
    )
    text = page.substitute(
        {name: html.escape(text) for name, text in texts.items()},
        tables=failed + "\n".join(_table(one) for one in tables(study)),
        images="\n".join(_image(one, number == 0) for number, one in enumerate(study.images) if one.functions),
    )
    write_text(folder / "linearity.html", text)


def _table(table: Table) -> str:
    caption, (header, *lines) = table
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in line)}</tr>\n" for line in lines)
    return f'<div class="table"><table><caption>{html.escape(caption)}</caption>\n<tr>{head}</tr>\n{rows}</table></div>'


def _image(one: ImageStudy, opened: bool) -> str:
    """Return the section of an image, whose maps have the same colours for all methods."""
    height, width = one.image.shape[-2:]
    functions = one.functions.values()
    departure = _upper([found.departures.map for found in functions])
    gradient = _upper([found.derivatives.gradient.norm(dim=-1) for found in functions])
    laplacian = _upper([found.derivatives.laplacian.abs() for found in functions])
    source = data_url(tensor_to_picture(one.image))
    parts = [
        f"<h3>{html.escape(method)}</h3>\n<div class='figures'>"
        f"{''.join(_maps(one, found, source, departure, gradient, laplacian))}</div>\n"
        + "\n".join(_kernel(one, kernel) for kernel in found.kernels)
        for method, found in one.functions.items()
    ]
    title = html.escape(f"{one.name}, {width}x{height} pixels")
    return f"<details{' open' if opened else ''}><summary>{title}</summary>\n{''.join(parts)}</details>"


def _upper(values: Sequence[Tensor]) -> float:
    return float(np.quantile(torch.cat([one.flatten() for one in values]).numpy(), _SHOWN))


def _maps(
    one: ImageStudy, found: FunctionStudy, source: str, departure: float, gradient: float, laplacian: float
) -> list[str]:
    slopes, curvature = found.derivatives.gradient.numpy(), found.derivatives.laplacian.numpy()
    lines = (edge_lines(slopes, curvature, _EDGE) + 0.5) / SAMPLES - 0.5
    overlay = line_overlay(source, (one.image.shape[-2], one.image.shape[-1]), lines)
    steps = f"white: {255 * departure:.1f} steps of 8 bits or more"
    return [
        _picture(magnitude_map(found.departures.map.numpy(), departure), f"departure from straight lines; {steps}"),
        _figure(bars(found.departures.histogram), "numbers in percent by departure in steps of 8 bits and more"),
        _picture(direction_map(slopes, gradient), f"gradient: hue its direction, bright {gradient:.3f} per pixel"),
        _picture(signed_map(curvature, laplacian), f"Laplacian: red positive, darkest {laplacian:.3f}"),
        _figure(overlay, "edges: zeros of the Laplacian"),
    ]


def _kernel(one: ImageStudy, kernel: LocalKernel) -> str:
    """Return the figures of a kernel beside Lanczos's at the same place."""
    lanczos = local_kernel(lambda image: InterpolatedImage.like_pillow(image, "lanczos"), one.image, kernel.place)
    largest = float(torch.stack((kernel.kernel, lanczos.kernel)).abs().max())
    place, share = kernel.place, "-" if kernel.share is None else f"{100 * kernel.share:.0f} %"
    dependence = kernel.dependence / kernel.dependence.max().clamp(min=1e-30)
    decades = (dependence.clamp(min=10.0**-_DECADES).log10() / _DECADES + 1).clamp(min=0)
    pattern = float(kernel.pattern.abs().max())
    around = _around(kernel)
    profile = curves(
        [
            ("lanczos", lanczos.offset.tolist(), lanczos.profile.tolist()),
            ("dots", kernel.offset.tolist(), kernel.profile.tolist()),
        ],
        4.0,
    )
    numbers = kernel.numbers
    size = "no weights" if numbers.pixels is None else f"{numbers.pixels:.1f} pixels, 95 % within {numbers.reach:.1f}"
    figures = [
        _picture(signed_map(kernel.kernel[around].numpy(), largest), f"kernel: {size}; red positive, blue negative"),
        _picture(signed_map(lanczos.kernel[around].numpy(), largest), "Lanczos's kernel, same colours"),
        _figure(profile, "weights by distance along the row; dashed: Lanczos's"),
        _picture(magnitude_map(decades.numpy(), 1.0), f"what a patch depends on, {_DECADES} decades, whole image"),
        _picture(signed_map(kernel.pattern[around].numpy(), pattern), f"change that changes the patch most: {share}"),
    ]
    title = f"{place.name}: row {place.row}, column {place.column}"
    return f"<h4>{html.escape(title)}</h4>\n<div class='figures'>{''.join(figures)}</div>"


def _around(kernel: LocalKernel) -> tuple[slice, slice]:
    rows, columns = (
        slice(max(0, centre - _RADIUS), centre + _RADIUS + 2) for centre in (kernel.place.row, kernel.place.column)
    )
    return rows, columns


def _picture(picture: Image.Image, caption: str) -> str:
    return _figure(f'<img src="{data_url(picture)}" alt="">', caption)


def _figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{html.escape(caption)}</figcaption></figure>\n"
