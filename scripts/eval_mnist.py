"""Measure weights on the MNIST test digits: 14 -> 28 and 7 -> 28, with Pillow's interpolation for comparison.

Protocol: all 10,000 test digits, 28x28; input = antialiased bicubic (a = -0.5, Pillow's) rounded to 8 bits;
prediction clamped to [0, 1], not rounded; no border ignored; mean of the digits' PSNR in dB.

    python scripts/eval_mnist.py --root data [--model mnist] [--limit N]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from amortized_sr import Upscaler
from amortized_sr.data.mnist import read_digits
from amortized_sr.degradation import Degradation
from amortized_sr.metrics import psnr

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "Lanczos": Image.Resampling.LANCZOS,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder that holds or gets MNIST/raw")
    parser.add_argument("--model", default="mnist", help="bundled name or .safetensors file")
    parser.add_argument("--limit", type=int, default=10_000, help="number of digits")
    arguments = parser.parse_args()
    targets = read_digits(arguments.root, train=False, limit=arguments.limit)
    upscaler = Upscaler.from_pretrained(arguments.model, precision="fp32")
    rows: dict[str, list[float]] = {}
    for side in (14, 7):
        images = Degradation()(targets, (side, side)).image
        for name, resample in _FILTERS.items():
            rows.setdefault(name, []).append(psnr(_pillow(images, resample), targets).mean().item())
        upscaled = torch.cat([upscaler.upscale(part, size=(28, 28)).cpu() for part in images.split(500)])
        rows.setdefault(f"amortized ({arguments.model})", []).append(psnr(upscaled, targets).mean().item())
    print(__doc__.split("\n\n")[1].replace("\n", " ") if __doc__ else "")
    print(f"\n{len(targets)} digits\n\n| method | 14 -> 28 | 7 -> 28 |\n|---|---|---|")
    for name, values in rows.items():
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |")
    facts = upscaler.trained.facts
    print(f"\ntrained {facts.get('steps')} steps in {facts.get('seconds')} s, seed {facts.get('seed')}")


def _pillow(images: torch.Tensor, resample: Image.Resampling) -> torch.Tensor:
    """Enlarge 8-bit images to 28x28 as Pillow does."""
    levels = (images[:, 0] * 255).round().to(torch.uint8).numpy()
    enlarged = [np.asarray(Image.fromarray(level).resize((28, 28), resample)) for level in levels]
    return torch.from_numpy(np.stack(enlarged))[:, None].float() / 255


if __name__ == "__main__":
    main()
