"""Draw the pictures of docs/autoencoder.md from two autoencoders of digits; everything shown is of the test split.

autoencoder_sizes.webp: one digit encoded at 28, 14 and 7 pixels, drawn at 512 from its code and by bicubic.
autoencoder_morphs.webp: 9 frames between digits of one class and of two, with both models along the path `line`.
autoencoder_axes.webp: a digit whose code moves along principal axes of the codes, up to 3 standard deviations from it.
autoencoder_map.webp: digits in the colours of their classes, where t-SNE of their codes places them.
autoencoder_samples.webp: samples of the second model at temperature 0.8 beside test digits.
autoencoder_faults.webp: digits whose holes fill when 7x7 pixels are encoded; a cross-fade; letters.

    python scripts/make_autoencoder_pictures.py [MODEL [SAMPLER]] [--root data] [-o docs]
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, ImageDraw
from scipy.ndimage import binary_fill_holes
from sklearn.manifold import TSNE
from torch import Tensor

from amortized_sr import Coder
from amortized_sr.data.mnist import read_digits, read_labels
from amortized_sr.degradation import Degradation
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.picture_tensor import tensor_to_picture
from amortized_sr.sheet import sheet
from amortized_sr.weights_header import DEFAULT_AUTOENCODER, DEFAULT_SAMPLER

# A page shows a picture with about so many pixels; captions are to be read there.
_SHOWN, _FONT = 380, 12
_FRAMES = 9
_PLACED = 3000
# One per class, as far apart as hues allow.
_COLOURS = (
    *("#e6194b", "#f58231", "#bfa500", "#3cb44b", "#008080"),
    *("#2aa5d8", "#4363d8", "#911eb4", "#f032e6", "#8a5a2b"),
)

Row = tuple[str, Image.Image]


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=DEFAULT_AUTOENCODER, help="bundled name or .safetensors file")
    parser.add_argument("sampler", nargs="?", default=DEFAULT_SAMPLER, help="the same, for morphs and samples")
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder that holds or gets MNIST/raw")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs"))
    arguments = parser.parse_args()
    coder, sampler = (Coder.from_pretrained(name, device="cpu") for name in (arguments.model, arguments.sampler))
    digits, labels = read_digits(arguments.root, train=False), read_labels(arguments.root, train=False)
    codes = torch.cat([coder.encode(part) for part in digits.split(500)])
    for name, picture in (
        ("sizes", _captioned(_sizes(coder, digits, labels))),
        ("morphs", _captioned(_morphs((sampler, coder), digits, labels))),
        ("axes", _captioned(_axes(coder, codes, labels))),
        ("map", _map(codes[:_PLACED], digits, labels)),
        ("samples", _beside(_samples(sampler, digits))),
        ("faults", _captioned(_faults(coder, digits, codes, labels))),
    ):
        path = arguments.output / f"autoencoder_{name}.webp"
        picture.save(path, quality=80, method=6)
        print(f"wrote {path}, {path.stat().st_size:,} bytes")


def _sizes(coder: Coder, digits: Float[Tensor, "digit 1 28 28"], labels: Int[Tensor, " digit"]) -> list[Row]:
    digit = digits[_of_class(labels, 5)[1:2]]
    inputs = [Degradation()(digit, (side, side)).image for side in (28, 14, 7)]
    drawn = {
        "the input: 28x28, 14x14, 7x7 pixels": [InterpolatedImage.like_pillow(image, "nearest") for image in inputs],
        "drawn at 512: bicubic": [InterpolatedImage.like_pillow(image, "bicubic") for image in inputs],
        "drawn at 512: from the code": [coder.decode(coder.encode(image)) for image in inputs],
    }
    return [
        (caption, _row([tensor_to_picture(function.render((512, 512))) for function in functions]))
        for caption, functions in drawn.items()
    ]


def _morphs(
    coders: Sequence[Coder], digits: Float[Tensor, "digit 1 28 28"], labels: Int[Tensor, " digit"]
) -> list[Row]:
    """Return morphs between the second digit of a class and the third of the same or another class."""
    rows = []
    for first, last in ((3, 3), (2, 2), (4, 9), (3, 8), (7, 1)):
        ends = torch.stack((digits[_of_class(labels, first)[1]], digits[_of_class(labels, last)[2]]))
        for coder in coders:
            start, stop = coder.encode(ends)
            morph = coder.morph(start, stop, _FRAMES)
            rows.append((f"{first} to {last}, {coder.model.code_size} numbers", _drawn(coder, morph)))
    return rows


def _axes(coder: Coder, codes: Float[Tensor, "digit code"], labels: Int[Tensor, " digit"]) -> list[Row]:
    """Return a digit whose code moves along each of the axes with the largest variances."""
    variances, axes = torch.linalg.eigh((codes - codes.mean(dim=0)).T.cov())
    # A sign that does not depend on the library of linear algebra.
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
    start = codes[_of_class(labels, 3)[1]]
    deviations = torch.linspace(-3, 3, _FRAMES)[:, None]
    return [
        (f"axis {number}", _drawn(coder, start + deviations * variances[-number].sqrt() * axes[:, -number]))
        for number in range(1, 7)
    ]


def _map(
    codes: Float[Tensor, "code number"], digits: Float[Tensor, "digit 1 28 28"], labels: Int[Tensor, " digit"]
) -> Image.Image:
    """Return the digits of codes on a square, those left out that would cover an earlier one."""
    places = TSNE(init="pca", random_state=0).fit_transform(codes.double().numpy())
    side, cell = 2 * _SHOWN, 16
    low, high = places.min(axis=0), places.max(axis=0)
    corners = ((places - low) / (high - low) * (side - cell)).astype(int)
    canvas = Image.new("RGB", (side, side), "white")
    covered = np.zeros((side, side), dtype=bool)
    for (left, top), digit, label in zip(corners, digits, labels, strict=False):
        # The ink of neighbours may come near, not cross.
        place = (slice(top + 3, top + cell - 3), slice(left + 3, left + cell - 3))
        if covered[place].any():
            continue
        covered[place] = True
        ink = tensor_to_picture(digit[None]).resize((cell, cell), Image.Resampling.LANCZOS)
        canvas.paste(_COLOURS[label], (left, top), ink)
    return canvas


def _samples(coder: Coder, digits: Float[Tensor, "digit 1 28 28"]) -> list[Row]:
    pictures = [picture.render((56, 56)) for picture in coder.pictures(coder.sample(36, seed=0, temperature=0.8))]
    real = [
        tensor_to_picture(InterpolatedImage.like_pillow(digit[None], "bicubic").render((56, 56)))
        for digit in digits[:36]
    ]
    return [
        (caption, sheet(several, 36, 6, (56, 56), "L"))
        for caption, several in (("samples", pictures), ("test digits", real))
    ]


def _faults(
    coder: Coder,
    digits: Float[Tensor, "digit 1 28 28"],
    codes: Float[Tensor, "digit code"],
    labels: Int[Tensor, " digit"],
) -> list[Row]:
    targets = digits[:_PLACED]
    small = Degradation()(targets, (7, 7)).image
    ink = (targets[:, 0] > 0.3).numpy()
    holes = torch.from_numpy(np.stack([np.asarray(binary_fill_holes(one)) for one in ink]) & ~ink)
    of_small = coder.encode(small)
    # How much brighter the holes are than if all pixels had been encoded.
    brighter = [coder.decode(some).render((28, 28)).clamp(0, 1)[:, 0] for some in (of_small, codes[:_PLACED])]
    filled = (holes * (brighter[0] - brighter[1])).sum(dim=(1, 2))
    worst = filled.argsort(descending=True, stable=True)[:_FRAMES]
    fade = coder.morph(codes[_of_class(labels, 1)[0]], codes[_of_class(labels, 0)[0]], _FRAMES)
    letters = torch.cat([_letter(letter) for letter in "AEKMRXW&?"])
    return [
        ("test digits", _pictures(targets[worst])),
        ("their 7x7 pixels", _pictures(small[worst])),
        ("encoded from 7x7 pixels: the holes are filled", _drawn(coder, of_small[worst])),
        ("encoded from 28x28 pixels", _drawn(coder, codes[worst])),
        ("1 to 0, line: one fades out, the other in", _drawn(coder, fade)),
        ("letters, which are no digits", _pictures(letters)),
        ("encoded and drawn", _drawn(coder, coder.encode(letters))),
    ]


def _letter(letter: str) -> Float[Tensor, "1 1 28 28"]:
    """Return a letter of about a digit's size and width."""
    canvas = Image.new("L", (112, 112))
    ImageDraw.Draw(canvas).text((56, 56), letter, fill=255, font_size=88, stroke_width=2, anchor="mm")
    values = np.asarray(canvas.resize((28, 28), Image.Resampling.BOX), dtype=np.float32) / 255
    return torch.from_numpy(values)[None, None]


def _of_class(labels: Int[Tensor, " digit"], label: int) -> Int[Tensor, " chosen"]:
    """Return the numbers of the digits of a class."""
    return (labels == label).nonzero()[:, 0]


def _drawn(coder: Coder, codes: Float[Tensor, "code number"]) -> Image.Image:
    return _row([picture.render((84, 84)) for picture in coder.pictures(codes)])


def _pictures(images: Float[Tensor, "image 1 height width"]) -> Image.Image:
    """Return images with their pixels as squares."""
    return _row([tensor_to_picture(image[None]).resize((84, 84), Image.Resampling.NEAREST) for image in images])


def _row(pictures: list[Image.Image]) -> Image.Image:
    return sheet(pictures, len(pictures), len(pictures), (pictures[0].height, pictures[0].width), "L")


def _captioned(rows: Sequence[Row], shown: int = _SHOWN) -> Image.Image:
    """Return rows below each other, each under its caption, to be shown about `shown` pixels wide."""
    size = _FONT * rows[0][1].width // shown
    canvas = Image.new("L", (rows[0][1].width, sum(row.height + 3 * size // 2 for _, row in rows)), "white")
    top = 0
    for caption, row in rows:
        ImageDraw.Draw(canvas).text((2, top + size * 3 // 4), caption, fill="black", font_size=size, anchor="lm")
        canvas.paste(row, (0, top + 3 * size // 2))
        top += row.height + 3 * size // 2
    return canvas


def _beside(panels: list[Row]) -> Image.Image:
    """Return pictures of one size beside each other, each under its caption."""
    columns = [_captioned([panel], _SHOWN // len(panels)) for panel in panels]
    gap = 20
    canvas = Image.new("L", (sum(column.width + gap for column in columns) - gap, columns[0].height), "white")
    for number, column in enumerate(columns):
        canvas.paste(column, (number * (column.width + gap), 0))
    return canvas


if __name__ == "__main__":
    main()
