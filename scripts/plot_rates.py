"""Plot the quality of digits against the numbers that stand for one: autoencoders, principal components, thumbnails.

Protocol: that of scripts/eval_autoencoder.py: all 10,000 test digits, 28x28; prediction clamped to [0, 1], not rounded;
mean of the digits' PSNR in dB. Autoencoders: from inputs of 28, 14 and 7 pixels a side. PCA: principal axes of the
60,000 training digits, 28 -> 28. Thumbnails: k x k pixels, shrunk by antialiased bicubic (a = -0.5, Pillow's), rounded
to 8 bits, and enlarged by bicubic.

    python scripts/plot_rates.py MODEL... [--root data] [--limit N] [-o docs/autoencoder_rates.png]
"""

import argparse
from pathlib import Path

import torch
from eval_autoencoder import component_ratio, mean_ratios
from jaxtyping import Float
from torch import Tensor

from amortized_sr.autoencoder import Autoencoder
from amortized_sr.baselines.principal_components import PrincipalComponents
from amortized_sr.data.mnist import read_digits
from amortized_sr.degradation import Degradation
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import psnr
from amortized_sr.weights import load_weights

_COMPONENTS = (8, 16, 32, 64, 128, 256)
_SIDES = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16)

# Numbers per image, PSNR.
Curve = list[tuple[int, float]]


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="bundled name or .safetensors file")
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder that holds or gets MNIST/raw")
    parser.add_argument("--limit", type=int, help="number of test digits; all by default")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/autoencoder_rates.png"))
    arguments = parser.parse_args()
    models: list[Autoencoder] = []
    for name in arguments.models:
        model = load_weights(name).model
        if not isinstance(model, Autoencoder) or model.channels != 1:
            parser.error(f"{name} is not an autoencoder of grey images")
        models.append(model)
    targets = read_digits(arguments.root, train=False, limit=arguments.limit)
    components = PrincipalComponents.of(read_digits(arguments.root, train=True), max(_COMPONENTS))
    models.sort(key=lambda model: model.code_size)
    ratios = [(model.code_size, mean_ratios(model, targets)) for model in models]
    curves: dict[str, Curve] = {
        f"autoencoder, {side} -> 28": [(numbers, each[place]) for numbers, each in ratios]
        for place, side in enumerate((28, 14, 7))
    }
    curves["PCA"] = [(count, component_ratio(components, count, targets)) for count in _COMPONENTS]
    curves["k x k pixels, bicubic"] = [(side**2, _thumbnail_ratio(side, targets)) for side in _SIDES]
    print(__doc__.split("\n\n")[1].replace("\n", " ") if __doc__ else "")
    print(f"\n{len(targets)} digits\n\n| method | numbers per image: PSNR in dB |\n|---|---|")
    for name, curve in curves.items():
        print(f"| {name} | {', '.join(f'{numbers}: {ratio:.2f}' for numbers, ratio in curve)} |")
    _plot(curves, arguments.output)
    print(f"\nwrote {arguments.output}, {arguments.output.stat().st_size:,} bytes")


def _thumbnail_ratio(side: int, targets: Float[Tensor, "count 1 28 28"]) -> float:
    small = Degradation()(targets, (side, side)).image
    return psnr(InterpolatedImage.like_pillow(small, "bicubic").render((28, 28)), targets).mean().item()


def _plot(curves: dict[str, Curve], path: Path) -> None:
    # Not at the top: wrong arguments are refused without it, which the tests need no matplotlib for.
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4.2), layout="constrained")
    for (name, curve), style in zip(curves.items(), ("C0o-", "C2s-", "C4^-", "C1.--", "C7.:"), strict=True):
        axes.plot(*zip(*curve, strict=True), style, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(_COMPONENTS, [str(count) for count in _COMPONENTS])
    axes.set_xlabel("numbers per image")
    axes.set_ylabel("mean PSNR in dB")
    axes.grid(alpha=0.3)
    # The curves fill the plot.
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
