"""Pixels as points or as regions: one image as several functions, measured on a chart whose truth is known."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final, get_args

from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.analysis.additivity import EQUAL
from amortized_sr.analysis.aliasing import aliasing, checked
from amortized_sr.analysis.flicker import zoom_flicker, zoom_sizes
from amortized_sr.analysis.point_sampling import PointSampled
from amortized_sr.analysis.report import Table
from amortized_sr.baselines.fitting import FittedImage
from amortized_sr.choices import Footprint
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import cross_scale_consistency, psnr
from amortized_sr.resize import interpolation_kernel

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
ALIASED_SCALES = (0.25, 0.5, 1.0)
CONSISTENT_SCALES = SCALES[:-1]
ZOOM = (0.25, 1.0)

# Pixels of the image that are left out along each border where a rendering is compared with the truth.
_BORDER = 4

PROTOCOL = (
    "The image has 64x64 pixels, each the exact mean of a chart over its area, rounded to 8 bits. A chart is a "
    "picture of 2048x2048 flat squares, whose means over regions are exact. PSNR: in dB of a rendering against the "
    "chart's means over the same pixels, a border of 4 pixels of the image left out. Aliasing: renderings with the "
    "same pixels, moved by parts of a pixel, together are a fine sampling of what pixels sample; the root mean square "
    "of what is finer there than half a period per pixel on one of the axes, in steps of 8 bits, under a Hann window. "
    "Consistency: PSNR in dB of the rendering at twice the scale, averaged over 2x2, against the rendering; at most "
    "200. Flicker: 40 frames from x0.25 to x1 in even steps, each averaged over the pixels of the first; root mean "
    "square of what changes with a period below 4 frames, in steps of 8 bits."
)


@final
@dataclass(frozen=True)
class RegionNumbers:
    """What was measured of one function, by scale; decibels are at most 200.

    Attributes:
        psnr: Against the truth, in dB.
        aliased: Root mean square of what pixels sample and cannot show, in brightness.
        consistency: Of renderings at twice the scale with this one, in dB.
        flicker: Root mean square of the fast changes in a zoom, in brightness.
    """

    psnr: dict[float, float]
    aliased: dict[float, float]
    consistency: dict[float, float]
    flicker: float


def measure_regions(
    function: ContinuousImage, truth: ContinuousImage, image_size: Size, largest: int | float = SCALES[-1]
) -> RegionNumbers:
    """Measure the only image of a function.

    Args:
        function: The image as a function.
        truth: The scene that it shows, as a function whose pixels are means.
        image_size: `(height, width)` of the image in pixels; scales are relative to it.
        largest: Scales above it are not measured.

    Raises:
        ValueError: If a side is below 16 pixels or no multiple of 4, or a rendering holds NaN or infinity.
    """
    height, width = image_size
    if min(height, width) < 16 or height % 4 or width % 4:
        raise ValueError(f"regions need sides that are multiples of 4 and at least 16, got {width}x{height} pixels")

    def size(scale: float) -> Size:
        return round(height * scale), round(width * scale)

    rendered = {scale: checked(function.render(size(scale))) for scale in SCALES if scale <= largest}
    return RegionNumbers(
        psnr={
            scale: _bounded(psnr(one, truth.render(size(scale)), round(_BORDER * scale)))
            for scale, one in rendered.items()
        },
        aliased={scale: aliasing(function, size(scale), _samples(scale)).absolute for scale in ALIASED_SCALES},
        consistency={
            scale: _bounded(cross_scale_consistency(rendered[2 * scale], rendered[scale]))
            for scale in CONSISTENT_SCALES
            if 2 * scale in rendered
        },
        flicker=zoom_flicker(function, zoom_sizes(image_size, *ZOOM)),
    )


def _bounded(decibels: Tensor) -> float:
    return min(float(decibels), EQUAL)


def _samples(scale: float) -> int:
    """Return samples per pixel that see frequencies up to twice the Nyquist frequency of the image."""
    return max(4, math.ceil(2 / scale))


def interpolated(image: Float[Tensor, "1 colour height width"]) -> dict[str, ContinuousImage]:
    """Return an image interpolated without antialiasing (points), with Pillow's, and averaged over pixels (means)."""
    bicubic, lanczos = (InterpolatedImage.like_pillow(image, name) for name in ("bicubic", "lanczos"))
    return {
        "bicubic, points": PointSampled(bicubic),
        "bicubic, antialiased": bicubic,
        "bicubic, means": InterpolatedImage(image, interpolation_kernel("bicubic", region=True)),
        "lanczos, points": PointSampled(lanczos),
        "lanczos, antialiased": lanczos,
    }


def by_footprint(name: str, function: AmortizedImage) -> dict[str, ContinuousImage]:
    """Return the function of one latent asked for each footprint."""
    return {f"{name}, {footprint}": function.with_footprint(footprint) for footprint in get_args(Footprint)}


def by_points(name: str, function: FittedImage) -> dict[str, ContinuousImage]:
    """Return a fitted network that answers for pixels with their centre, and with the mean of 2x2 points."""
    asked = {"points": 1, "2x2": 2}
    return {f"{name}, {how}": dataclasses.replace(function, region=points) for how, points in asked.items()}


def quality_table(found: Mapping[str, RegionNumbers]) -> Table:
    """Return PSNR by scale, and flicker."""
    lines = [["function", *(f"x{scale:g}" for scale in SCALES), "flicker"]]
    for name, one in found.items():
        lines.append([name, *(_decibels(one.psnr.get(scale)) for scale in SCALES), f"{255 * one.flicker:.2f}"])
    return "PSNR in dB against the truth, and flicker in steps of 8 bits", lines


def sampling_table(found: Mapping[str, RegionNumbers]) -> Table:
    """Return aliasing and consistency by scale."""
    titles = [f"aliasing x{scale:g}" for scale in ALIASED_SCALES]
    titles += [f"consistency x{scale:g}" for scale in CONSISTENT_SCALES]
    lines = [["function", *titles]]
    for name, one in found.items():
        cells = [f"{255 * one.aliased[scale]:.1f}" for scale in ALIASED_SCALES]
        lines.append([name, *cells, *(_decibels(one.consistency.get(scale), 1) for scale in CONSISTENT_SCALES)])
    return "Aliasing in steps of 8 bits, and consistency in dB", lines


def _decibels(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "-"
    return "equal" if math.isclose(value, EQUAL) else f"{value:.{digits}f}"
