"""Draw the pictures of docs/functions.md, all from one encoding of examples/kitten_64.png.

functions_line.webp: the green values along a row of pixels between two points: the pixels as steps, the bicubic base
image and the function as curves, queried at 600 points without a footprint.
functions_zoom.webp: windows around one point, each half as wide as the one before, and the pixels of the last one.
functions_pixels.webp: one window at 8x8, 12x12 and 40x40 pixels, enlarged without interpolation, with pixel centres.
functions_parts.webp: the base image, the learned part (four times amplified around grey), and their sum.

python scripts/make_function_pictures.py [--model NAME] [-o docs]
"""

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from amortized_sr import ContinuousImage, Upscaler
from amortized_sr.coords import Window, pixel_centers, pixel_window
from amortized_sr.picture_tensor import tensor_to_picture
from amortized_sr.upscaler import Picture
from amortized_sr.weights_header import DEFAULT_MODEL

_ROOT = Path(__file__).resolve().parent.parent
_GAP, _CAPTION, _FINE = 12, 20, 4
_EYE = (0.045, -0.17)
_ROW, _COLUMNS = 25, (28, 44)
_WINDOW = pixel_window((29, 22, 37, 30), (64, 64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("-o", "--output", type=Path, default=_ROOT / "docs")
    arguments = parser.parse_args()
    picture = Image.open(_ROOT / "examples" / "kitten_64.png")
    function = Upscaler.from_pretrained(arguments.model, device="cpu").encode(picture)
    for name, drawn in (
        ("line", _line(function)),
        ("zoom", _zoom(picture, function)),
        ("pixels", _pixels(function)),
        ("parts", _parts(function)),
    ):
        path = arguments.output / f"functions_{name}.webp"
        drawn.save(path, quality=85, method=6)
        print(f"wrote {path}, {path.stat().st_size:,} bytes")


def _line(function: Picture) -> Image.Image:
    """Plot the green values between the centres of two pixels of a row, and show where the row is."""
    width, height, margin = 720 * _FINE, 288 * _FINE, 34 * _FINE
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    centers = pixel_centers(64)
    y, (first, last) = float(centers[_ROW]), _COLUMNS
    low, high = float(centers[first]), float(centers[last])

    def place(x: float, value: float) -> tuple[float, float]:
        return margin + (x - low) / (high - low) * (width - 2 * margin), height - margin - value * (height - 2 * margin)

    for value in (0.0, 0.5, 1.0):
        draw.line((place(low, value), place(high, value)), fill="#dddddd", width=_FINE)
        draw.text(place(low, value), f"{value:g} ", fill="#555555", font_size=12 * _FINE, anchor="rm")
    assert function.latent.image is not None
    assert function.function.base is not None
    pixels = function.latent.image[0, 1, _ROW]
    for number in range(first, last + 1):
        edges = (max(low, number / 32 - 1), min(high, (number + 1) / 32 - 1))
        value = float(pixels[number])
        draw.line((place(edges[0], value), place(edges[1], value)), fill="#888888", width=2 * _FINE)
        x, top = place(float(centers[number]), value)
        draw.ellipse((x - 4 * _FINE, top - 4 * _FINE, x + 4 * _FINE, top + 4 * _FINE), fill="#888888")
    x = torch.linspace(low, high, 600)
    coord = torch.stack((torch.full_like(x, y), x), dim=-1)
    for curve, colour in ((function.function.base(coord), "#d08000"), (function.function(coord), "#0050c0")):
        points = [place(float(a), float(b)) for a, b in zip(x, curve[0, :, 1], strict=True)]
        draw.line(points, fill=colour, width=5 * _FINE // 2, joint="curve")
    captions = (("the pixels", "#888888"), ("bicubic interpolation", "#d08000"), ("the function", "#0050c0"))
    for number, (caption, colour) in enumerate(captions):
        draw.text((margin + 170 * number * _FINE, 8 * _FINE), caption, fill=colour, font_size=14 * _FINE)
    scale = f"x from {low:.2f} to {high:.2f}, y = {y:.2f}"
    draw.text((width - margin, height - 8 * _FINE), scale, fill="#555555", font_size=12 * _FINE, anchor="rb")
    plot = canvas.resize((width // _FINE, height // _FINE), Image.Resampling.LANCZOS)
    photograph = function.render((288, 288))
    left, right, top = ((side + 1) / 2 * 288 for side in (low, high, y))
    ImageDraw.Draw(photograph).line((left, top, right, top), fill="red", width=2)
    return _beside([("green along the red line", photograph), ("", plot)])


def _zoom(picture: Image.Image, function: Picture) -> Image.Image:
    """Render windows around the eye and mark each window in the one before."""
    y, x = _EYE
    windows: list[Window] = [(y - half, x - half, y + half, x + half) for half in (0.8 / 2**step for step in range(4))]
    panels: list[tuple[str, Image.Image]] = []
    for window, inner in zip(windows, [*windows[1:], None], strict=True):
        panel = function.render((190, 190), window)
        if inner is not None:
            y0, x0, y1, _ = window
            top, left, bottom, right = (
                (side - start) / (y1 - y0) * 190 for side, start in zip(inner, (y0, x0, y0, x0), strict=True)
            )
            ImageDraw.Draw(panel).rectangle((left, top, right, bottom), outline="red")
        panels.append((f"{64 * (window[2] - window[0]) / 2:.1f} pixels wide", panel))
    y0, x0, y1, x1 = ((side + 1) * 32 for side in windows[-1])
    panels.append(("its pixels", picture.resize((190, 190), Image.Resampling.NEAREST, box=(x0, y0, x1, y1))))
    return _beside(panels)


def _pixels(function: Picture) -> Image.Image:
    """Show a window at several sizes, with a dot at each pixel's centre where dots fit."""
    panels: list[tuple[str, Image.Image]] = []
    for count in (8, 12, 40):
        panel = function.render((count, count), _WINDOW).resize((240, 240), Image.Resampling.NEAREST)
        draw = ImageDraw.Draw(panel)
        for row in range(count if count < 20 else 0):
            for column in range(count):
                x, y = ((2 * number + 1) * 120 / count for number in (column, row))
                draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill="red")
        panels.append((f"{count}x{count} pixels", panel))
    return _beside(panels)


def _parts(function: Picture) -> Image.Image:
    """Show the base image, the learned part and their sum."""
    base = function.function.base
    assert base is not None

    def rendered(image: ContinuousImage) -> Tensor:
        return image.render((320, 320), (-0.5, -0.65, 0.35, 0.2))

    below, whole = rendered(base), rendered(function.function)
    return _beside(
        [
            ("base: bicubic interpolation", tensor_to_picture(below)),
            ("learned part, x4 around grey", tensor_to_picture(0.5 + 4 * (whole - below))),
            ("their sum", tensor_to_picture(whole)),
        ]
    )


def _beside(panels: list[tuple[str, Image.Image]]) -> Image.Image:
    """Return pictures in a row, with captions below."""
    width = sum(panel.width for _, panel in panels) + _GAP * (len(panels) - 1)
    height = max(panel.height for _, panel in panels)
    canvas = Image.new("RGB", (width, height + _CAPTION), "white")
    draw = ImageDraw.Draw(canvas)
    left = 0
    for caption, panel in panels:
        canvas.paste(panel, (left, 0))
        draw.text((left + 2, height + 4), caption, fill="black", font_size=12)
        left += panel.width + _GAP
    return canvas


if __name__ == "__main__":
    main()
