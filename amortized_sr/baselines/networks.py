"""Coordinate networks, one per image: coordinate -> colour, evaluated together as one batch."""

import copy
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_never, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.choices import NetworkName
from amortized_sr.coords import Size


@dataclass(frozen=True)
class NetworkShape:
    """Size and customary training of a coordinate network for one image.

    Attributes:
        width: Neurons per hidden layer.
        depth: Hidden layers.
        steps: Steps after which little changes.
        learning_rate: Peak learning rate of Adam.
        band: How fast the first layer oscillates: the sine's factor (`siren`, `finer`), the deviation of the
            frequencies in radians per unit (`fourier`); 0 for networks without waves.
    """

    width: int
    depth: int
    steps: int
    learning_rate: float
    band: float = 0.0


def network_shape(name: NetworkName, size: Size, channels: int) -> NetworkShape:
    """Return the shape of a named network for an image of `size = (height, width)` pixels.

    `notebook` is the network of the text that this project started from: 8 tanh layers of 20 and a sigmoid (L. Pirvan,
    "Super-Resolution using Coordinate-Based Neural Networks", 2017). The others grow with the image, to about two
    dozen weights per number of the image and at most 256 neurons, and their waves with its side: the papers' constants
    are for hundreds of pixels a side, and on a digit of 14 pixels they fit the pixels and noise between them.
    """
    side = max(size)
    numbers = size[0] * size[1] * channels
    width = min(256, max(32, 16 * round(math.sqrt(12 * numbers) / 16)))
    match name:
        case "notebook":
            return NetworkShape(20, 8, 3000, 5e-3)
        case "relu":
            return NetworkShape(width, 4, 1000, 1e-3)
        case "fourier":
            # A fifth of the image's Nyquist frequency, which is pi / 2 radians per unit and pixel of the side.
            return NetworkShape(width, 3, 1000, 1e-3, 0.2 * math.pi / 2 * side)
        case "siren":
            return NetworkShape(width, 3, 300, 1e-3, side / 2)
        case "finer":
            return NetworkShape(width, 3, 300, 1e-3, side / 4)
        case _:
            assert_never(name)


@final
class CoordinateNetworks(nn.Module):
    """`count` networks for images of one size with the same initial weights, evaluated together by batched products.

    The same start makes a fit independent of which other images are fitted beside it. `seed` decides it, and the
    frequencies of `fourier`.

    References:
        Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains",
        NeurIPS 2020 (`fourier`). https://arxiv.org/abs/2006.10739
        Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020 (`siren`).
        https://arxiv.org/abs/2006.09661
        Liu et al., "FINER: Flexible Spectral-bias Tuning in Implicit Neural Representation by Variable-periodic
        Activation Functions", CVPR 2024 (`finer`). https://arxiv.org/abs/2312.02434
    """

    frequencies: Tensor

    def __init__(self, name: NetworkName, count: int, size: Size, channels: int, seed: int) -> None:
        super().__init__()
        self.name: NetworkName = name
        shape = network_shape(name, size, channels)
        self.band = shape.band
        random = torch.Generator().manual_seed(seed)
        waves = shape.width // 2 if name == "fourier" else 0
        self.register_buffer("frequencies", shape.band * torch.randn(2, waves, generator=random))
        widths = [2 * waves or 2, *[shape.width] * shape.depth, channels]
        layers = [
            _initial_layer(name, wide, narrow, index == 0, random)
            for index, (wide, narrow) in enumerate(itertools.pairwise(widths))
        ]
        self.weights = nn.ParameterList(weight.expand(count, -1, -1).clone() for weight, _ in layers)
        self.biases = nn.ParameterList(bias.expand(count, 1, -1).clone() for _, bias in layers)

    @staticmethod
    def joined(parts: Sequence["CoordinateNetworks"]) -> "CoordinateNetworks":
        """Return networks of one kind and shape as one batch."""
        result = copy.deepcopy(parts[0])
        for name in ("weights", "biases"):
            layers = zip(*(getattr(part, name) for part in parts), strict=True)
            merged = [nn.Parameter(torch.cat(layer), requires_grad=False) for layer in layers]
            setattr(result, name, nn.ParameterList(merged))
        return result

    def begin_at(self, other: "CoordinateNetworks") -> None:
        """Take the weights of a network for one image, or of one for each, of the same kind and shape.

        Raises:
            ValueError: If the kinds or shapes differ.
        """
        for own, theirs in self._beside(other):
            own.copy_(theirs)

    def between(self, other: "CoordinateNetworks", share: int | float) -> "CoordinateNetworks":
        """Return the networks whose weights lie on the straight line to others' of the same kind and shape.

        Args:
            other: The networks at share 1.
            share: 0 is these networks.

        Raises:
            ValueError: If the kinds or shapes differ.
        """
        result = copy.deepcopy(self)
        for own, theirs in result._beside(other):
            own.copy_(torch.lerp(own, theirs, share))
        return result

    def _beside(self, other: "CoordinateNetworks") -> list[tuple[Tensor, Tensor]]:
        """Return every tensor with that of the same name."""
        own, theirs = self.state_dict(), other.state_dict()
        shapes = [{name: tensor.shape[1:] for name, tensor in tensors.items()} for tensors in (own, theirs)]
        if self.name != other.name or shapes[0] != shapes[1]:
            raise ValueError("networks of different kinds or shapes have no weights in common; fit images of one size")
        return [(own[name], theirs[name]) for name in own]

    def forward(self, coord: Float[Tensor, "image query 2"]) -> Float[Tensor, "image query colour"]:
        """Return every network's colours at its own coordinates, in the system of its training.

        If `coord` requires gradients, all derivatives with respect to it are exact.
        """
        hidden = coord
        if self.name == "fourier":
            angle = coord @ self.frequencies
            hidden = torch.cat((torch.cos(angle), torch.sin(angle)), dim=-1)
        for index, (weight, bias) in enumerate(zip(self.weights[:-1], self.biases[:-1], strict=True)):
            hidden = self._layer(hidden, weight, bias, self.band if index == 0 else _OMEGA, coord.requires_grad)
        colour = _Colours.apply(hidden, self.weights[-1], self.biases[-1])
        return torch.sigmoid(colour) if self.name == "notebook" else colour + 0.5

    def _layer(self, hidden: Tensor, weight: Tensor, bias: Tensor, omega: float, exact: bool) -> Tensor:
        match self.name:
            case "notebook":
                return torch.baddbmm(bias, hidden, weight).tanh_()
            case "relu" | "fourier":
                return torch.baddbmm(bias, hidden, weight).relu_()
            case "siren" | "finer":
                growth = 0.0 if self.name == "siren" else 1 / omega
                sine = _differentiable_sine if exact else _Sine.apply
                return sine(hidden, omega * weight, omega * bias, growth)
            case _:
                assert_never(self.name)


# The object that torch passes from `forward` to `backward`; its declared class lacks the attributes.
_Context = Any


@final
class _Sine(torch.autograd.Function):
    """`sin((growth * |z| + 1) * z)` of `z = hidden @ weight + bias`; the growing frequency is not differentiated.

    For training. Plain autograd would be limited by memory: it makes a pass over all points for every factor.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: _Context, hidden: Tensor, weight: Tensor, bias: Tensor, growth: float
    ) -> Tensor:
        angle = torch.baddbmm(bias, hidden, weight)
        factor = None
        if growth:
            factor = angle.abs().mul_(growth).add_(1)
            angle.mul_(factor)
        if not any(ctx.needs_input_grad):
            return angle.sin_()
        ctx.save_for_backward(hidden, weight, angle, factor)
        return torch.sin(angle)

    @staticmethod
    def backward(ctx: _Context, *grad_outputs: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        hidden, weight, angle, factor = ctx.saved_tensors
        grad = torch.cos(angle).mul_(grad_outputs[0])
        if factor is not None:
            grad.mul_(factor)
        inputs = torch.bmm(grad, weight.transpose(1, 2)) if ctx.needs_input_grad[0] else None
        return inputs, torch.bmm(hidden.transpose(1, 2), grad), grad.sum(dim=1, keepdim=True), None


def _differentiable_sine(hidden: Tensor, weight: Tensor, bias: Tensor, growth: float) -> Tensor:
    """Return what `_Sine` computes, as a function whose derivatives of every order are its own."""
    angle = torch.baddbmm(bias, hidden, weight)
    return torch.sin((growth * angle.abs() + 1) * angle)


@final
class _Colours(torch.autograd.Function):
    """`hidden @ weight + bias` for one or three colours; transposed, because batched products are slow otherwise."""

    @staticmethod
    def forward(ctx: _Context, hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(hidden, weight)
        colours = torch.baddbmm(bias.transpose(1, 2), weight.transpose(1, 2), hidden.transpose(1, 2))
        return colours.transpose(1, 2)

    @staticmethod
    def backward(ctx: _Context, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden, weight = ctx.saved_tensors
        grad = grad_outputs[0]
        inputs = torch.einsum("iqc,ihc->iqh", grad, weight)
        return inputs, torch.bmm(grad.transpose(1, 2), hidden).transpose(1, 2), grad.sum(dim=1, keepdim=True)


# Frequency of all sine layers except the first, whose inputs are not sines: see `SineLayer`.
_OMEGA = 30.0


def _initial_layer(
    name: NetworkName, inputs: int, outputs: int, first: bool, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the initial weights `(inputs, outputs)` and biases `(outputs)` of a layer."""

    def uniform(bound: float, *shape: int) -> Tensor:
        return (torch.rand(*shape, generator=random) * 2 - 1) * bound

    match name:
        case "notebook":
            return uniform(5 / 3 * math.sqrt(6 / (inputs + outputs)), inputs, outputs), torch.zeros(outputs)
        case "relu" | "fourier":
            return uniform(math.sqrt(6 / inputs), inputs, outputs), uniform(1 / math.sqrt(inputs), outputs)
        case "siren" | "finer":
            bound = 1 / inputs if first else math.sqrt(6 / inputs) / _OMEGA
            # FINER samples its first biases from a wide range, because they select the frequencies.
            wide = name == "finer" and first
            return uniform(bound, inputs, outputs), uniform(1.0 if wide else 1 / math.sqrt(inputs), outputs)
        case _:
            assert_never(name)
