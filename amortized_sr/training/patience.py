"""A disk that is full or gone for a while costs what could not be written, not the training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_warn

from amortized_sr.image_io import ImageError


@final
class Patience:
    """Remembers which files of a run could not be written, until they are.

    Attributes:
        missing: Reason by file; whatever is in it when the run ends is lost.
    """

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}

    @contextmanager
    def writing(self, path: object) -> Iterator[None]:
        """Go on if the block cannot write a file, and say so; the next attempt is the next time it is due."""
        try:
            yield
        except (OSError, ImageError) as error:
            if self.missing.get(str(path)) != str(error):
                rank_zero_warn(f"could not write {path} ({error}); training goes on and will try again; make some room")
            self.missing[str(path)] = str(error)
        else:
            self.missing.pop(str(path), None)


@final
class PatientCheckpoints(TorchCheckpointIO):
    """Writes Lightning's checkpoints; one that fails leaves the one before as it was.

    Args:
        patience: Remembers failures.
    """

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self.patience = patience

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:  # noqa: ANN401 (Lightning's signature)
        """Write a checkpoint, or say why not."""
        with self.patience.writing(path):
            super().save_checkpoint(checkpoint, path, storage_options)


@final
class PatientLog(CSVLogger):
    """Lightning's metrics.csv; what cannot be written stays in memory until it can.

    Args:
        patience: Remembers failures.
        settings: CSVLogger's.
    """

    def __init__(self, patience: Patience, **settings: Any) -> None:  # noqa: ANN401 (CSVLogger's)
        super().__init__(**settings)
        self.patience = patience

    def save(self) -> None:
        """Write what is new, or say why not."""
        with self.patience.writing(f"{self.log_dir}/metrics.csv"):
            super().save()
