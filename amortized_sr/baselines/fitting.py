"""Per-image training: one coordinate network for each image, which renders the image at any size."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.baselines.networks import CoordinateNetworks, network_shape
from amortized_sr.choices import NetworkName, Normalization
from amortized_sr.compute import Bounds
from amortized_sr.continuous import ContinuousImage, broadcast_query, check_rendering, render_tiles
from amortized_sr.coords import WHOLE, Size, Window, pixel_cell
from amortized_sr.grids import normalize, pixel_grid

# Points that are evaluated at once when an image is rendered: bounds memory on a device, and keeps the activations of
# a layer in a CPU's cache, which halves the time of a rendering.
_POINTS, _POINTS_ON_CPU = 1 << 17, 1 << 12
_BOUNDS = Bounds(tile=256)


@dataclass(frozen=True)
class FitLimits:
    """Numbers of points that bound the memory and decide the speed of fits, for a cache of a few megabytes.

    Attributes:
        image: Largest number of points of an image; layers of 256 neurons keep about 3 GB for the default.
        together: Images are fitted together up to this many points. Above it only arithmetic takes time, and values
            that have left the processor's cache return slowly.
    """

    image: int = 1 << 18
    together: int = 1 << 14


_LIMITS = FitLimits()


@dataclass(frozen=True)
class FitSettings:
    """Settings of the training of coordinate networks.

    Attributes:
        network: Kind of coordinate network.
        coords: Coordinate system of the network's inputs; `None` is the package's own, (y, x) in [-1, 1].
        steps: Full-batch steps of Adam, with a cosine from the learning rate to zero; `None` is the network's
            customary number.
        learning_rate: Peak learning rate; `None` is the network's customary one.
        target_psnr: Stop when every image reaches this PSNR on its own pixels, in dB.
        seconds: Stop after this time.
        region: 1 supervises pixel centres; n supervises the mean of n x n points of each pixel, which costs n^2 times
            as much and constrains the function between the centres.
        seed: Decides the initial weights.
    """

    network: NetworkName = "siren"
    coords: Normalization | None = None
    steps: int | None = None
    learning_rate: float | None = None
    target_psnr: float | None = None
    seconds: float | None = None
    region: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that cannot be used."""
        if self.region < 1:
            raise ValueError(f"region must be at least 1, got {self.region}")
        for name in ("steps", "learning_rate", "target_psnr", "seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


@dataclass(frozen=True)
class Progress:
    """The progress of a fit, of which at most `steps` steps are done; the first report precedes the first step.

    Attributes:
        psnr: PSNR of each image's own pixels at this step, in dB.
        function: The images at this step; later steps change it.
    """

    step: int
    steps: int
    seconds: float
    psnr: Float[Tensor, " image"]
    function: "FittedImage"


def fit(
    images: Float[Tensor, "image colour height width"],
    settings: FitSettings,
    report: Callable[[Progress], None] | None = None,
    limits: FitLimits = _LIMITS,
    start: "FittedImage | None" = None,
) -> "FittedImage":
    """Train one network per image in [0, 1], as many at once as save time, and return the images as functions.

    A function does not depend on the images fitted beside it, except through `seconds`, which they share. Each step is
    reported; many images are fitted and reported in several parts.

    Args:
        images: Of one size.
        settings: Settings of the training.
        report: Called at every step.
        limits: Bound the memory.
        start: One fitted image, whose weights every network begins with; None begins with those that the seed decides.

    Raises:
        ValueError: If a single image has more points than the limit, or `start` is of another kind or size.
    """
    points = images.shape[-2] * images.shape[-1] * settings.region**2
    if points > limits.image:
        raise ValueError(
            f"{images.shape[-1]}x{images.shape[-2]} pixels at region {settings.region} are {points:,} points, more "
            f"than can be fitted at once ({limits.image:,}); shrink or crop the image, or lower the region"
        )
    with torch.inference_mode(False), torch.enable_grad():
        # Copies, because tensors made in inference mode cannot be differentiated.
        parts = images.clone().split(max(1, limits.together // points))
        fitted = [_fit(part, settings, len(part) / len(images), report, start) for part in parts]
    return replace(fitted[0], networks=CoordinateNetworks.joined([part.networks for part in fitted]))


def _fit(
    images: Tensor,
    settings: FitSettings,
    share: float,
    report: Callable[[Progress], None] | None,
    start: "FittedImage | None",
) -> "FittedImage":
    size = images.shape[-2], images.shape[-1]
    count, channels = images.shape[:2]
    networks = CoordinateNetworks(settings.network, count, size, channels, settings.seed).to(images)
    if start is not None:
        networks.begin_at(start.networks)
    fitted = FittedImage(networks, settings.coords, size, settings.region)
    coord = _supervised_points(size, settings.region).to(images)
    coord = fitted.to_network(coord).expand(count, -1, -1)
    target = images.flatten(2).transpose(1, 2)
    shape = network_shape(settings.network, size, channels)
    rate, steps = settings.learning_rate or shape.learning_rate, settings.steps or shape.steps
    # Fused: small networks would otherwise spend most of their time in the optimiser.
    optimizer = torch.optim.Adam(networks.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    began = time.monotonic()
    for step in range(steps + 1):
        predicted = networks(coord).unflatten(1, (target.shape[1], -1)).mean(dim=2)
        error = (predicted - target).square().mean(dim=(1, 2))
        progress = Progress(step, steps, time.monotonic() - began, -10 * torch.log10(error.detach()), fitted)
        if report is not None:
            report(progress)
        reached = settings.target_psnr is not None and bool((progress.psnr >= settings.target_psnr).all())
        late = settings.seconds is not None and progress.seconds >= settings.seconds * share
        if step == steps or reached or late:
            break
        optimizer.zero_grad(set_to_none=True)
        # The sum, because each image's step must not depend on how many there are.
        error.sum().backward()
        optimizer.step()
        schedule.step()
    networks.requires_grad_(False)
    return fitted


def _supervised_points(size: Size, region: int) -> Float[Tensor, "query 2"]:
    """Return the `region x region` points of every pixel, pixel by pixel."""
    fine = pixel_grid((size[0] * region, size[1] * region), dtype=torch.float64)
    blocks = fine.unflatten(0, (size[0], region)).unflatten(2, (size[1], region))
    return blocks.permute(0, 2, 1, 3, 4).reshape(-1, 2)


@final
@dataclass(frozen=True, eq=False, repr=False)
class FittedImage(ContinuousImage):
    """Images as the coordinate networks that were trained on them.

    A network answers for points. With `region` above 1, a footprint is answered by the mean of that many points along
    each axis, as in the training. `coords` is the system of the networks' inputs; None is the package's own.
    """

    networks: CoordinateNetworks
    coords: Normalization | None
    image_size: Size
    region: int
    bounds: Bounds = _BOUNDS

    @property
    def size(self) -> Size:
        """`(height, width)` of the images that the networks were trained on, in pixels."""
        return self.image_size

    @property
    def channels(self) -> int:
        """Number of colour channels."""
        return self.networks.biases[-1].shape[-1]

    @property
    def values(self) -> Tensor:
        """The networks' first biases."""
        return self.networks.biases[0]

    @property
    def parameter_count(self) -> int:
        """Number of weights of the network of one image."""
        return sum(parameter[0].numel() for parameter in self.networks.parameters())

    def to_network(self, coord: Float[Tensor, "*shape 2"]) -> Float[Tensor, "*shape 2"]:
        """Return coordinates in the system of the networks' inputs."""
        return coord if self.coords is None else normalize(coord, self.coords, self.image_size)

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints; see `ContinuousImage`."""
        coord, cell = broadcast_query(coord, cell, self.networks.biases[0])
        spread = pixel_grid((self.region, self.region)).reshape(-1, 2).to(coord) / 2
        points = (coord[:, :, None] + spread * cell[:, :, None]).flatten(1, 2)
        at_once = _POINTS_ON_CPU if self.device.type == "cpu" else _POINTS
        step = max(1, at_once // len(points))
        parts = [self.networks(self.to_network(part).to(self.dtype)) for part in points.split(step, dim=1)]
        return torch.cat(parts, dim=1).unflatten(1, (coord.shape[1], -1)).mean(dim=2)

    def render(self, size: Size, window: Window = WHOLE) -> Float[Tensor, "batch colour rows columns"]:
        """Return the images rendered with `size` pixels; see `ContinuousImage`."""
        check_rendering(size, window)
        return render_tiles(self._render, size, window, self.bounds)

    def _render(self, size: Size, window: Window) -> Tensor:
        grid = pixel_grid(size, window).reshape(-1, 2)
        return self(grid, torch.tensor(pixel_cell(size, window))).movedim(-1, 1).unflatten(-1, size)
