"""The LightningModule of upscaling models: the loss and the validation metrics."""

from dataclasses import asdict
from typing import Any, final

from jaxtyping import Float
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor

from amortized_sr.benchmark.faults import CLEAN, Faults
from amortized_sr.benchmark.protocol import evaluation_pair
from amortized_sr.conditions import with_strengths
from amortized_sr.coords import Size, pixel_cell
from amortized_sr.data.pairs import Pair
from amortized_sr.degradation import Degradation
from amortized_sr.grids import pixel_grid
from amortized_sr.metrics import psnr
from amortized_sr.model_config import ModelConfig
from amortized_sr.resize import middle
from amortized_sr.training.expansion import build_trainable, merged_state
from amortized_sr.training.losses import LossName, pixel_loss
from amortized_sr.training.same_size import VALIDATION_BATCH
from amortized_sr.training.task import TrainingTask
from amortized_sr.weights_header import Config

# At its own size, an image has sixteen times as many pixels to encode as at scale 4.
_FAULTY_SIDE = 256


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
        val_noise: Standard deviations of noise, of 255, with which they are measured too; the network must read it.
        val_jpeg: Qualities of JPEG with which they are measured too.
        val_faulty_scales: Integer scales of these measurements, in the middles of the images. `val/psnr` is half the
            mean of the clean inputs, half that of the noisy and compressed ones.
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
        val_noise: tuple[float, ...] = (),
        val_jpeg: tuple[int, ...] = (),
        val_faulty_scales: tuple[int, ...] = (1, 2),
    ) -> None:
        super().__init__(learning_rate, warmup_steps, final_share)
        for name, scales in {"val_scales": val_scales, "val_faulty_scales": val_faulty_scales}.items():
            if not scales or min(scales) < 1:
                raise ValueError(f"{name} must be integers of at least 1, got {scales}")
        self.val_faults = [Faults(noise=sigma) for sigma in val_noise] + [Faults(jpeg=quality) for quality in val_jpeg]
        if CLEAN in self.val_faults:
            raise ValueError("val_noise and val_jpeg must be above 0; clean inputs are measured at val_scales anyway")
        for name, strengths in {"noise": val_noise, "jpeg": val_jpeg}.items():
            if strengths and name not in network.conditions:
                raise ValueError(
                    f"val_{name} needs a network that reads {name}; add it to network.conditions, or omit val_{name}"
                )
        if expansion < 0:
            raise ValueError(f"expansion must be a factor of at least 1, or 0 for none, got {expansion}")
        self.network = network
        self.expansion = expansion
        self.loss: LossName = loss
        self.final_loss: LossName = final_loss
        self.val_scales = val_scales
        self.val_noise, self.val_jpeg, self.val_faulty_scales = val_noise, val_jpeg, val_faulty_scales
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
        self, image: Float[Tensor, "batch colour rows columns"], size: Size, faults: Faults = CLEAN
    ) -> Float[Tensor, "batch colour height width"]:
        """Return renderings of images whose faults the network is told."""
        planes = with_strengths(image, self.network.conditions, [faults.strength] * len(image))
        return self.model(planes, size).float()

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
        """Log the PSNR of clean inputs at each scale, that of each noise and compression, and what counts."""
        target, first = target.float() / 255, batch_idx * VALIDATION_BATCH
        clean = {f"x{scale}": self._ratio(target, scale, CLEAN, first) for scale in self.val_scales}
        faulty = {
            f"{str(faults).replace(' ', '')}_x{scale}": self._ratio(middle(target, _FAULTY_SIDE), scale, faults, first)
            for faults in self.val_faults
            for scale in self.val_faulty_scales
        }
        self.log_ratios(len(target), clean, faulty)

    def _ratio(self, target: Tensor, scale: int, faults: Faults, first: int) -> Tensor:
        pair = evaluation_pair(target, float(scale), faults, first)
        drawn = self.render(pair.image, (pair.target.shape[-2], pair.target.shape[-1]), faults)
        return psnr(drawn, pair.target).mean()

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
        return SuperResolutionTask(
            network,
            val_scales=self.val_scales,
            val_noise=self.val_noise,
            val_jpeg=self.val_jpeg,
            val_faulty_scales=self.val_faulty_scales,
        )
