"""Methods by name: everything that turns an image into a function and can be compared."""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.choices import DeviceName, Interpolation, NetworkName
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size
from amortized_sr.devices import choose_device
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.refinement import RefineSettings, refine
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights_header import DEFAULT_MODEL


@dataclass(frozen=True)
class Method:
    """Turns images into a function of the coordinate.

    Attributes:
        name: Its name in tables.
        make: Images in [0, 1] -> their function, and the number of learned numbers behind one image; all the work
            that an image costs before it can be rendered.
        identity: Hash of its weights; results depend on it and on the settings only.
    """

    name: str
    make: Callable[[Float[Tensor, "batch channel height width"]], tuple[ContinuousImage, int]]
    identity: str = ""


@dataclass(frozen=True)
class MethodSettings:
    """Settings that the names do not hold.

    Attributes:
        model: Weights of `amortized`.
        device: Device of fits and models; interpolation stays on the CPU.
        fit: Training of `fit:NETWORK`; the name decides the network.
        refine: Optimisation of `+refine`.
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
        return Method(name, lambda images: (InterpolatedImage.like_pillow(images, interpolation), 0))
    if name == "fit":
        return _fitted(name, settings.fit, settings.device)
    if name in (f"fit:{network}" for network in get_args(NetworkName)):
        network = cast("NetworkName", name.removeprefix("fit:"))
        return _fitted(name, dataclasses.replace(settings.fit, network=network), settings.device)
    if found := re.fullmatch(r"amortized(?::(.+?))?(\+tta)?(\+refine)?", name):
        model, tta, refined = found.groups()
        return _amortized(name, model or settings.model, settings, bool(tta), bool(refined))
    raise ValueError(
        f"no method {name!r}; there are {', '.join(get_args(Interpolation))}, "
        f"{', '.join(f'fit:{network}' for network in get_args(NetworkName))}, "
        "amortized, amortized:MODEL, and both with +tta, +refine or +tta+refine"
    )


def _fitted(name: str, settings: FitSettings, device: DeviceName) -> Method:
    place = choose_device(device)

    def make(images: Tensor) -> tuple[ContinuousImage, int]:
        function = fit(images.to(place), settings)
        return function, function.parameter_count

    return Method(name, make)


def _amortized(name: str, model: str, settings: MethodSettings, tta: bool, refined: bool) -> Method:
    upscaler = Upscaler.from_pretrained(model, settings.device)
    count = sum(parameter.numel() for parameter in upscaler.model.parameters())

    def make(images: Tensor) -> tuple[ContinuousImage, int]:
        function = upscaler.encode(images, tta)
        return refine(function, settings.refine) if refined else function, count

    return Method(name, make, upscaler.trained.digest)


@torch.inference_mode()
def render_on_cpu(function: ContinuousImage, size: Size) -> Float[Tensor, "batch channel height width"]:
    """Return the function's rendering with `size` pixels, on the CPU."""
    return function.render(size).cpu()
