"""Methods by name: everything that turns an image into a function and can be compared."""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import cast, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.autoencoder import Autoencoder
from amortized_sr.baselines.fitting import FitSettings, fit
from amortized_sr.baselines.principal_components import PrincipalComponents
from amortized_sr.benchmark.faults import Faults
from amortized_sr.benchmark.peers import find_denoiser
from amortized_sr.choices import DenoiserName, DeviceName, Interpolation, NetworkName
from amortized_sr.conditions import planes_of
from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import Size
from amortized_sr.devices import choose_device
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.refinement import RefineSettings, refine, refine_code
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights_header import DEFAULT_AUTOENCODER, DEFAULT_MODEL

TrainingImages = Callable[[], Float[Tensor, "image 1 height width"]]
"""Returns all training images of a data set, in [0, 1]."""


@dataclass(frozen=True)
class Made:
    """What a method makes of images of one size.

    Attributes:
        function: The images as a function.
        parameters: Learned numbers behind one image's function.
        numbers: How many numbers stand for one image: pixels of an interpolated image, parameters of a fit, codes of a
            model and the image that they add to, a code alone.
    """

    function: ContinuousImage
    parameters: int
    numbers: int


class MethodError(ValueError):
    """No such method, or one that lacks what it needs; `setting` names the setting that would give it, if any."""

    def __init__(self, text: str, setting: str | None = None) -> None:
        super().__init__(text)
        self.setting = setting


@dataclass(frozen=True)
class Method:
    """Turns images into a function of the coordinate.

    Attributes:
        name: Its name in tables.
        make: Images in [0, 1] and what noise and compression they have, which models that read them and denoisers are
            told -> their function; all the work that an image costs before it can be rendered.
        forward: The same of clean images, with gradients that reach them; None if functions are optimised for them.
        identity: Hash of its weights, version of its package; results depend on it and on the settings only.
    """

    name: str
    make: Callable[[Float[Tensor, "batch channel height width"], Faults], Made]
    identity: str = ""
    forward: Callable[[Float[Tensor, "batch channel height width"]], ContinuousImage] | None = None


@dataclass(frozen=True)
class MethodSettings:
    """Settings that the names do not hold.

    Attributes:
        model: Weights of `amortized`.
        autoencoder: Weights of `autoencoder`.
        device: Device of fits and models; interpolation stays on the CPU.
        fit: Training of `fit:NETWORK`; the name decides the network.
        refine: Optimisation of `+refine`.
    """

    model: str = DEFAULT_MODEL
    autoencoder: str = DEFAULT_AUTOENCODER
    device: DeviceName = "auto"
    fit: FitSettings = field(default_factory=FitSettings)
    refine: RefineSettings = field(default_factory=RefineSettings)


def method(name: str, settings: MethodSettings, training: TrainingImages | None = None) -> Method:
    """Return the method of a name: `bicubic`, `fit:siren`, `amortized:mnist+tta+refine`, `bm3d+amortized`, ...

    `+auto` measures the noise instead of being told.

    Args:
        name: The name.
        settings: What the name does not say.
        training: Returns the training images of the data set that is measured, for `pca:N`; None for files.

    Raises:
        MethodError: If there is no such method, or it lacks training images or a package.
        WeightsError: If its weights cannot be used.
    """
    if name in get_args(Interpolation):
        return _interpolated(cast("Interpolation", name))
    if name == "fit":
        return _fitted(name, settings.fit, settings.device)
    if name in (f"fit:{network}" for network in get_args(NetworkName)):
        network = cast("NetworkName", name.removeprefix("fit:"))
        return _fitted(name, dataclasses.replace(settings.fit, network=network), settings.device)
    if found := re.fullmatch(r"amortized(?::(.+?))?(\+auto)?(\+tta)?(\+refine)?", name):
        model, *extras = found.groups()
        return _amortized(name, model or settings.model, settings, *map(bool, extras))
    if found := re.fullmatch(rf"({'|'.join(get_args(DenoiserName))})(?:\+(amortized(?::.+)?))?", name):
        then = method(found[2], settings) if found[2] else _interpolated("bicubic")
        return _denoised(name, cast("DenoiserName", found[1]), then)
    if found := re.fullmatch(r"autoencoder(?::(.+?))?(\+tta)?(\+refine)?", name):
        model, tta, refined = found.groups()
        if tta:
            raise MethodError(f"{name}: an autoencoder has no self-ensemble; leave +tta out")
        return _autoencoder(name, model or settings.autoencoder, settings, bool(refined))
    if found := re.fullmatch(r"pca:(\d{1,6})", name):
        return _principal_components(name, int(found[1]), training)
    raise MethodError(
        f"no method {name!r}; there are {', '.join(get_args(Interpolation))}, "
        f"{', '.join(f'fit:{network}' for network in get_args(NetworkName))}, "
        "amortized, amortized:MODEL, both also with +auto, +tta and +refine in this order, "
        f"{', '.join(get_args(DenoiserName))}, all four also with +amortized or +amortized:MODEL, "
        "autoencoder, autoencoder:MODEL, both also with +refine, and pca:N with a number of components"
    )


def _interpolated(name: Interpolation) -> Method:
    def forward(images: Tensor) -> InterpolatedImage:
        return InterpolatedImage.like_pillow(images, name)

    return Method(name, lambda images, _: Made(forward(images), 0, images[0].numel()), forward=forward)


def _denoised(name: str, denoiser: DenoiserName, then: Method) -> Method:
    try:
        version, remove = find_denoiser(denoiser)
    except ValueError as error:
        raise MethodError(str(error)) from None

    def make(images: Tensor, faults: Faults) -> Made:
        # They know no compression: an image without noise stays as it is.
        clean = remove(images, faults.noise) if faults.noise else images
        return then.make(clean, Faults(jpeg=faults.jpeg))

    return Method(name, make, f"{version} {then.identity}")


def _fitted(name: str, settings: FitSettings, device: DeviceName) -> Method:
    place = choose_device(device)

    def make(images: Tensor, faults: Faults) -> Made:
        function = fit(images.to(place), settings)
        return Made(function, function.parameter_count, function.parameter_count)

    return Method(name, make)


def _amortized(name: str, model: str, settings: MethodSettings, auto: bool, tta: bool, refined: bool) -> Method:
    upscaler = Upscaler.from_pretrained(model, settings.device, precision="fp32")
    if isinstance(upscaler.model, Autoencoder):
        raise MethodError(f"{model} holds an autoencoder; name the method autoencoder:{model}")
    count, conditions = _count(upscaler.model), upscaler.model.conditions
    if auto and "noise" not in conditions:
        raise MethodError(
            f"{name}: +auto measures the noise for a model that reads it, and {model} does not; omit +auto"
        )

    def make(images: Tensor, faults: Faults) -> Made:
        # Models that do not read a strength see the same image.
        noise = "auto" if auto else faults.noise if "noise" in conditions else "off"
        function = upscaler.encode(images, tta, noise=noise, jpeg=faults.jpeg if "jpeg" in conditions else "off")
        function = refine(function, settings.refine) if refined else function
        latent = function.latent
        numbers = latent.codes.numel() + (0 if latent.image is None else latent.image.numel())
        return Made(function, count, numbers // len(images))

    return Method(name, make, upscaler.trained.digest, None if refined else partial(_encode, upscaler, tta))


def _autoencoder(name: str, model: str, settings: MethodSettings, refined: bool) -> Method:
    upscaler = Upscaler.from_pretrained(model, settings.device, precision="fp32")
    network = upscaler.model
    if not isinstance(network, Autoencoder):
        raise MethodError(f"{model} holds no autoencoder; name the method amortized:{model}")
    count = _count(network)

    def make(images: Tensor, faults: Faults) -> Made:
        if refined:
            function = refine_code(network, images.to(upscaler.device), settings.refine)
        else:
            function = upscaler.encode(images)
        return Made(function, count, network.code_size * network.items_per_image(images.shape[1]))

    return Method(name, make, upscaler.trained.digest, None if refined else partial(_encode, upscaler, False))


def _encode(upscaler: Upscaler, tta: bool, images: Tensor) -> AmortizedImage:
    """Return images as a function, through which gradients reach them."""
    planes = planes_of(images.to(upscaler.device), upscaler.conditions, noise="off", jpeg="off")
    rows, columns = (slice(0, side) for side in planes.shape[-2:])
    return upscaler.model.as_function(planes, upscaler.model.encode_part(planes, rows, columns, tta))


def _principal_components(name: str, count: int, training: TrainingImages | None) -> Method:
    if training is None:
        raise MethodError(
            f"{name} needs the training images of a data set; compare a data set instead of files", "data"
        )
    components = PrincipalComponents.of(training(), count)
    parameters = components.mean.numel() + components.directions.numel()

    def make(images: Tensor, faults: Faults) -> Made:
        return Made(components.reconstruct(images), parameters, count * images.shape[1])

    return Method(name, make)


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@torch.inference_mode()
def render_on_cpu(function: ContinuousImage, size: Size) -> Float[Tensor, "batch channel height width"]:
    """Return the function's rendering with `size` pixels, on the CPU."""
    return function.render(size).cpu()
