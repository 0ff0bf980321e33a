"""Measure pixels as points against pixels as regions, and sub-pixel shifts; draw docs/regions.png.

Prints the protocol and the tables of docs/regions.md in Markdown: for a zone plate and for text, functions of one
image that are asked for points and for regions; then, for photographs, whether the function of a moved image is the
moved function. `gauss` is how the model was trained; `point` and `box` ask the same weights for something else. Fits:
`siren`, 100 steps, supervised at pixel centres or at the mean of 2x2 points of each pixel, asked for the centre or
for the mean of 2x2 points.

Shifts: photographs are shrunk by 10 twice, the second time from one of their pixels farther right or down: a shift of
0.1 of the image's pixels, exactly. Both images are encoded and rendered at x4, a border of 8 pixels left out; the
first function's window is moved by the shift, and PSNR compares both renderings. `Fourier`: the second image is the
first one, continued by its mirror images and moved by the phase of its spectrum. `no shift`: both windows at the same
place.

Picture: `zoom` shows one line of every frame of the zoom, averaged over the pixels of the first frame, time
downwards.

    python scripts/measure_regions.py [--photos FOLDER] [--no-fits] [--picture-only] [--folder docs]
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import torch
from PIL import Image
from torch import Tensor

from amortized_sr import Upscaler
from amortized_sr.analysis.charts import CHARTS, IMAGE_SIDE, ChartName, chart, chart_image
from amortized_sr.analysis.equivariance import Equivariance, Shift, equivariance, fourier_shifted, scanned
from amortized_sr.analysis.flicker import zoom_means, zoom_sizes
from amortized_sr.analysis.point_sampling import PointSampled
from amortized_sr.analysis.regions import (
    PROTOCOL,
    ZOOM,
    by_footprint,
    by_points,
    interpolated,
    measure_regions,
    quality_table,
    sampling_table,
)
from amortized_sr.analysis.report import Table
from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.benchmark.grid import captioned
from amortized_sr.benchmark.machine import describe_machine
from amortized_sr.choices import Footprint
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import WHOLE, Window
from amortized_sr.data.folder import image_files
from amortized_sr.image_io import read_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

# Networks take long: a rendering at x8 has 64 times the pixels of the image.
_FIT_STEPS, _FIT_LARGEST = 100, 4.0
_FACTOR, _SCALE, _MARGIN = 10, 4, 8
_SHOWN_SIDE = 192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of photographs, whose shifts are measured")
    parser.add_argument("--no-fits", action="store_true", help="leave out the fits, which take most of the time")
    parser.add_argument("--picture-only", action="store_true", help="draw the picture and measure nothing")
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where regions.png goes")
    arguments = parser.parse_args()
    upscaler = Upscaler.from_pretrained(device="cpu", precision="fp32")
    if not arguments.picture_only:
        print(f"{describe_machine()}\n\n{PROTOCOL}\n")
        for name in CHARTS:
            _print_chart(name, upscaler, fits=not arguments.no_fits)
        if arguments.photos is not None:
            _print_shifts(arguments.photos, upscaler)
    rows = [row for name in CHARTS for row in _pictures(name, upscaler)]
    captioned(rows).save(arguments.folder / "regions.png", optimize=True)


def _functions(name: ChartName, upscaler: Upscaler) -> dict[str, ContinuousImage]:
    scene = chart(name)
    image = chart_image(scene)
    function = upscaler.encode(image)
    return {
        "the chart, points": PointSampled(scene),
        "the chart, means": scene,
        **interpolated(image),
        **by_footprint("photo-tiny", function),
    }


def _print_chart(name: ChartName, upscaler: Upscaler, fits: bool) -> None:
    scene, size = chart(name), (IMAGE_SIDE, IMAGE_SIDE)
    with torch.inference_mode():
        found = {title: measure_regions(one, scene, size) for title, one in _functions(name, upscaler).items()}
        if fits:
            for title, one in _fits(chart_image(scene)).items():
                found[title] = measure_regions(one, scene, size, _FIT_LARGEST)
    print(f"## {name}\n")
    for table in (quality_table(found), sampling_table(found)):
        _print_table(table)


def _fits(image: Tensor) -> dict[str, ContinuousImage]:
    """Return networks fitted to an image, supervised at pixel centres or over pixels, asked for both."""
    functions: dict[str, ContinuousImage] = {}
    for name, region in (("fit to points", 1), ("fit to 2x2", 2)):
        functions |= by_points(name, fit(image, FitSettings("siren", steps=_FIT_STEPS, region=region)))
    return functions


def _print_shifts(folder: Path, upscaler: Upscaler) -> None:
    photographs = [picture_to_tensor(read_picture(path)) for path in image_files(folder)]
    encoders: dict[str, Callable[[Tensor], ContinuousImage]] = {
        "nearest": lambda image: InterpolatedImage.like_pillow(image, "nearest"),
        "bilinear": lambda image: InterpolatedImage.like_pillow(image, "bilinear"),
        "bicubic": lambda image: InterpolatedImage.like_pillow(image, "bicubic"),
        "lanczos": lambda image: InterpolatedImage.like_pillow(image, "lanczos"),
        **{f"photo-tiny, {footprint}": _encoder(upscaler, footprint) for footprint in get_args(Footprint)},
        "photo-tiny, gauss, eight turns": lambda image: upscaler.encode(image, tta=True),
    }
    lines = [["function", "scanned again", "worst", "Fourier", "worst", "no shift"]]
    for name, encode in encoders.items():
        again, phase = ([_shifted(encode, photo, kind) for photo in photographs] for kind in ("scan", "phase"))
        cells = [number for kind in (again, phase) for number in _summary([one.moved for pair in kind for one in pair])]
        still = [one.still for pair in again for one in pair]
        lines.append([name, *cells, f"{sum(still) / len(still):.1f}"])
    print("## shifts\n")
    _print_table((f"{len(photographs)} photographs, two directions: dB, mean and worst", lines))


def _encoder(upscaler: Upscaler, footprint: Footprint) -> Callable[[Tensor], ContinuousImage]:
    return lambda image: upscaler.encode(image).with_footprint(footprint)


def _shifted(encode: Callable[[Tensor], ContinuousImage], photograph: Tensor, kind: str) -> list[Equivariance]:
    """Return the agreement for a shift down and for a shift to the right."""
    image = scanned(photograph, _FACTOR, (0, 0))
    found = []
    for down, right in ((1, 0), (0, 1)):
        shift = down / _FACTOR, right / _FACTOR
        moved = scanned(photograph, _FACTOR, (down, right)) if kind == "scan" else _moved_by_phase(image, shift)
        found.append(equivariance(encode(image), encode(moved), shift, _SCALE, _MARGIN))
    return found


def _moved_by_phase(image: Tensor, shift: Shift) -> Tensor:
    """Return an image moved in its spectrum; mirror images on all sides leave no step where it is repeated."""
    wide = torch.cat((image, image.flip(-1)), dim=-1)
    return fourier_shifted(torch.cat((wide, wide.flip(-2)), dim=-2), shift)[..., : image.shape[-2], : image.shape[-1]]


def _summary(values: list[float]) -> list[str]:
    return [f"{sum(values) / len(values):.1f}", f"{min(values):.1f}"]


def _print_table(table: Table) -> None:
    caption, lines = table
    print(f"{caption}:\n")
    for number, line in enumerate(lines):
        print(f"| {' | '.join(line)} |")
        if number == 0:
            print("|---" * len(line) + "|")
    print(flush=True)


@torch.inference_mode()
def _pictures(name: ChartName, upscaler: Upscaler) -> list[list[tuple[str, Image.Image]]]:
    """Return rows of the chart at x0.5 and of a line during a zoom, or of a part at x4."""
    functions = _functions(name, upscaler)
    shown = {
        "truth": functions["the chart, means"],
        "points of it": functions["the chart, points"],
        "bicubic, points": functions["bicubic, points"],
        **{f"network, {footprint}": functions[f"photo-tiny, {footprint}"] for footprint in get_args(Footprint)},
    }
    part = (-1.0, -1.0, -0.25, -0.25)
    return [_row(shown, 0.5, WHOLE), _zoom_row(shown) if name == "zone plate" else _row(shown, 4.0, part)]


def _row(functions: Mapping[str, ContinuousImage], scale: float, part: Window) -> list[tuple[str, Image.Image]]:
    side = round(IMAGE_SIDE * scale * (part[3] - part[1]) / 2)
    return [(f"{name}, x{scale:g}", _shown(one.render((side, side), part))) for name, one in functions.items()]


def _zoom_row(functions: Mapping[str, ContinuousImage]) -> list[tuple[str, Image.Image]]:
    sizes = zoom_sizes((IMAGE_SIDE, IMAGE_SIDE), *ZOOM)
    lines = {name: zoom_means(one, sizes)[:, sizes[0][0] // 4] for name, one in functions.items()}
    return [(f"{name}, zoom", _shown(line[None, None].float())) for name, line in lines.items()]


def _shown(rendering: Tensor) -> Image.Image:
    return tensor_to_picture(rendering).resize((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.NEAREST)


if __name__ == "__main__":
    main()
