"""Draw the pictures of the text that this project started from, fitted and amortised; write docs/gallery.md.

python scripts/make_gallery.py [--folder docs] [--quick]
"""

import argparse
import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw

from amortized_sr import Upscaler
from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import pixel_centers
from amortized_sr.degradation import Degradation
from amortized_sr.image_io import read_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import psnr
from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
_SIDE = 1024


@dataclass(frozen=True)
class Subject:
    """One row of the table.

    Attributes:
        name: Start of the file names.
        caption: Text below the sample.
        sample: File of the sample.
        side: The sample is shrunk to this side first.
        original: Large original, if there is one.
        model: Weights.
    """

    name: str
    caption: str
    sample: str
    side: int
    original: str | None
    model: str


_SUBJECTS = (
    Subject("digit", "a digit, 28x28", "digit_28.png", 28, None, "mnist"),
    Subject("sprite", "a sprite, 32x32", "owl_512.png", 32, "owl_512.png", "photo-tiny"),
    Subject("photograph", "a photograph, 32x32", "kitten_64.png", 32, "kitten_1024.jpg", "photo-tiny"),
    Subject("noise", "uniform noise, 32x32", "noise_32.png", 32, None, "photo-tiny"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where gallery.md and gallery/ go")
    parser.add_argument("--quick", action="store_true", help="three steps per fit: to try the script")
    arguments = parser.parse_args()
    pictures = arguments.folder / "gallery"
    pictures.mkdir(parents=True, exist_ok=True)
    settings = FitSettings(steps=3 if arguments.quick else None)
    header = ("training sample", "per image: `fit` (siren)", "amortised: `upscale`", "original")
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    lines += [_row(subject, settings, pictures) for subject in _SUBJECTS]
    _small_grid(dataclasses.replace(settings, region=1)).save(pictures / "grid.png")
    text = f"""# Gallery

Written by `scripts/make_gallery.py`: the results table of the text of 2017 that this project started from,
computed again. Each sample is fitted by a coordinate network of its own (`fit`), and enlarged by a model that has not
seen it (`upscale`). Both are rendered at {_SIDE}x{_SIDE}. Numbers: PSNR in dB on the sample's pixels, and
compared with the original where there is one (the larger of the two is shrunk to the smaller, all pixels); seconds on
the machine that wrote this page.

{chr(10).join(lines)}

Neither method knows the detail that was lost. The fitted network passes through every pixel and interpolates between
them by its own smoothness. The amortised one has seen other pictures, and renders edges where the pixels form stairs.
Noise has no structure to learn: a good method should not find any in it.

## What a pixel is

An image of 2x2 pixels, rendered at 4x4 by four methods. Dots are pixel centres. No centre of the larger grid coincides
with one of the smaller grid, and the outermost coordinate moves from -0.5 to -0.75.

![2x2 pixels, and renderings at 4x4 by nearest, bilinear, fit and the amortised model](gallery/grid.png)
"""
    (arguments.folder / "gallery.md").write_text(text)
    total = sum(path.stat().st_size for path in pictures.iterdir())
    print(f"wrote {arguments.folder / 'gallery.md'}, pictures: {total / 1e6:.2f} MB")


@torch.inference_mode()
def _row(subject: Subject, settings: FitSettings, folder: Path) -> str:
    image = _read(subject.sample)
    image = Degradation()(image, (subject.side, subject.side)).image
    start = time.perf_counter()
    fitted = fit(image, settings)
    fitting = time.perf_counter() - start
    upscaler = Upscaler.from_pretrained(subject.model)
    start = time.perf_counter()
    amortized = upscaler.encode(image)
    encoding = time.perf_counter() - start
    original = None if subject.original is None else _read(subject.original)
    sample = tensor_to_picture(image).resize((256, 256), Image.Resampling.NEAREST)
    sample.save(folder / f"{subject.name}_sample.png")
    cells = [f"![sample](gallery/{subject.name}_sample.png)<br>{subject.caption}"]
    for method, function, seconds in (("fit", fitted, fitting), ("amortized", amortized, encoding)):
        cells.append(_cell(subject.name, method, function, image, original, seconds, folder))
    if original is None:
        cells.append("")
    else:
        tensor_to_picture(original).save(folder / f"{subject.name}_original.webp", quality=85)
        cells.append(f'<img src="gallery/{subject.name}_original.webp" width="256" alt="original">')
    print(subject.name, cells[1:3], flush=True)
    return f"| {' | '.join(cells)} |"


def _cell(
    name: str,
    method: str,
    function: ContinuousImage,
    image: torch.Tensor,
    original: torch.Tensor | None,
    seconds: float,
    folder: Path,
) -> str:
    rendered = function.render((_SIDE, _SIDE)).clamp(0, 1)
    tensor_to_picture(rendered).save(folder / f"{name}_{method}.webp", quality=85)
    facts = [f"{psnr(function.render(function.size), image).item():.1f} dB on the sample"]
    if original is not None:
        side = min(_SIDE, original.shape[-1])
        shrunk = [Degradation()(image, (side, side)).image for image in (rendered, original)]
        facts.append(f"{psnr(shrunk[0], shrunk[1]).item():.2f} dB to the original")
    facts.append(f"{seconds:.3f} s")
    return f'<img src="gallery/{name}_{method}.webp" width="256" alt="{method}"><br>{", ".join(facts)}'


def _read(file: str) -> torch.Tensor:
    return picture_to_tensor(read_picture(_EXAMPLES / file, background=(255, 255, 255)))


@torch.inference_mode()
def _small_grid(settings: FitSettings) -> Image.Image:
    """Return a picture of the smallest example: pixel centres of both grids, and renderings by four methods."""
    image = torch.tensor([[[0.9, 0.1], [0.2, 0.95]], [[0.3, 0.5], [0.6, 0.85]], [[0.2, 0.8], [0.3, 0.3]]])[None]
    amortized = Upscaler.from_pretrained().encode(image)
    renderings = [
        ("2x2", image),
        ("nearest", InterpolatedImage.like_pillow(image, "nearest").render((4, 4))),
        ("bilinear", InterpolatedImage.like_pillow(image, "bilinear").render((4, 4))),
        ("fit", fit(image, settings).render((4, 4))),
        ("amortised", amortized.render((4, 4))),
    ]
    side, gap, caption = 176, 24, 40
    canvas = Image.new("RGB", (len(renderings) * (side + gap) + gap, side + 2 * caption), "white")
    pen = ImageDraw.Draw(canvas)
    for column, (name, values) in enumerate(renderings):
        left, top = gap + column * (side + gap), caption
        picture = tensor_to_picture(values.clamp(0, 1)).resize((side, side), Image.Resampling.NEAREST)
        canvas.paste(picture, (left, top))
        pen.text((left, top - 28), name, fill="black", font_size=18)
        centres = pixel_centers(values.shape[-1]).tolist()
        for x in centres:
            across = left + (x + 1) / 2 * side
            pen.text((across - 16, top + side + 6), f"{x:g}", fill="black", font_size=12)
            for y in centres:
                down = top + (y + 1) / 2 * side
                pen.ellipse((across - 3, down - 3, across + 3, down + 3), fill="white", outline="black")
    return canvas


if __name__ == "__main__":
    main()
