"""Fits of one image by several networks, kept at the steps that a film shows."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

from jaxtyping import Float
from torch import Tensor

from amortized_sr.baselines.fitting import FitSettings, FittedImage, Progress, fit
from amortized_sr.choices import NetworkName

_MOST_FRAMES = 240
# Equal images have an infinite PSNR; as in the benchmark, they get this.
_EQUAL = 200.0


@final
@dataclass(frozen=True)
class Stage:
    """A fit at one step.

    Attributes:
        step: How many steps are done.
        function: The image as it was then.
        psnr: PSNR on the image's own pixels in dB, at most 200.
        seconds: Time since the fit began.
    """

    step: int
    function: FittedImage
    psnr: float
    seconds: float


def film_steps(steps: int, frames: int) -> list[int]:
    """Return steps from 0 to the last: one by one at first, where most of an image appears, then ever farther apart.

    Raises:
        ValueError: If there are more frames than steps, or too many to be kept.

    Example:
        >>> film_steps(100, 6)
        [0, 2, 5, 15, 39, 100]
    """
    if not 2 <= frames <= _MOST_FRAMES:
        raise ValueError(
            f"the frames of a training must be 2 to {_MOST_FRAMES}, got {frames}; networks are kept for each"
        )
    if frames > steps + 1:
        raise ValueError(f"{steps} steps have {steps + 1} pictures, fewer than {frames} frames; ask for more steps")
    result = [0]
    for number in range(1, frames):
        wanted = round((steps + 1) ** (number / (frames - 1))) - 1
        # Later frames need a step each.
        result.append(min(max(wanted, result[-1] + 1), steps - (frames - 1 - number)))
    return result


def emerge(
    image: Float[Tensor, "1 colour height width"],
    network: NetworkName,
    settings: FitSettings,
    kept: Sequence[int],
    report: Callable[[int], None],
) -> list[Stage]:
    """Fit a network to an image and return it as it was at some steps, the last of which ends the fit.

    Args:
        image: The image.
        network: Kind of network; replaces that of the settings, as the last kept step replaces their number of steps.
        settings: Settings of the training.
        kept: Steps in increasing order.
        report: Called with the number of steps that are done.

    Raises:
        ValueError: If the image is too large, or the training diverges.
    """
    stages: list[Stage] = []
    wanted = set(kept)

    def keep(progress: Progress) -> None:
        report(progress.step)
        if progress.step not in wanted:
            return
        reached = float(progress.psnr[0])
        if math.isnan(reached):
            raise ValueError(f"the training of {network} diverged after {progress.step} steps; choose another network")
        networks = copy.deepcopy(progress.function.networks).requires_grad_(False)
        function = replace(progress.function, networks=networks)
        stages.append(Stage(progress.step, function, min(reached, _EQUAL), progress.seconds))

    fit(image, replace(settings, network=network, steps=kept[-1]), keep)
    return stages
