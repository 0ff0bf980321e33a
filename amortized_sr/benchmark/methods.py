"""Methods by name: every way from an image to a function that can be compared."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast, final, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.baselines.fitting import FitSettings, FittedImage, fit
from amortized_sr.choices import DeviceName, Interpolation, NetworkName
from amortized_sr.continuous import ContinuousImage
from amortized_sr.devices import choose_device
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.refinement import RefineSettings, refine
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights_header import DEFAULT_MODEL, sha256


@final
@dataclass(frozen=True)
class Method:
    """A way from images to a function of the coordinate.

    Attributes:
        name: What it is called in tables.
        make: Images in [0, 1] -> function; all the work that an image costs before it can be drawn.
        parameters: How many numbers were learned, for the function of one image.
        identity: What its results depend on beside the settings: the hash of its weights.
    """

    name: str
    make: Callable[[Float[Tensor, "batch channel height width"]], ContinuousImage]
    parameters: Callable[[ContinuousImage], int]
    identity: str = ""


@dataclass(frozen=True)
class MethodSettings:
    """What the names leave open.

    Attributes:
        model: Weights of `amortized`.
        device: Where fits and weights compute; interpolation stays on the CPU.
        fit: How `fit:NETWORK` is trained; its network is the name's.
        refine: How `+refine` optimises.
    """

    model: str = DEFAULT_MODEL
    device: DeviceName = "auto"
    fit: FitSettings = field(default_factory=FitSettings)
    refine: RefineSettings = field(default_factory=RefineSettings)


def method(name: str, settings: MethodSettings) -> Method:
    """Return the method of a name: `bicubic`, `fit:siren`, `amortized`, `amortized:mnist`, `amortized+tta+refine`, ...

    Raises:
        ValueError: If there is no such method, or its weights cannot be used (`WeightsError`).
    """
    if name in get_args(Interpolation):
        interpolation = cast("Interpolation", name)
        return Method(name, lambda images: InterpolatedImage.like_pillow(images, interpolation), lambda function: 0)
    if name == "fit" or (name.startswith("fit:") and name.removeprefix("fit:") in get_args(NetworkName)):
        network = cast("NetworkName", name.removeprefix("fit:")) if name != "fit" else settings.fit.network
        return _fitted(name, dataclasses.replace(settings.fit, network=network), choose_device(settings.device))
    unrefined = name.removesuffix("+refine")
    base = unrefined.removesuffix("+tta")
    if base == "amortized" or (len(base) > len("amortized:") and base.startswith("amortized:")):
        model = base.removeprefix("amortized:") if base != "amortized" else settings.model
        return _amortized(name, model, settings, tta=base != unrefined, refined=unrefined != name)
    raise ValueError(
        f"no method {name!r}; there are {', '.join(get_args(Interpolation))}, "
        f"{', '.join(f'fit:{network}' for network in get_args(NetworkName))}, "
        "amortized, amortized:MODEL, and both with +tta, +refine or +tta+refine"
    )


def _fitted(name: str, settings: FitSettings, device: torch.device) -> Method:
    def parameters(function: ContinuousImage) -> int:
        assert isinstance(function, FittedImage)
        networks = list(function.networks.parameters())
        return sum(parameter[0].numel() for parameter in networks)

    return Method(name, lambda images: fit(images.to(device), settings), parameters)


def _amortized(name: str, model: str, settings: MethodSettings, tta: bool, refined: bool) -> Method:
    upscaler = Upscaler.from_pretrained(model, settings.device)
    count = sum(parameter.numel() for parameter in upscaler.model.parameters())

    def make(images: Tensor) -> ContinuousImage:
        function = upscaler.encode(images, tta)
        if not refined:
            return function
        assert isinstance(function, AmortizedImage)
        return refine(function, settings.refine)

    return Method(name, make, lambda function: count, sha256(upscaler.trained.path))


@torch.inference_mode()
def draw(function: ContinuousImage, size: tuple[int, int]) -> Float[Tensor, "batch channel height width"]:
    """Return the function's picture on the CPU."""
    return function.render(size).cpu()
