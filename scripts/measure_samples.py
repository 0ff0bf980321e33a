"""Measure what lies between an autoencoder's codes: samples of its mixture, and midpoints of pairs of digits.

Protocol: a classifier of 28x28 pixels is trained on the 60,000 training digits (seed 0). Each cell holds the Frechet
distance, in its 64 features, to all test digits (smaller is better), then the share of pictures that it recognises with
a probability above 0.9. All pictures have 28x28 pixels and are clamped. Samples: 10,000, seed 0, temperature 0.8.
Reconstructions: of all test digits, which are the same digits as those compared with; and of the first 10,000 training
digits, which are not, so that they are what samples can reach. One Gaussian: fitted to the codes of all training
digits, as the mixture is. Midpoints: halfway on a path between the codes of 10,000 random pairs of test digits; of the
first 200 of them on the path `prior`, which takes half a second each; so few would enlarge the distance, and have none.

    python scripts/measure_samples.py MODEL... [--root data] [--limit N] [--steps 1400]
"""

import argparse
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.image.fid import FrechetInceptionDistance

from amortized_sr.autoencoder import Autoencoder
from amortized_sr.choices import CodePathName
from amortized_sr.code_path import code_path
from amortized_sr.data.mnist import read_digits, read_labels
from amortized_sr.mixture import GaussianMixture
from amortized_sr.weights import load_weights

_FEATURES = 64
_TEMPERATURE = 0.8
_CERTAIN = 0.9
_BATCH = 500

_PATHS: tuple[CodePathName, ...] = get_args(CodePathName)
# Pairs on the path `prior`.
_FEW = 200


class Classifier(nn.Module):
    """A digit's logits; without the last layer, its features."""

    # Read by torchmetrics.
    num_features = _FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(32 * 49, _FEATURES), nn.ReLU()),
        )
        self.logits = nn.Linear(_FEATURES, 10)

    def forward(self, images: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch feature"]:
        """Return the features, as torchmetrics asks for them."""
        return self.features(images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="bundled name or .safetensors file")
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder that holds or gets MNIST/raw")
    parser.add_argument("--limit", type=int, default=10_000, help="number of test digits, samples and pairs")
    parser.add_argument("--steps", type=int, default=1400, help="steps of the classifier, 128 digits each")
    arguments = parser.parse_args()
    models = {name: load_weights(name).model for name in arguments.models}
    for name, model in models.items():
        if not isinstance(model, Autoencoder) or model.channels != 1:
            parser.error(f"{name} is not an autoencoder of grey images")
    training, test = (read_digits(arguments.root, train=train) for train in (True, False))
    test, labels = test[: arguments.limit], read_labels(arguments.root, train=False)[: arguments.limit]
    classifier = train_classifier(training, read_labels(arguments.root, train=True), arguments.steps)
    measure = functools.partial(_measured, classifier, _distance(classifier, test))
    with torch.inference_mode():
        correct = (
            torch.cat([classifier.logits(classifier(part)).argmax(dim=1) for part in test.split(_BATCH)]) == labels
        )
        print(__doc__.split("\n\n")[1].replace("\n", " ") if __doc__ else "")
        print(f"\nclassifier: {100 * correct.float().mean():.2f} % of the test digits\n")
        print(f"training digits: {measure(training[: arguments.limit].split(_BATCH))}\n")
        pairs = {"across classes": _pairs(labels, same=False), "within a class": _pairs(labels, same=True)}
        titles = [f"midpoints {kind}, {path}" for kind in pairs for path in _PATHS]
        titles = ["test reconstructions", "training reconstructions", "one Gaussian", "mixture", *titles]
        print(f"| model | numbers | components | {' | '.join(titles)} |\n{'|---' * (len(titles) + 3)}|")
        for name, model in models.items():
            assert isinstance(model, Autoencoder)
            if model.prior is None or not model.prior.is_fitted:
                parser.error(f"{name} has no distribution of codes; train it to the end")
            coded = {train: _codes(model, digits) for train, digits in ((True, training), (False, test))}
            single = GaussianMixture(1, model.code_size)
            single.fit(coded[True], seed=0)
            codes = [coded[False], coded[True][: len(test)]]
            codes += [prior.sample(len(test), 0, _TEMPERATURE) for prior in (single, model.prior)]
            for pair in pairs.values():
                codes += [_midpoints(path, coded[False], pair, model.prior) for path in _PATHS]
            cells = [measure(model.decode(part).render((28, 28)) for part in one.split(_BATCH)) for one in codes]
            print(f"| {name} | {model.code_size} | {len(model.prior.share)} | {' | '.join(cells)} |")


def train_classifier(digits: Float[Tensor, "count 1 28 28"], labels: Int[Tensor, " count"], steps: int) -> Classifier:
    """Return a classifier that depends on nothing but the arguments."""
    torch.manual_seed(0)
    classifier = Classifier()
    optimizer = torch.optim.Adam(classifier.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order = torch.cat([torch.randperm(len(digits)) for _ in range(-(-steps * 128 // len(digits)))])
    for chosen in order.split(128)[:steps]:
        optimizer.zero_grad()
        logits = classifier.logits(classifier(digits[chosen]))
        functional.cross_entropy(logits, labels[chosen]).backward()
        optimizer.step()
        schedule.step()
    return classifier.eval().requires_grad_(False)


def _codes(model: Autoencoder, digits: Float[Tensor, "count 1 28 28"]) -> Float[Tensor, "count code"]:
    return torch.cat([model.encode(part) for part in digits.split(_BATCH)])


def _pairs(labels: Int[Tensor, " count"], same: bool) -> Int[Tensor, "2 pair"]:
    """Return the numbers of as many random pairs of digits of one class or of two."""
    # One pair in ten is of one class.
    drawn = torch.randint(len(labels), (2, 40 * len(labels)), generator=torch.Generator().manual_seed(0))
    first, second = labels[drawn]
    return drawn[:, (first == second) & (drawn[0] != drawn[1]) if same else first != second][:, : len(labels)]


def _midpoints(
    path: CodePathName, codes: Float[Tensor, "count code"], pairs: Int[Tensor, "2 pair"], prior: GaussianMixture
) -> Float[Tensor, "midpoint code"]:
    """Return the codes halfway on the paths between pairs of codes."""
    first, second = pairs[:, :_FEW] if path == "prior" else pairs
    ends = zip(codes[first], codes[second], strict=True)
    return torch.stack([code_path(path, start, stop, 3, prior)[1] for start, stop in ends])


def _distance(classifier: Classifier, digits: Float[Tensor, "count 1 28 28"]) -> FrechetInceptionDistance:
    """Return the metric that compares pictures with the digits."""
    distance = FrechetInceptionDistance(classifier, reset_real_features=False)
    for part in digits.split(_BATCH):
        distance.update(part, real=True)
    return distance


def _measured(classifier: Classifier, distance: FrechetInceptionDistance, pictures: Iterable[Tensor]) -> str:
    """Return the Frechet distance of batches of pictures and the share that is recognised, as a cell of the table.

    Of fewer pictures than digits, the share alone.
    """
    distance.reset()
    certain: list[Tensor] = []
    for part in pictures:
        shown = part.clamp(0, 1)
        distance.update(shown, real=False)
        certain.append(classifier.logits(classifier(shown)).softmax(dim=1).amax(dim=1) > _CERTAIN)
    share = f"{torch.cat(certain).float().mean().item():.3f}"
    few = distance.fake_features_num_samples < distance.real_features_num_samples
    return share if few else f"{distance.compute().item():.2f}, {share}"


if __name__ == "__main__":
    main()
