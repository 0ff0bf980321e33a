"""Measure the estimate of an image's noise: what it says of clean photographs, and of the same with known noise.

Protocol: photographs of a folder in the order of their names, as RGB. Each is shrunk with the antialiased bicubic
filter by the largest whole factor that leaves its shorter side at least as long as the row's, and cropped to a square
in the middle. Those that would not be shrunk to half at least are left out: their own camera's noise would count.
White Gaussian noise, `default_rng((sigma, number))`, is added before rounding and clamping to 8 bits. Cells hold the
5th, 50th, 95th and 99th percentile of the estimates, of 255, without the dead zone; the last column holds the share of
clean photographs that the dead zone lets through, in percent.

    python scripts/measure_noise_estimate.py FOLDER [--limit N]
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from amortized_sr.image_io import read_picture
from amortized_sr.noise_estimate import estimate_noise, significant_noise

_SIDES = 64, 128, 256
_SIGMAS = 0, 5, 15, 25, 50
_PERCENTILES = 5, 50, 95, 99


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the estimate of an image's noise.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    photographs = [read_picture(path, (255, 255, 255)).convert("RGB") for path in paths[: arguments.limit]]
    print(f"| size | photographs | {' | '.join(f'sigma {sigma}' for sigma in _SIGMAS)} | not dead, % |")
    print("|---" * (len(_SIGMAS) + 3) + "|")
    for side in _SIDES:
        images = [image for photograph in photographs if (image := _shrunk(photograph, side)) is not None]
        estimates = np.array(
            [[_estimate(image, sigma, number) for sigma in _SIGMAS] for number, image in enumerate(images)]
        )
        cells = [
            " / ".join(f"{value:.1f}" for value in np.percentile(column, _PERCENTILES)) for column in 255 * estimates.T
        ]
        passed = 100 * np.mean([significant_noise(clean, side**2) > 0 for clean in estimates[:, 0]])
        print(f"| {side}x{side} | {len(images)} | {' | '.join(cells)} | {passed:.1f} |")


def _shrunk(photograph: Image.Image, side: int) -> Image.Image | None:
    factor = min(photograph.size) // side
    if factor < 2:
        return None
    width, height = (length // factor for length in photograph.size)
    small = photograph.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    return small.crop((left, top, left + side, top + side))


def _estimate(image: Image.Image, sigma: int, number: int) -> float:
    pixels = np.asarray(image, np.float32)
    noisy = pixels + np.random.default_rng((sigma, number)).normal(0, sigma, pixels.shape)
    return estimate_noise(noisy.round().clip(0, 255), lambda rows: rows.astype(np.float32) / 255)


if __name__ == "__main__":
    main()
