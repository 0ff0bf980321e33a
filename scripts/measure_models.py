"""Measure a model beside its PSNR: the input at scale 1, consistency, and the costs of rendering.

Photographs: PSNR in dB, means over a folder's images. `x1`: the photograph rendered at its own size, compared with
itself, at strength 0; for a model that reads noise also with the noise that it measures. `2s to s`: the image is the
photograph shrunk by 4 (antialiased bicubic, a = -0.5, rounded to 8 bits); the render at 2s, averaged over 2x2, is
compared with the render at s. `the photographs`: the same for the originals, shrunk to 2s and to s in that way: bicubic
shrinking is sharper than a mean, so even perfect pictures agree no better. `x4 shrunk`: the render at 4, shrunk again,
compared with the image. The gain over Lanczos (Y channel, a border of `scale` pixels ignored) is computed per
photograph and scale; its mean and the smallest are printed.
Step: the image is 0 in its left half and 1 in its right half, without a pixel between. Printed are how far its x4
rendering leaves [0, 1], and how far it is from 0 and 1 more than two pixels from the edge.
Tones: how far the mean of the x4 rendering of a grey pattern of single pixels is from the pattern's own, of 255.
Costs: within one process, float32, medians of fifteen runs after three unmeasured ones (fastest to slowest), one job
after the other; additional peak memory; multiply-adds of the convolutions and matrix products: per input pixel those of
encoder and head, per output pixel at x4 those of rendering.

    python scripts/measure_models.py --photos FOLDER [--model photo-tiny]
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from amortized_sr import Upscaler
from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.benchmark.machine import describe_machine, multiply_adds, peak_memory
from amortized_sr.benchmark.protocol import evaluation_pair
from amortized_sr.coords import Size
from amortized_sr.data.folder import image_files
from amortized_sr.image_io import read_picture
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import cross_scale_consistency, lr_consistency, luma, psnr
from amortized_sr.picture_tensor import picture_to_tensor

_SCALES = (2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
_JOBS = ((32, 1024), (256, 1024), (512, 2048))
_RUNS = 15


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with photographs that were not trained on")
    parser.add_argument("--model", default="photo-tiny", help="bundled name or .safetensors file")
    arguments = parser.parse_args()
    upscaler = Upscaler.from_pretrained(arguments.model, precision="fp32")
    photos = [picture_to_tensor(read_picture(path)) for path in image_files(arguments.photos)]
    parameters = sum(parameter.numel() for parameter in upscaler.model.parameters())
    facts = upscaler.trained.facts
    image = torch.rand(1, 3, 128, 128)
    function = _encode(upscaler, image)
    encoding = multiply_adds(lambda: _encode(upscaler, image)) / 128**2
    rendering = multiply_adds(lambda: function.render((512, 512))) / 512**2
    print(f"{arguments.model}: {parameters:,} parameters; multiply-adds: {encoding:,.0f} per input pixel, ", end="")
    print(f"{rendering:,.0f} per output pixel at x4, {encoding / 16 + rendering:,.0f} together")
    print(f"trained {facts.get('steps')} steps in {facts.get('seconds')} s, seed {facts.get('seed')}\n")
    same_size: list[float] = []
    across: dict[int, list[float]] = {1: [], 2: [], 4: []}
    truth: dict[int, list[float]] = {1: [], 2: []}
    again: list[float] = []
    for photo in photos:
        same_size.append(psnr(_encode(upscaler, photo).render(_size(photo)), photo).item())
        image = evaluation_pair(photo, 4.0).image
        function = _encode(upscaler, image)
        rows, columns = function.size
        for scale, values in across.items():
            coarse = function.render((scale * rows, scale * columns))
            fine = function.render((2 * scale * rows, 2 * scale * columns))
            values.append(cross_scale_consistency(fine, coarse).item())
        shrunk = {scale: evaluation_pair(photo, 4 / scale).image for scale in (1, 2, 4)}
        for scale, values in truth.items():
            values.append(cross_scale_consistency(shrunk[2 * scale], shrunk[scale]).item())
        again.append(lr_consistency(function.render((4 * rows, 4 * columns)), image).item())
    print(f"{len(photos)} photographs, mean (worst):\n")
    print("| | x1 | 2s to s, s = 1 | s = 2 | s = 4 | x4 shrunk |\n|---|---|---|---|---|---|")
    for name, cells in (
        ("model", [same_size, *across.values(), again]),
        ("the photographs", [[], *truth.values(), [], []]),
    ):
        shown = [f"{sum(values) / len(values):.1f} ({min(values):.1f})" if values else "" for values in cells]
        print(f"| {name} | " + " | ".join(shown) + " |")
    if "noise" in upscaler.model.conditions:
        guessed = sorted(psnr(upscaler.encode(photo).render(_size(photo)), photo).item() for photo in photos)
        mean, low = sum(guessed) / len(guessed), guessed[len(guessed) // 20]
        print(f"\nx1 with measured noise: {mean:.1f} ({guessed[0]:.1f}); 95 % of the photographs: at least {low:.1f}")
    print()
    print("| scale | " + " | ".join(f"x{scale:g}" for scale in _SCALES) + " |\n|---" + "|---" * len(_SCALES) + "|")
    gains = [[_gain(upscaler, photo, scale) for photo in photos] for scale in _SCALES]
    print("| mean gain over Lanczos, dB | " + " | ".join(f"{sum(values) / len(values):.2f}" for values in gains) + " |")
    print("| smallest gain | " + " | ".join(f"{min(values):.2f}" for values in gains) + " |\n")
    beyond, apart = _step(upscaler)
    print(f"a step from 0 to 1 at x4: {beyond:.2f} outside of [0, 1], {apart:.2f} off more than two pixels from it")
    tones = ", ".join(f"{name} {departure:+.1f}" for name, departure in _tones(upscaler).items())
    print(f"tones of patterns at x4, of 255: {tones}\n")
    print(f"{describe_machine()}\n\n| job | ms | encoding alone, ms | MiB |\n|---|---|---|---|")
    for side, result in _JOBS:
        image = torch.rand(1, 3, side, side)
        times = [_milliseconds(upscaler, image, result) for _ in range(_RUNS + 3)][3:]
        whole, encoding = (sorted(values) for values in zip(*times, strict=True))
        spread = f"{statistics.median(whole):.1f} ({whole[0]:.1f} to {whole[-1]:.1f})"
        with peak_memory() as peak:
            _encode(upscaler, image).render((result, result))
        memory = "" if peak.mebibytes is None else f"{peak.mebibytes:.0f}"
        name = f"{side}x{side} to {result}x{result}"
        print(f"| {name} | {spread} | {statistics.median(encoding):.1f} | {memory} |")


def _encode(upscaler: Upscaler, image: torch.Tensor) -> AmortizedImage:
    """Return an image without noise and compression as a function."""
    return upscaler.encode(image, noise="off", jpeg="off")


def _size(image: torch.Tensor) -> Size:
    return image.shape[-2], image.shape[-1]


def _gain(upscaler: Upscaler, photo: torch.Tensor, scale: float) -> float:
    pair = evaluation_pair(photo, scale)
    size = _size(pair.target)
    lanczos = InterpolatedImage.like_pillow(pair.image, "lanczos").render(size)
    ratios = [
        psnr(luma(rendered.clamp(0, 1)), luma(pair.target), round(scale)).item()
        for rendered in (_encode(upscaler, pair.image).render(size), lanczos)
    ]
    return ratios[0] - ratios[1]


def _step(upscaler: Upscaler) -> tuple[float, float]:
    step = torch.zeros(1, 3, 32, 32)
    step[..., 16:] = 1
    rendered = _encode(upscaler, step).render((128, 128))
    beyond = max(-rendered.min().item(), rendered.max().item() - 1)
    left, right = rendered[..., : 64 - 8], rendered[..., 64 + 8 :]
    return beyond, max(left.abs().max().item(), (right - 1).abs().max().item())


def _tones(upscaler: Upscaler) -> dict[str, float]:
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    patterns = {
        "checker": (rows + columns) % 2,
        "columns": columns % 2,
        "rows": rows % 2,
        "every fourth pixel": rows % 2 * (columns % 2),
        "every ninth": (rows % 3 == 0) & (columns % 3 == 0),
    }
    images = {name: pattern.float().expand(1, 1, -1, -1) for name, pattern in patterns.items()}
    return {
        name: 255 * (_encode(upscaler, image).render((256, 256)).clamp(0, 1).mean() - image.mean()).item()
        for name, image in images.items()
    }


def _milliseconds(upscaler: Upscaler, image: torch.Tensor, side: int) -> tuple[float, float]:
    """Return the times of the whole job and of the encoder alone."""
    start = time.perf_counter()
    function = _encode(upscaler, image)
    encoded = time.perf_counter()
    function.render((side, side))
    return 1000 * (time.perf_counter() - start), 1000 * (encoded - start)


if __name__ == "__main__":
    main()
