"""Between amortised and fitted: start from the encoder's latent and optimise it for one image."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
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
        # Copies, because tensors made in inference mode cannot be differentiated.
        image, start = image.clone(), function.latent.codes.detach().clone()
        function = replace(function, latent=replace(function.latent, image=image))
        spread = start.flatten(1).std(dim=1).clamp(min=1e-6).view(-1, 1, 1, 1)
        # In units of the codes' spread, so that one learning rate fits every model.
        change = torch.zeros_like(start, requires_grad=True)
        optimizer = torch.optim.Adam([change], lr=settings.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
        for step in range(settings.steps):
            rendered = function.with_codes(start + spread * change).render(size)
            error = (shrink(rendered, function.size) - image).square().mean(dim=(1, 2, 3))
            if report is not None:
                report(step, -10 * torch.log10(error.detach()))
            optimizer.zero_grad()
            # The sum: an image's step must not depend on how many there are.
            error.sum().backward()
            optimizer.step()
            schedule.step()
    return function.with_codes((start + spread * change).detach())
