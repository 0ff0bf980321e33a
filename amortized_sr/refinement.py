"""Between amortised and fitted: start from the encoder's latent or code and optimise it for one image."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.autoencoder import Autoencoder
from amortized_sr.picture_tensor import hidden_by_clamping
from amortized_sr.resize import shrink


@dataclass(frozen=True)
class RefineSettings:
    """How a latent is optimised.

    Attributes:
        steps: Steps of Adam, with a cosine from the learning rate to zero.
        learning_rate: Peak learning rate, relative to the latent's own standard deviation.
        scale: The picture is rendered at this scale before it is shrunk again.
    """

    steps: int = 20
    learning_rate: float = 0.01
    scale: int = 2

    def __post_init__(self) -> None:
        """Reject settings that cannot be optimised."""
        if self.steps < 1 or self.scale < 2:
            raise ValueError(f"steps must be at least 1 and scale at least 2, got {self.steps} and {self.scale}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")


def refine(
    function: AmortizedImage,
    settings: RefineSettings,
    report: Callable[[int, Float[Tensor, " image"]], None] | None = None,
) -> AmortizedImage:
    """Optimise the latent, with all weights fixed, so that the rendering, shrunk again, reproduces the image.

    A model that corrects its images does not lose the correction: the corrected image is reproduced.

    Args:
        function: The images, encoded; not changed.
        settings: How.
        report: Called before every step with its number and each image's PSNR against its own shrunk picture.

    Returns:
        The function with the better latent. Images do not influence each other.
    """
    image = function.latent.image
    if image is None:
        raise ValueError("a latent without an image cannot be refined; use a model that adds to the interpolated image")
    size = function.size[0] * settings.scale, function.size[1] * settings.scale
    with torch.inference_mode(False), torch.enable_grad():
        # A copy, because tensors made in inference mode cannot be differentiated.
        image = image.detach().clone()
        function = replace(function, latent=replace(function.latent, image=image))

        def errors(codes: Tensor) -> Tensor:
            rendered = function.with_codes(codes).render(size)
            return (shrink(rendered, function.size) - image).square().mean(dim=(1, 2, 3))

        return function.with_codes(_optimised(function.latent.codes, settings, errors, report))


def refine_code(
    model: Autoencoder,
    image: Float[Tensor, "batch colour height width"],
    settings: RefineSettings,
    report: Callable[[int, Float[Tensor, " image"]], None] | None = None,
) -> AmortizedImage:
    """Encode images and optimise their codes, with all weights fixed, so that the renderings reproduce the images.

    Images are rendered in the model's frame, for which it was trained. Axes that are shorter than the frame's are
    compared after shrinking the rendering, longer ones after shrinking the image. Errors that clamping to
    [0, 1] hides do not count.

    Args:
        model: The autoencoder, on the images' device.
        image: 1 or 3 colours in [0, 1].
        settings: How; the scale has no meaning here.
        report: As for `refine`.

    Returns:
        The images as a function. They do not influence each other.
    """
    model.check_planes(image)
    with torch.inference_mode(False), torch.enable_grad():
        items = model.as_items(image.clone())
        size = min(items.shape[-2], model.frame[0]), min(items.shape[-1], model.frame[1])
        target = shrink(items, size)

        def errors(codes: Tensor) -> Tensor:
            difference = shrink(model.decode(codes).render(model.frame), size) - target
            each = difference.masked_fill(hidden_by_clamping(difference, target), 0).square().mean(dim=(1, 2, 3))
            # A grey model draws each colour of an image by itself.
            return each.unflatten(0, (len(image), -1)).mean(dim=1)

        codes = _optimised(model.encode(items), settings, errors, report)
    return model.as_function(image, model.decoder(codes).detach().to(image.dtype))


def _optimised(
    start: Float[Tensor, "item ..."],
    settings: RefineSettings,
    errors: Callable[[Tensor], Float[Tensor, " image"]],
    report: Callable[[int, Float[Tensor, " image"]], None] | None,
) -> Float[Tensor, "item ..."]:
    """Return codes with smaller errors, reached by Adam; `errors` returns the mean squared error of each image."""
    start = start.detach().clone()
    spread = start.flatten(1).std(dim=1).clamp(min=1e-6).view(-1, *[1] * (start.ndim - 1))
    # Those of a field that keeps the tone are 0 for its sake.
    spread = spread * (start != 0)
    # In units of the codes' spread, so that one learning rate fits every model.
    change = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.Adam([change], lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    for step in range(settings.steps):
        error = errors(start + spread * change)
        if report is not None:
            report(step, -10 * torch.log10(error.detach()))
        optimizer.zero_grad()
        # The sum: an image's step must not depend on how many there are.
        error.sum().backward()
        optimizer.step()
        schedule.step()
    return (start + spread * change).detach()
