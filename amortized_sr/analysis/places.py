"""Typical places of an image: the flattest, the clearest edge, the richest texture."""

from dataclasses import dataclass
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

PlaceName = Literal["flat", "edge", "texture"]

# Radius of the neighbourhood that a place is judged by, and least distance from the border where the image has room.
_RADIUS, _MARGIN = 2, 8

# An edge or texture below a tenth of a step of 8 bits (squared here) cannot be seen, and is not chosen.
_LEAST_ENERGY = (0.1 / 255) ** 2


@final
@dataclass(frozen=True)
class Place:
    """A pixel of an image."""

    name: PlaceName
    row: int
    column: int


def typical_places(image: Float[Tensor, "1 colour height width"]) -> list[Place]:
    """Return the flattest pixel, and those with the clearest edge and the richest texture where there are such.

    The structure tensor decides, the mean of products of the brightness' differences over 5x5 pixels: its trace is the
    energy, and the difference of its eigenvalues over their sum says how much of it has one direction.

    References:
        Foerstner and Guelch, "A Fast Operator for Detection and Precise Location of Distinct Points, Corners and
        Centres of Circular Features", ISPRS 1987 (structure tensor).
    """
    grey = functional.pad(image.double().mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    down, right = (grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]) / 2, (grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]) / 2
    products = torch.cat((down * down, right * right, down * right), dim=1)
    around = functional.avg_pool2d(products, 2 * _RADIUS + 1, stride=1, padding=_RADIUS, count_include_pad=False)[0]
    energy = around[0] + around[1]
    directed = torch.hypot(around[0] - around[1], 2 * around[2])
    margins = [min(_MARGIN, (side - 1) // 2) for side in energy.shape]
    inner = tuple(slice(margin, side - margin) for margin, side in zip(margins, energy.shape, strict=True))
    scores: dict[PlaceName, Tensor] = {
        "flat": -energy[inner], "edge": directed[inner], "texture": (energy - directed)[inner],
    }  # fmt: skip
    found: list[Place] = []
    for name, score in scores.items():
        if name != "flat" and float(score.max()) < _LEAST_ENERGY:
            continue
        row, column = divmod(int(score.argmax()), score.shape[1])
        found.append(Place(name, row + margins[0], column + margins[1]))
    return found
