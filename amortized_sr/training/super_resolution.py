"""The LightningModule of upscaling models: the loss and the validation metrics."""

from dataclasses import asdict
from typing import Any, final

from jaxtyping import Float
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor

from amortized_sr.benchmark.protocol import evaluation_pair
from amortized_sr.coords import Size, pixel_cell
from amortized_sr.data.pairs import Pair
from amortized_sr.degradation import Degradation, add_conditions
from amortized_sr.grids import pixel_grid
from amortized_sr.metrics import psnr
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.expansion import build_trainable, merged_state
from amortized_sr.training.losses import LossName, pixel_loss
from amortized_sr.training.task import TrainingTask
from amortized_sr.weights_header import Config


@final
class SuperResolutionTask(TrainingTask):
    """Trains an `AmortizedSR` to render low-resolution images at the size of their targets.

    Args:
        network: The model's configuration.
        loss: The loss.
        final_loss: The loss at the end of the run. The mean error (`l1`) learns faster; squared errors (`mse`, `rmse`)
            are minimised by the mean of all plausible images, which has the best PSNR.
        final_share: Share of the steps that use it.
        learning_rate: Peak learning rate of Adam.
        warmup_steps: Steps over which the learning rate rises to its peak, before it falls along a cosine to zero.
        val_scales: Integer scales at which validation images are measured.
        expansion: Train every 3x3 convolution as a sum with a chain this many times as wide, which is merged into it
            when weights are exported; 0 trains plain convolutions. See `expansion`.
    """

    def __init__(
        self,
        network: ModelConfig,
        loss: LossName = "l1",
        learning_rate: float = 1e-3,
        warmup_steps: int = 100,
        val_scales: tuple[int, ...] = (2, 3, 4),
        expansion: int = 0,
        final_loss: LossName = "rmse",
        final_share: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, warmup_steps, final_share)
        if not val_scales or min(val_scales) < 1:
            raise ValueError(f"val_scales must be integers of at least 1, got {val_scales}")
        if expansion < 0:
            raise ValueError(f"expansion must be a factor of at least 1, or 0 for none, got {expansion}")
        self.network = network
        self.expansion = expansion
        self.loss: LossName = loss
        self.final_loss: LossName = final_loss
        self.val_scales = val_scales
        self.model = build_trainable(network, expansion)

    def __getstate__(self) -> dict[str, Any]:
        """Replace the model by its weights: expanded convolutions cannot be pickled."""
        return super().__getstate__() | {"_modules": {}, "_weights": self.model.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the model again."""
        weights = state.pop("_weights")
        super().__setstate__(state)
        self.model = build_trainable(self.network, self.expansion)
        self.model.load_state_dict(weights)

    def on_fit_start(self) -> None:
        """Check that the training pairs have the conditions that the network reads."""
        data = getattr(self.trainer, "datamodule", None)
        known = getattr(data, "degradation", Degradation()).conditions
        if known != self.network.conditions:
            raise MisconfigurationException(
                f"the network reads the conditions {list(self.network.conditions)}, and the degradation gives "
                f"{list(known)}; set network.conditions and data.degradation alike"
            )

    def render(
        self, image: Float[Tensor, "batch colour rows columns"], size: Size
    ) -> Float[Tensor, "batch colour height width"]:
        """Return renderings of images without any degradation but the shrinking."""
        none = image.new_zeros(len(image), len(self.network.conditions))
        return self.model(add_conditions(image, none), size).float()

    def training_step(self, batch: Pair, batch_idx: int) -> Float[Tensor, ""]:
        """Return the loss of one batch."""
        function = self.model.encode(batch.planes)
        size = (batch.target.shape[-2], batch.target.shape[-1])
        if batch.queries is None:
            prediction, target = function.render(size), batch.target
        else:
            coord = pixel_grid(size).flatten(0, 1).to(batch.target)[batch.queries]
            prediction = function(coord, batch.target.new_tensor(pixel_cell(size)))
            pixels = batch.queries[:, None].expand(-1, batch.target.shape[1], -1)
            target = batch.target.flatten(2).gather(2, pixels).transpose(1, 2)
        loss = pixel_loss(self.final_loss if self.is_final() else self.loss, prediction, target)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, target: Tensor, batch_idx: int) -> None:
        """Log the PSNR at each scale, and their mean."""
        ratios: dict[str, Tensor] = {}
        for scale in self.val_scales:
            pair = evaluation_pair(target.float() / 255, float(scale))
            drawn = self.render(pair.image, (pair.target.shape[-2], pair.target.shape[-1]))
            ratios[f"x{scale}"] = psnr(drawn, pair.target).mean()
        self.log_ratios(ratios, len(target))

    @property
    def config(self) -> Config:
        """The network."""
        return self.network

    def settings(self) -> dict[str, Any]:
        """Return the network and the expansion."""
        return asdict(self.network) | {"expansion": self.expansion}

    def facts(self) -> dict[str, Any]:
        """Return the losses and the learning rate."""
        final = {"final": [self.final_loss, self.final_share]} if self.final_share else {}
        return {"loss": self.loss, "learning_rate": self.learning_rate, **final}

    def plain_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the state with merged convolutions."""
        return merged_state(self.network, self.expansion, state)

    def load_plain_state(self, state: dict[str, Tensor]) -> None:
        """Build the model again, because expanded convolutions are fitted to their kernels when they are made."""
        self.model = build_trainable(self.network, self.expansion, state)

    def like(self, network: Config) -> "SuperResolutionTask":
        """Return a task without expansion."""
        assert isinstance(network, ModelConfig)
        return SuperResolutionTask(network, val_scales=self.val_scales)
