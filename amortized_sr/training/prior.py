"""The distribution of an autoencoder's codes, fitted when its training ends."""

from dataclasses import dataclass
from typing import final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from amortized_sr.image_io import ImageError
from amortized_sr.mixture import GaussianMixture
from amortized_sr.training.autoencoding import AutoencoderTask
from amortized_sr.training.averaging import MovingAverage
from amortized_sr.training.data import SuperResolutionData
from amortized_sr.training.stopping import TrainingDivergedError


@final
@dataclass(eq=False)
class FitPrior(Callback):
    """Fits the mixture of Gaussians to the codes of all training images, as the averaged weights encode them.

    That is at the end of the last epoch, so that the last checkpoint and the exported weights hold it. Checkpoints from
    before hold none, also in a run that continues a finished one.

    Args:
        average: The averaged weights.
        seed: The run's seed.
    """

    average: MovingAverage
    seed: int

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that there is an image for each Gaussian.

        Raises:
            ImageError: If the mixture has more components than there are images.
        """
        assert isinstance(pl_module, AutoencoderTask)
        data, components = _data_of(trainer), pl_module.network.components
        count = len(data.train_store)
        if components > count:
            raise ImageError(
                data.root,
                f"{count} training images are too few for a mixture of {components} Gaussians",
                f"lower components to at most {count}, 0 for no mixture, or add images",
                setting="components",
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the mixture of a run that was finished and is continued: its codes are about to change."""
        for prior in self._priors(pl_module):
            prior.forget()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Fit, if this epoch is the last one.

        Raises:
            TrainingDivergedError: If codes are not finite.
        """
        is_last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        priors = self._priors(pl_module)
        # The first process writes the files.
        if not is_last or not priors or not trainer.is_global_zero:
            return
        average = self.average.average_of(pl_module)
        assert isinstance(average, AutoencoderTask)
        codes = average.codes(_data_of(trainer).training_images())
        if not codes.isfinite().all():
            raise TrainingDivergedError(
                "the training images' codes hold NaN or infinity; lower the learning rate and train again"
            )
        rank_zero_info(f"fitting a mixture of {len(priors[0].share)} Gaussians to {len(codes):,} codes")
        priors[0].fit(codes, self.seed)
        for prior in priors[1:]:
            prior.load_state_dict(priors[0].state_dict())

    def _priors(self, task: LightningModule) -> list[GaussianMixture]:
        """Return the mixtures of the averaged weights and of those that are trained; none if the network has none."""
        tasks = self.average.average_of(task), task
        return [one.model.prior for one in tasks if isinstance(one, AutoencoderTask) and one.model.prior is not None]


def _data_of(trainer: Trainer) -> SuperResolutionData:
    data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(data, SuperResolutionData)
    return data
