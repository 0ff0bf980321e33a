"""Draw the pictures of the model card: a photograph at x4, x8, x16 and x32, and enlarged JPEG artefacts and noise.

`docs/models_scales.webp`: a photograph of 128x128 pixels; per scale a window of it by nearest, bicubic, Lanczos, the
model, and the original where it has enough pixels. `docs/models_faults.webp`: at x4, the same window of the photograph
clean, after JPEG at quality 40, and with noise of standard deviation 10 of 255. `docs/models_photo.webp`: what `photo`
makes at x4, beside nearest, Lanczos and the model: the window with noise of 25 of 255, which it is told, after JPEG at
quality 40, and clean; a sprite and letters of single pixels.

    python scripts/make_model_pictures.py [--model photo-tiny] [--folder docs]
"""

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from amortized_sr import Upscaler
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Window
from amortized_sr.degradation import Degradation
from amortized_sr.image_io import read_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
_SIDE, _PANEL, _GAP, _CAPTION = 128, 256, 8, 16
# Where the windows are centred, in pixels of the small photograph: an eye.
_CENTRE = (68, 54)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo-tiny", help="bundled name or .safetensors file")
    parser.add_argument("--folder", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    upscaler = Upscaler.from_pretrained(arguments.model)
    original = picture_to_tensor(read_picture(_EXAMPLES / "kitten_1024.jpg"))
    image = Degradation()(original, (_SIDE, _SIDE)).image
    rows = [_scale_row(upscaler, image, original, scale) for scale in (4, 8, 16, 32)]
    _write(rows, arguments.folder / "models_scales.webp")
    photograph = tensor_to_picture(image)
    photograph.save(file := io.BytesIO(), "JPEG", quality=40)
    compressed = picture_to_tensor(Image.open(file).convert("RGB"))
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 10 / 255, image.shape)).float()
    window = _window(4)
    faults = {"clean": image, "JPEG, quality 40": compressed, "noise": (image + noise).clamp(0, 1)}
    columns = [
        [
            (f"{name}, {method}", _panel(function, window))
            for method, function in (
                ("nearest", InterpolatedImage.like_pillow(given, "nearest")),
                ("Lanczos", InterpolatedImage.like_pillow(given, "lanczos")),
                (arguments.model, upscaler.encode(given)),
            )
        ]
        for name, given in faults.items()
    ]
    _write(columns, arguments.folder / "models_faults.webp")
    sprite = read_picture(_EXAMPLES / "owl_32.png", background=(255, 255, 255))
    whole = -1.0, -1.0, 1.0, 1.0
    restoring = Upscaler.from_pretrained("photo")
    rows = []
    for name, given, part, sigma, quality in (
        ("noise 25", (image + 2.5 * noise).clamp(0, 1), window, 25, 0),
        ("JPEG 40", compressed, window, 0, 40),
        ("clean", image, window, 0, 0),
        ("sprite", picture_to_tensor(sprite), whole, 0, 0),
        ("letters", picture_to_tensor(_letters()), whole, 0, 0),
    ):
        functions = {
            f"{name}, nearest": InterpolatedImage.like_pillow(given, "nearest"),
            "Lanczos": InterpolatedImage.like_pillow(given, "lanczos"),
            arguments.model: upscaler.encode(given),
            "photo": restoring.encode(given, noise=sigma, jpeg=quality),
        }
        rows.append([(caption, _panel(function, part)) for caption, function in functions.items()])
    _write(rows, arguments.folder / "models_photo.webp")


def _letters() -> Image.Image:
    """Return a picture of 64x64 pixels with text that is not antialiased."""
    picture = Image.new("RGB", (64, 64), "white")
    draw = ImageDraw.Draw(picture)
    draw.fontmode = "1"
    for row, (text, colour) in enumerate((("Amortized", "black"), ("0123456789", "blue"), ("WMgjqy&@", "darkred"))):
        draw.text((3, 4 + 19 * row), text, fill=colour, font=ImageFont.load_default(12))
    return picture


def _scale_row(
    upscaler: Upscaler, image: torch.Tensor, original: torch.Tensor, scale: int
) -> list[tuple[str, Image.Image]]:
    window = _window(scale)
    functions = {
        f"x{scale}, nearest": InterpolatedImage.like_pillow(image, "nearest"),
        "bicubic": InterpolatedImage.like_pillow(image, "bicubic"),
        "Lanczos": InterpolatedImage.like_pillow(image, "lanczos"),
        "model": upscaler.encode(image),
    }
    row = [(name, _panel(function, window)) for name, function in functions.items()]
    if scale * _SIDE <= original.shape[-1]:
        truth = Degradation()(original, (scale * _SIDE, scale * _SIDE)).image
        row.append(("original", _panel(InterpolatedImage.like_pillow(truth, "nearest"), window)))
    return row


def _window(scale: int) -> Window:
    """Return the window of a small photograph that fills a panel at a scale."""
    half = _PANEL / scale / 2
    top, left = (min(max(place - half, 0), _SIDE - 2 * half) for place in _CENTRE)
    y0, x0, y1, x1 = (2 * place / _SIDE - 1 for place in (top, left, top + 2 * half, left + 2 * half))
    return y0, x0, y1, x1


@torch.inference_mode()
def _panel(function: ContinuousImage, window: Window) -> Image.Image:
    return tensor_to_picture(function.render((_PANEL, _PANEL), window))


def _write(rows: list[list[tuple[str, Image.Image]]], path: Path) -> None:
    step = _PANEL + _GAP
    canvas = Image.new("RGB", (max(map(len, rows)) * step - _GAP, len(rows) * (step + _CAPTION)), "white")
    draw = ImageDraw.Draw(canvas)
    for y, row in enumerate(rows):
        for x, (caption, panel) in enumerate(row):
            canvas.paste(panel, (x * step, y * (step + _CAPTION)))
            draw.text((x * step + 2, y * (step + _CAPTION) + _PANEL + 1), caption, fill="black")
    canvas.save(path, quality=90)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
