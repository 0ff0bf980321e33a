"""Measure how coordinate networks learn single images, at the pixels and between them; write docs/fits.md.

First part, at the pixels: every network in every coordinate system on `examples/`, supervised at pixel centres
(`--region 1`), PSNR in dB on the image's own pixels after a number of full-batch steps.
Second part, between the pixels: each image is shrunk by 2 (antialiased bicubic, a = -0.5, rounded to 8 bits), fitted or
enlarged, and measured on the full image; all channels, a border of 8 pixels ignored, prediction clamped, not rounded.

    python scripts/measure_fits.py [--folder docs]
"""

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from matplotlib import pyplot  # noqa: TID253 (this script only plots)

from amortized_sr.baselines.fitting import FitSettings, Progress, fit
from amortized_sr.benchmark.evaluation import evaluate
from amortized_sr.benchmark.machine import describe_machine
from amortized_sr.benchmark.methods import MethodSettings, method
from amortized_sr.benchmark.protocol import evaluation_pair
from amortized_sr.choices import NetworkName, Normalization
from amortized_sr.degradation import Degradation
from amortized_sr.image_io import read_picture
from amortized_sr.picture_tensor import picture_to_tensor

_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
_SMALL = ("kitten", "owl", "hydra", "noise")
_STEPS = {"notebook": 3000}
_COMMON_STEPS = 300
_SHOWN = (50, 100, 300, 1000, 3000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where fits.md and fits.png go")
    folder = parser.parse_args().folder
    small = torch.cat([_example(name, 32) for name in _SMALL])
    parts = ((_SMALL, small), (("kitten",), _example("kitten", 64)))
    machine = describe_machine()
    figure, plots = pyplot.subplots(2, len(parts), figsize=(12, 9), squeeze=False)
    text = [
        "# Fitting single images",
        "Written by `scripts/measure_fits.py`. Its runs are long and shared the machine with other work, so times are "
        "upper bounds; PSNR does not depend on it. `scripts/bench_fit.py` measures undisturbed times, see "
        "[numbers.md](numbers.md).",
        f"Times on {machine}.",
        "## At the pixels",
        "Supervised at pixel centres (`--region 1`), full-batch Adam whose learning rate falls to zero along a cosine, "
        "PSNR in dB on the image's own pixels. The text of 2017 that this project started from ended at 22.6 dB after "
        "50,000 steps. Coordinates: `own` is (y, x) in [-1, 1]; the others are those of that text.",
        "![PSNR against steps and seconds](fits.png)",
    ]
    for column, (names, images) in enumerate(parts):
        text += [f"### {images.shape[-1]}x{images.shape[-2]}", _curves(names, images, plots[:, column])]
    figure.tight_layout()
    figure.savefig(folder / "fits.png", dpi=80)
    text += [
        "## Between the pixels",
        "Each image is shrunk by 2, then fitted or enlarged, and measured on the full image: all channels, a border of "
        "8 pixels ignored, PSNR in dB. `region 2` supervises the mean of 2x2 points of each pixel; "
        "[regions.md](regions.md) measures what else that changes. "
        "Steps: 3,000 for `notebook`, 300 for the others.",
        _between(),
    ]
    (folder / "fits.md").write_text("\n\n".join(text) + "\n")


def _example(name: str, side: int) -> torch.Tensor:
    files = (_EXAMPLES / f"{name}_{kept}.png" for kept in (side, 512, 64))
    path = next(file for file in files if file.exists())
    image = picture_to_tensor(read_picture(path, background=(255, 255, 255)))
    return Degradation()(image, (side, side)).image.expand(-1, 3, -1, -1)


def _curves(names: tuple[str, ...], images: torch.Tensor, plots: np.ndarray) -> str:
    first, *others = names
    header = (
        [f"{first}, {steps} steps" for steps in _SHOWN] + [f"{other}, last" for other in others] + ["ms/step/image"]
    )
    lines = [f"| network | coordinates | {' | '.join(header)} |", "|---" * (len(header) + 2) + "|"]
    for network in get_args(NetworkName):
        for coords in (None, *get_args(Normalization)):
            steps = _STEPS.get(network, _COMMON_STEPS)
            history: list[Progress] = []
            fit(images, FitSettings(network, coords, steps, region=1), history.append)
            ratios = torch.stack([progress.psnr for progress in history]).numpy()
            seconds = np.array([progress.seconds for progress in history]) / len(images)
            cells = [f"{ratios[shown, 0]:.1f}" if shown <= steps else "" for shown in _SHOWN]
            cells += [f"{ratio:.1f}" for ratio in ratios[-1, 1:]] + [f"{1000 * seconds[-1] / steps:.2f}"]
            lines.append(f"| `{network}` | {coords or 'own'} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
            if coords is None:
                plots[0].plot(np.arange(steps + 1), ratios[:, 0], label=network)
                plots[1].plot(seconds, ratios[:, 0], label=network)
    title = f"{first} at {images.shape[-1]}x{images.shape[-2]}"
    for plot, label in zip(plots, ("steps", "seconds per image"), strict=True):
        plot.set(xscale="log", xlabel=label, ylabel="PSNR in dB", title=title)
        plot.axhline(22.6, color="gray", linestyle=":", label="2017")
        plot.legend()
        plot.grid(alpha=0.3)
    return "\n".join(lines)


def _between() -> str:
    names = ("kitten", "owl", "hydra")
    lines = ["| method | " + " | ".join(f"{name} 32 -> 64" for name in names[:2]) + " | hydra 16 -> 32 |"]
    lines.append("|---" * 4 + "|")
    targets = [_example(name, 64 if name != "hydra" else 32) for name in names]
    methods = [(name, MethodSettings()) for name in ("nearest", "bilinear", "bicubic", "lanczos", "amortized")]
    methods += [("amortized+refine", MethodSettings())]
    for region in (1, 2):
        methods += [
            (f"fit:{network}", MethodSettings(fit=FitSettings(steps=_STEPS.get(network, _COMMON_STEPS), region=region)))
            for network in get_args(NetworkName)
        ]
    for name, settings in methods:
        chosen, cells = method(name, settings), []
        for target in targets:
            pair = evaluation_pair(target, 2.0)
            size = target.shape[-2], target.shape[-1]
            result = evaluate(chosen, pair.image, pair.target, size, "rgb")
            cells.append(f"{result.predictions[0].quality.psnr:.2f}")
        label = f"`{name}`, region {settings.fit.region}" if name.startswith("fit") else f"`{name}`"
        lines.append(f"| {label} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
