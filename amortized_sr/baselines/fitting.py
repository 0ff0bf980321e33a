"""The older way: train one coordinate network per image, then draw the network at any size."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

MAX_POINTS = 1 << 18
"""Most points of an image that is fitted; through layers of 256 neurons they keep about 3 GB."""

# Images are fitted together up to this many points. Beyond it, arithmetic is all that takes time, and values that
# have left the processor's cache come back slowly.
_POINTS_TOGETHER = 1 << 14

# How many points are evaluated at once when a picture is drawn: bounds memory, not speed.
_POINTS = 1 << 17
_BOUNDS = Bounds(tile=1024)


@dataclass(frozen=True)
class FitSettings:
    """How networks are trained on their images.

    Attributes:
        network: Kind of coordinate network.
        coords: System that coordinates are given to the network in; `None` is the package's own, (y, x) in [-1, 1].
        steps: Full-batch steps of Adam, with a cosine from the learning rate to zero; `None` is the network's
            customary number.
        learning_rate: Peak learning rate; `None` is the network's customary one.
        target_psnr: Stop once every image is reproduced this well, in dB.
        seconds: Stop after this time.
        region: 1 supervises pixel centres; n supervises the mean of n x n points of each pixel, which costs n^2 times
            as much and ties down what happens between the centres.
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
        """Refuse what cannot be fitted."""
        if self.region < 1:
            raise ValueError(f"region must be at least 1, got {self.region}")
        for name in ("steps", "learning_rate", "target_psnr", "seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


@dataclass(frozen=True)
class Progress:
    """Where a fit is.

    Attributes:
        step: Steps done; the first report is from before the first one.
        steps: How many there will be at most.
        seconds: Time spent.
        psnr: `(image)`, how well each image's own pixels are reproduced now, in dB.
        function: The images as they are now; it goes on changing.
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
) -> "FittedImage":
    """Train one network per image, as many at once as gain by it.

    Args:
        images: Values in [0, 1], all of one size.
        settings: How.
        report: Is told of every step; of one part of the images after another, if they are many.

    Returns:
        The images as functions. An image's function does not depend on the images fitted beside it, but for `seconds`,
        which they share.

    Raises:
        ValueError: If a single image has more points than `MAX_POINTS`.
    """
    points = images.shape[-2] * images.shape[-1] * settings.region**2
    if points > MAX_POINTS:
        raise ValueError(
            f"{images.shape[-1]}x{images.shape[-2]} pixels at region {settings.region} are {points:,} points, more "
            f"than can be fitted at once ({MAX_POINTS:,}); shrink or crop the image, or lower the region"
        )
    with torch.inference_mode(False), torch.enable_grad():
        # Copies, because tensors made in inference mode cannot be differentiated.
        parts = images.clone().split(max(1, _POINTS_TOGETHER // points))
        fitted = [_fit(part, settings, len(part) / len(images), report) for part in parts]
    return fitted[0] if len(fitted) == 1 else FittedImage.joined(fitted)


def _fit(
    images: Tensor, settings: FitSettings, share: float, report: Callable[[Progress], None] | None
) -> "FittedImage":
    size = images.shape[-2], images.shape[-1]
    count, channels = images.shape[:2]
    networks = CoordinateNetworks(settings.network, count, size, channels, settings.seed).to(images.device)
    fitted = FittedImage(networks, settings.coords, size, settings.region)
    coord = _supervised_points(size, settings.region).to(images)
    coord = fitted.to_network(coord).expand(count, -1, -1)
    target = images.flatten(2).transpose(1, 2)
    shape = network_shape(settings.network, size, channels)
    rate, steps = settings.learning_rate or shape.learning_rate, settings.steps or shape.steps
    # Fused: small networks would otherwise spend most of their time in the optimiser.
    optimizer = torch.optim.Adam(networks.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    begin = time.monotonic()
    for step in range(steps + 1):
        drawn = networks(coord).unflatten(1, (target.shape[1], -1)).mean(dim=2)
        error = (drawn - target).square().mean(dim=(1, 2))
        progress = Progress(step, steps, time.monotonic() - begin, -10 * torch.log10(error.detach()), fitted)
        if report is not None:
            report(progress)
        if step == steps or _is_done(progress, settings, share):
            break
        optimizer.zero_grad(set_to_none=True)
        # The sum, because each image's step must not depend on how many there are.
        error.sum().backward()
        optimizer.step()
        schedule.step()
    networks.requires_grad_(False)
    return fitted


def _is_done(progress: Progress, settings: FitSettings, share: float) -> bool:
    if settings.target_psnr is not None and bool((progress.psnr >= settings.target_psnr).all()):
        return True
    return settings.seconds is not None and progress.seconds >= settings.seconds * share


def _supervised_points(size: Size, region: int) -> Float[Tensor, "query 2"]:
    """Return the `region x region` points of every pixel, pixel by pixel."""
    fine = pixel_grid((size[0] * region, size[1] * region), dtype=torch.float64)
    blocks = fine.unflatten(0, (size[0], region)).unflatten(2, (size[1], region))
    return blocks.permute(0, 2, 1, 3, 4).reshape(-1, 2)


@final
class FittedImage(ContinuousImage):
    """Images as the coordinate networks that were trained on them.

    A network answers for points. With `region` above 1, a footprint is answered by the mean of that many points along
    each axis, as it was trained.
    """

    def __init__(
        self,
        networks: CoordinateNetworks,
        coords: Normalization | None,
        size: Size,
        region: int,
        bounds: Bounds = _BOUNDS,
    ) -> None:
        self.networks = networks
        self.coords: Normalization | None = coords
        self.region = region
        self.bounds = bounds
        self._size = size

    @staticmethod
    def joined(parts: Sequence["FittedImage"]) -> "FittedImage":
        """Return the images of several fits with the same settings as one batch."""
        first = parts[0]
        networks = CoordinateNetworks.joined([part.networks for part in parts])
        return FittedImage(networks, first.coords, first.size, first.region)

    @property
    def size(self) -> Size:
        """`(height, width)` of the images that the networks were trained on, in pixels."""
        return self._size

    @property
    def channels(self) -> int:
        """Number of colour channels."""
        return self.networks.biases[-1].shape[-1]

    @property
    def values(self) -> Tensor:
        """The networks' first biases."""
        return self.networks.biases[0]

    def to_network(self, coord: Float[Tensor, "*shape 2"]) -> Float[Tensor, "*shape 2"]:
        """Return coordinates in the system that the networks were trained in."""
        return coord if self.coords is None else normalize(coord, self.coords, self._size)

    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints; see `ContinuousImage`."""
        bias = self.networks.biases[0]
        coord, cell = broadcast_query(coord, cell, bias)
        spread = pixel_grid((self.region, self.region)).reshape(-1, 2).to(coord) / 2
        points = (coord[:, :, None] + spread * cell[:, :, None]).flatten(1, 2)
        step = max(1, _POINTS // len(points))
        parts = [self.networks(self.to_network(some).to(bias.dtype)) for some in points.split(step, dim=1)]
        return torch.cat(parts, dim=1).unflatten(1, (coord.shape[1], -1)).mean(dim=2)

    def render(self, size: Size, window: Window = WHOLE) -> Float[Tensor, "batch colour rows columns"]:
        """Return the images rendered with `size` pixels; see `ContinuousImage`."""
        check_rendering(size, window)
        return render_tiles(self._render, size, window, self.bounds)

    def _render(self, size: Size, window: Window) -> Tensor:
        grid = pixel_grid(size, window).reshape(-1, 2)
        return self(grid, torch.tensor(pixel_cell(size, window))).movedim(-1, 1).unflatten(-1, size)
