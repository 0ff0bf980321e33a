"""Time per-image fits: 64 images at once against one at a time, and how fast a photograph is learned.

Images: the kitten of `examples/`, shrunk by antialiased bicubic; 64 different parts of it for the batch. Full-batch
Adam; a step of a batch is a step of each of its images. Single fits and batches alternate; medians of seven.

    python scripts/bench_fit.py
"""

import time
from pathlib import Path
from typing import get_args

import torch

from amortized_sr.baselines.fitting import FitSettings, Progress, fit
from amortized_sr.benchmark.machine import describe_machine
from amortized_sr.choices import NetworkName
from amortized_sr.degradation import Degradation
from amortized_sr.image_io import read_picture
from amortized_sr.picture_tensor import picture_to_tensor

_KITTEN = Path(__file__).resolve().parent.parent / "examples" / "kitten_1024.jpg"
_IMAGES, _SIDE, _SINGLES, _STEPS, _REPEATS = 64, 14, 8, 20, 7


def main() -> None:
    print(describe_machine())
    kitten = picture_to_tensor(read_picture(_KITTEN))
    parts = Degradation()(kitten, (8 * _SIDE, 8 * _SIDE)).image.mean(dim=1, keepdim=True)
    parts = parts.unfold(2, _SIDE, _SIDE).unfold(3, _SIDE, _SIDE).reshape(_IMAGES, 1, _SIDE, _SIDE)
    print(f"\n{_IMAGES} grey images of {_SIDE}x{_SIDE}, ms per image and step:\n")
    print("| network | region | one at a time | all at once | throughput |\n|---|---|---|---|---|")
    for network in get_args(NetworkName):
        for region in (1, 2):
            single, batched = _times(parts, FitSettings(network, steps=_STEPS, region=region))
            print(f"| `{network}` | {region} | {single:.3f} | {batched:.3f} | {single / batched:.2f}x |", flush=True)
    print("\nOne photograph, supervised at pixel centres:\n\n| network | side | steps | seconds | PSNR in dB |")
    print("|---|---|---|---|---|")
    for network in ("siren", "finer"):
        for side, steps in ((32, 100), (32, 300), (64, 100)):
            history: list[Progress] = []
            fit(Degradation()(kitten, (side, side)).image, FitSettings(network, steps=steps, region=1), history.append)
            last = history[-1]
            print(f"| `{network}` | {side} | {steps} | {last.seconds:.2f} | {last.psnr.item():.1f} |", flush=True)


def _times(images: torch.Tensor, settings: FitSettings) -> tuple[float, float]:
    """Return milliseconds per image and step, alone and together."""
    fit(images[:1], settings)  # the first one pays for one-time setup
    single: list[float] = []
    batched: list[float] = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        for index in range(_SINGLES):
            fit(images[index : index + 1], settings)
        single.append((time.perf_counter() - start) / _SINGLES)
        start = time.perf_counter()
        fit(images, settings)
        batched.append((time.perf_counter() - start) / len(images))
    middle = _REPEATS // 2
    return 1000 * sorted(single)[middle] / _STEPS, 1000 * sorted(batched)[middle] / _STEPS


if __name__ == "__main__":
    main()
