"""The LightningModule of autoencoders: the loss and the validation metrics."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, final

import torch
from jaxtyping import Float, UInt8
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.data.pairs import Pair
from amortized_sr.degradation import Degradation
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import psnr
from amortized_sr.model_builder import build_autoencoder
from amortized_sr.resize import enlarge, middle, shrink
from amortized_sr.training.data import SuperResolutionData
from amortized_sr.training.losses import ShownLossName, incoherence, mean_error, shown_error, variation
from amortized_sr.training.task import TrainingTask
from amortized_sr.weights_header import Config


@final
class AutoencoderTask(TrainingTask):
    """Trains an `Autoencoder` to draw images from codes of images of several sizes.

    Args:
        network: The autoencoder's configuration.
        loss: The loss.
        final_loss: The loss at the end of the run.
        final_share: Share of the steps that use it.
        learning_rate: Peak learning rate of Adam.
        warmup_steps: Steps over which the learning rate rises to its peak, before it falls along a cosine to zero.
        between: Weight of a second loss at twice the frame's side, against the enlarged target: without it the picture
            between the pixels is free.
        agreement: Weight of the difference between the drawing of twice the frame's side, shrunk, and that of the
            frame's side, both as they are shown; it adds to the error of the latter.
        margin: How far below black the aim lies where the target is black, see `shown_error`.
        variation: Weight of the `variation` of the drawing of twice the frame's side, which faint lines beside strokes
            add to; it adds to the error too.
        incoherence: Weight of its `incoherence`, which beads on strokes add to.
        val_sides: Sides in pixels of the inputs that validation images are shrunk to.
    """

    def __init__(
        self,
        network: AutoencoderConfig,
        loss: ShownLossName = "mse",
        learning_rate: float = 1.5e-3,
        warmup_steps: int = 200,
        between: float = 0.3,
        agreement: float = 4.0,
        margin: float = 0.05,
        variation: float = 0.0,
        incoherence: float = 0.0,
        val_sides: tuple[int, ...] = (28, 14, 7),
        final_loss: ShownLossName = "log_mse",
        final_share: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, warmup_steps, final_share)
        weights = {
            "between": between,
            "agreement": agreement,
            "margin": margin,
            "variation": variation,
            "incoherence": incoherence,
        }
        for name, weight in weights.items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name} must be a number from 0, got {weight}")
        if not val_sides or not 1 <= min(val_sides) <= max(val_sides) <= network.frame:
            raise ValueError(
                f"val_sides must be numbers of pixels from 1 to the frame's {network.frame}, got {val_sides}"
            )
        self.draws_between = any((between, agreement, variation, incoherence))
        supervised = network.frame * (2 if self.draws_between else 1)
        if network.finest_cell < network.cells / supervised:
            raise ValueError(
                f"finest_cell must be at least {network.cells / supervised:g}, {network.cells} cells over "
                f"{supervised} supervised pixels, got {network.finest_cell}; finer pictures would show ripples"
            )
        self.network = network
        self.loss: ShownLossName = loss
        self.final_loss: ShownLossName = final_loss
        self.between = between
        self.agreement = agreement
        self.margin = margin
        self.variation = variation
        self.incoherence = incoherence
        self.val_sides = val_sides
        # Convolutions train twice as fast with the channels together.
        self.model = build_autoencoder(network).to(memory_format=torch.channels_last)

    def on_fit_start(self) -> None:
        """Check that the training pairs are what the network draws and reads."""
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, SuperResolutionData):
            return  # A training loop of somebody's own.
        frame = self.network.frame
        if not data.scales.fixed_target or min(data.scales.image_size, data.crop_size) != frame:
            raise MisconfigurationException(
                f"an autoencoder draws targets of its frame, {frame} pixels a side; set scales.fixed_target to true "
                f"and scales.image_size and crop_size to {frame}, got {data.scales.image_size} and {data.crop_size}"
            )
        if data.degradation.conditions or data.num_queries:
            raise MisconfigurationException(
                "an autoencoder reads colours only and is supervised at all pixels; omit degradation.noise and "
                "num_queries"
            )

    def training_step(self, batch: Pair, batch_idx: int) -> Float[Tensor, ""]:
        """Return the loss of one batch."""
        function = self.model.function_of_code(self.model.encode(batch.planes))
        name = self.final_loss if self.is_final() else self.loss
        drawn = function.render(self.model.frame)
        error = shown_error(drawn, batch.target, self.margin)
        if not self.draws_between:
            loss = mean_error(name, error)
        else:
            size = 2 * self.network.frame, 2 * self.network.frame
            fine = function.render(size)
            shown = fine.clamp(0, 1)
            error = error + self.agreement * (
                (shrink(shown, self.model.frame) - drawn.clamp(0, 1)).square().flatten(1).mean(dim=1)
            )
            error = error + self.variation * variation(shown) + self.incoherence * incoherence(shown)
            between = mean_error(name, shown_error(fine, enlarge(batch.target, size), self.margin))
            loss = mean_error(name, error) + self.between * between
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, target: Tensor, batch_idx: int) -> None:
        """Log the PSNR at the frame's size of inputs of each side."""
        target = self.framed(target.float() / 255)
        ratios: dict[str, Tensor] = {}
        for side in self.val_sides:
            image = Degradation()(target, (side, side)).image
            ratios[str(side)] = psnr(self.model(image, self.model.frame).float().clamp(0, 1), target).mean()
        self.log_ratios(len(target), ratios)

    def framed(self, image: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel side side"]:
        """Return the middles of images in the frame's size, enlarged where images are smaller."""
        side = min(*image.shape[-2:], self.network.frame)
        return InterpolatedImage.like_pillow(middle(image, side), "bicubic").render(self.model.frame).clamp_(0, 1)

    @torch.no_grad()
    def codes(self, batches: Iterable[UInt8[Tensor, "_ channel _ _"]]) -> Float[Tensor, "image code"]:
        """Return the codes of whole images, on the CPU."""
        framed = (self.framed(batch.to(self.device).float() / 255) for batch in batches)
        return torch.cat([self.model.encode(images).float().cpu() for images in framed])

    @property
    def config(self) -> Config:
        """The network."""
        return self.network

    def settings(self) -> dict[str, Any]:
        """Return the network."""
        return asdict(self.network)

    def facts(self) -> dict[str, Any]:
        """Return the losses and the learning rate."""
        final = {"final": [self.final_loss, self.final_share]} if self.final_share else {}
        return {
            "loss": self.loss,
            "between": self.between,
            "agreement": self.agreement,
            "margin": self.margin,
            "variation": self.variation,
            "incoherence": self.incoherence,
            "learning_rate": self.learning_rate,
            **final,
        }

    def plain_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the state as it is."""
        return state

    def load_plain_state(self, state: dict[str, Tensor]) -> None:
        """Take the state as it is."""
        self.model.load_state_dict(state)

    def like(self, network: Config) -> "AutoencoderTask":
        """Return a task with the same validation."""
        assert isinstance(network, AutoencoderConfig)
        return AutoencoderTask(network, val_sides=self.val_sides)
