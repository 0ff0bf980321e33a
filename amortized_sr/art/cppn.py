"""Random coordinate networks as pictures: compositional pattern producing networks (CPPN)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never, final, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import ActivationName, PaletteName, SymmetryName
from amortized_sr.compute import Bounds
from amortized_sr.continuous import ContinuousImage, broadcast_query, check_rendering, render_tiles
from amortized_sr.coords import WHOLE, Size, Window, pixel_cell
from amortized_sr.grids import pixel_grid

# Points along each axis of a footprint: edges of such pictures are sharp, and a pixel shows the mean.
_SAMPLES = 2
_BOUNDS = Bounds(tile=256)

# Numbers that a walk moves, and how far it leads from their middle, in deviations.
_LATENT, _RADIUS = 8, 1.0

# Standard deviation of a layer's outputs over that of its inputs: below 1 pictures are plain, far above they are noise.
_GAIN = 1.6

_LARGEST_WIDTH, _LARGEST_DEPTH = 1024, 64


@dataclass(frozen=True)
class CppnSettings:
    """Shape of a random network.

    Attributes:
        depth: Hidden layers.
        width: Neurons of a hidden layer.
        activations: Each neuron has one of these, in equal shares.
        symmetry: What the network sees of a point.
        folds: Equal sectors of `polar`.
        palette: How outputs become colours.
        extent: How much of the plane the shorter side shows; more has more and smaller shapes.
        seed: Decides the network.
    """

    depth: int = 6
    width: int = 24
    activations: tuple[ActivationName, ...] = ("tanh", "sine", "gauss")
    symmetry: SymmetryName = "radius"
    folds: int = 5
    palette: PaletteName = "rgb"
    extent: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that make no picture."""
        if not (1 <= self.depth <= _LARGEST_DEPTH and 1 <= self.width <= _LARGEST_WIDTH):
            raise ValueError(
                f"depth must be 1 to {_LARGEST_DEPTH} and width 1 to {_LARGEST_WIDTH}, "
                f"got {self.depth} and {self.width}"
            )
        if not self.activations:
            raise ValueError(f"activations must be some of {', '.join(get_args(ActivationName))}, got none")
        if not 1 <= self.folds <= 64:
            raise ValueError(f"folds must be 1 to 64, got {self.folds}")
        if not (math.isfinite(self.extent) and self.extent > 0):
            raise ValueError(f"extent must be a positive number, got {self.extent:g}")


@final
@dataclass(frozen=True, eq=False, repr=False)
class RandomImage(ContinuousImage):
    """A random network as an image. Its size decides proportions only: every size shows the same picture.

    Attributes:
        settings: Shape of the network.
        image_size: `(height, width)`, which decides the proportions.
        latent: Numbers that the network reads besides the point.
        weights: Of each layer, `(inputs, outputs)`.
        bounds: How much is rendered at once.

    References:
        Stanley, "Compositional Pattern Producing Networks: A Novel Abstraction of Development", Genetic Programming
        and Evolvable Machines 2007.
    """

    settings: CppnSettings
    image_size: Size
    latent: Float[Tensor, " number"]
    weights: list[Float[Tensor, "_ _"]] = field(repr=False)
    bounds: Bounds = _BOUNDS

    @property
    def size(self) -> Size:
        """`(height, width)` that the proportions are those of."""
        return self.image_size

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colours."""
        return 1 if self.settings.palette == "grey" else 3

    @property
    def values(self) -> Tensor:
        """The latent."""
        return self.latent

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints; see `ContinuousImage`."""
        coord, cell = broadcast_query(coord, cell, self.latent[None])
        spread = pixel_grid((_SAMPLES, _SAMPLES)).reshape(-1, 2).to(coord) / 2
        points = (coord[:, :, None] + spread * cell[:, :, None]).flatten(1, 2)
        return self._colours(points.to(self.dtype)).unflatten(1, (coord.shape[1], -1)).mean(dim=2)

    def render(self, size: Size, window: Window = WHOLE) -> Float[Tensor, "batch colour rows columns"]:
        """Return the picture rendered with `size` pixels; see `ContinuousImage`."""
        check_rendering(size, window)
        return render_tiles(self._render, size, window, self.bounds)

    def _render(self, size: Size, window: Window) -> Tensor:
        grid = pixel_grid(size, window, torch.float64).reshape(-1, 2)
        return self(grid, torch.tensor(pixel_cell(size, window))).movedim(-1, 1).unflatten(-1, size)

    def _colours(self, coord: Float[Tensor, "batch point 2"]) -> Float[Tensor, "batch point colour"]:
        shorter = min(self.image_size)
        plane = coord * coord.new_tensor([side / shorter for side in self.image_size]) * self.settings.extent / 2
        seen = _seen(plane, self.settings)
        hidden = torch.cat((seen, self.latent.expand(*seen.shape[:-1], -1), torch.ones_like(seen[..., :1])), dim=-1)
        for weight in self.weights[:-1]:
            hidden = _activated(hidden @ weight, self.settings.activations)
        return _colours(torch.sigmoid(hidden @ self.weights[-1]), self.settings.palette)


def random_image(settings: CppnSettings, image_size: Size) -> RandomImage:
    """Return the picture of a seed."""
    random = torch.Generator().manual_seed(settings.seed)
    points = 2 if settings.symmetry == "none" else 3
    outputs = 1 if settings.palette == "grey" else 3
    widths = [points + _LATENT + 1, *[settings.width] * settings.depth, outputs]
    # The inputs have fewer numbers of size one than layers have neurons, so they are not divided by their count.
    scales = [1.0, *[_GAIN / math.sqrt(width) for width in widths[1:]]]
    weights = [
        scale * torch.randn(wide, narrow, generator=random)
        for scale, wide, narrow in zip(scales[:-1], widths[:-1], widths[1:], strict=True)
    ]
    return RandomImage(settings, image_size, torch.randn(_LATENT, generator=random), weights)


def walk(image: RandomImage, frames: int) -> list[RandomImage]:
    """Return pictures whose latents lie evenly on a circle through the image's own: a film of them has no seam.

    Raises:
        ValueError: If there are less than two.
    """
    if frames < 2:
        raise ValueError(f"a walk needs at least 2 frames, got {frames}")
    random = torch.Generator().manual_seed(image.settings.seed + 1)
    plane, _ = torch.linalg.qr(torch.randn(_LATENT, 2, generator=random))
    angle = torch.arange(frames) * (2 * math.pi / frames)
    moves = _RADIUS * math.sqrt(_LATENT) / 2 * torch.stack((torch.cos(angle) - 1, torch.sin(angle)), dim=1)
    return [
        RandomImage(image.settings, image.image_size, image.latent + plane @ move, image.weights, image.bounds)
        for move in moves
    ]


def _seen(plane: Float[Tensor, "*shape 2"], settings: CppnSettings) -> Float[Tensor, "*shape number"]:
    """Return what a network sees of points."""
    y, x = plane.unbind(dim=-1)
    radius = torch.hypot(y, x)
    match settings.symmetry:
        case "none":
            return plane
        case "radius":
            return torch.stack((y, x, radius), dim=-1)
        case "mirror":
            return torch.stack((y, x * x, radius), dim=-1)
        case "polar":
            angle = settings.folds * torch.atan2(y, x)
            # Multiplied by the radius, because the middle has no angle.
            return torch.stack((radius, radius * torch.cos(angle), radius * torch.sin(angle)), dim=-1)
        case _:
            assert_never(settings.symmetry)


def _activated(values: Tensor, names: tuple[ActivationName, ...]) -> Tensor:
    parts = values.tensor_split(len(names), dim=-1)
    return torch.cat([_activation(name)(part) for name, part in zip(names, parts, strict=True)], dim=-1)


def _activation(name: ActivationName) -> Callable[[Tensor], Tensor]:
    match name:
        case "tanh":
            return torch.tanh
        case "sine":
            return torch.sin
        case "gauss":
            return lambda values: 2 * torch.exp(-values * values) - 1
        case "softplus":
            return lambda values: torch.nn.functional.softplus(values) - 1
        case _:
            assert_never(name)


def _colours(values: Tensor, palette: PaletteName) -> Tensor:
    if palette != "hsv":
        return values
    hue, saturation, value = values.unbind(dim=-1)
    # Each channel rises and falls along the circle of hues, a third of a turn after the one before.
    turns = torch.stack([(hue * 6 + shift) % 6 for shift in (0, 4, 2)], dim=-1)
    pure = ((turns - 3).abs() - 1).clamp(0, 1)
    return value[..., None] * (1 - saturation[..., None] * (1 - pure))
