"""Measure autoencoders on the MNIST test digits: at the pixels from inputs of three sizes, and between the pixels.

Protocol: all 10,000 test digits, 28x28; input = antialiased bicubic (a = -0.5, Pillow's) rounded to 8 bits; prediction
clamped to [0, 1], not rounded; no border ignored; mean of the digits' PSNR in dB. PCA: principal axes of the 60,000
training digits, as many as the code has numbers, 28 -> 28. Between: drawn with 112 pixels a side, clamped, shrunk by
the same bicubic without rounding, and compared with the own drawing of 28. Background: the clamped drawing of 112 where
no value above 0 is within three pixels of the digit (of 28); RMS over all digits, mean of the digits' maxima, largest.

    python scripts/eval_autoencoder.py MODEL... [--root data] [--limit N]
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from amortized_sr.autoencoder import Autoencoder
from amortized_sr.baselines.principal_components import PrincipalComponents
from amortized_sr.data.mnist import read_digits
from amortized_sr.degradation import Degradation
from amortized_sr.metrics import lr_consistency, psnr
from amortized_sr.weights import load_weights

_SIDES = (28, 14, 7)
_FINE = 4  # times as many pixels a side between the pixels
_BATCH = 500


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="bundled name or .safetensors file")
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder that holds or gets MNIST/raw")
    parser.add_argument("--limit", type=int, help="number of test digits; all by default")
    arguments = parser.parse_args()
    models = {name: load_weights(name) for name in arguments.models}
    for name, trained in models.items():
        if not isinstance(trained.model, Autoencoder) or trained.model.channels != 1:
            parser.error(f"{name} is not an autoencoder of grey images")
    targets = read_digits(arguments.root, train=False, limit=arguments.limit)
    # As many as there are pixels, computed once: fewer are the first of them.
    components = PrincipalComponents.of(read_digits(arguments.root, train=True), 28 * 28)
    print(__doc__.split("\n\n")[1].replace("\n", " ") if __doc__ else "")
    print(f"\n{len(targets)} digits\n")
    titles = ["28 -> 28", "14 -> 28", "7 -> 28", "PCA", "between", "background RMS", "mean maximum", "largest"]
    print(f"| model | numbers | {' | '.join(titles)} | parameters | bytes |\n{'|---' * (len(titles) + 4)}|")
    training = []
    for name, trained in models.items():
        model = trained.model
        assert isinstance(model, Autoencoder)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        ratios = [*mean_ratios(model, targets), component_ratio(components, model.code_size, targets)]
        between, background = _between(model, targets)
        cells = [name, str(model.code_size), *(f"{ratio:.2f}" for ratio in (*ratios, between))]
        cells += [f"{value:.4f}" for value in background]
        print(f"| {' | '.join(cells)} | {parameters:,} | {trained.path.stat().st_size:,} |")
        facts = trained.facts
        training.append(f"{name}: {facts.get('steps')} steps in {facts.get('seconds')} s, seed {facts.get('seed')}")
    print("\ntrained: " + "; ".join(training))


def mean_ratios(model: Autoencoder, targets: Float[Tensor, "count 1 28 28"]) -> list[float]:
    """Return the mean PSNR from inputs of 28, 14 and 7 pixels a side."""
    means = []
    for side in _SIDES:
        images = Degradation()(targets, (side, side)).image
        drawn = torch.cat([model(part, (28, 28)) for part in images.split(_BATCH)])
        means.append(psnr(drawn, targets).mean().item())
    return means


def component_ratio(components: PrincipalComponents, count: int, targets: Float[Tensor, "count 1 28 28"]) -> float:
    """Return the mean PSNR of what the first `count` principal components leave of digits."""
    first = replace(components, directions=components.directions[:count])
    return psnr(first.reconstruct(targets).render((28, 28)), targets).mean().item()


def _between(model: Autoencoder, targets: Float[Tensor, "count 1 28 28"]) -> tuple[float, list[float]]:
    """Return the mean PSNR of fine drawings, shrunk, and the background's RMS, mean maximum and largest value."""
    ratios, squares, counts, largest = [], 0.0, 0.0, []
    for part in targets.split(_BATCH):
        function = model.decode(model.encode(part))
        fine = function.render((28 * _FINE, 28 * _FINE)).clamp_(0, 1)
        ratios.append(lr_consistency(fine, function.render((28, 28)).clamp_(0, 1)))
        # Two pixels on each side are nearer than three.
        near = functional.max_pool2d((part > 0).float(), 5, stride=1, padding=2)
        background = fine * (1 - functional.interpolate(near, scale_factor=_FINE))
        squares += background.double().square().sum().item()
        counts += (1 - near).sum().item() * _FINE**2
        largest.append(background.amax(dim=(1, 2, 3)))
    maxima = torch.cat(largest)
    return torch.cat(ratios).mean().item(), [(squares / counts) ** 0.5, maxima.mean().item(), maxima.max().item()]


if __name__ == "__main__":
    main()
