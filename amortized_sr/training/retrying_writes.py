"""Failed writes are retried later and never stop training."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_warn

from amortized_sr.image_io import ImageError


@final
@dataclass
class RetryingWrites:
    """Records which files of a run could not be written, until a later attempt succeeds.

    Attributes:
        missing: Reason by file; a file that is still listed when the run ends is lost.
    """

    missing: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def writing(self, path: object) -> Iterator[None]:
        """Warn instead of failing if the block cannot write a file; the file's next version is the next attempt."""
        try:
            yield
        except (OSError, ImageError) as error:
            if self.missing.get(str(path)) != str(error):
                rank_zero_warn(f"could not write {path} ({error}); training continues and retries; free some space")
            self.missing[str(path)] = str(error)
        else:
            self.missing.pop(str(path), None)


@final
class RetryingCheckpoints(TorchCheckpointIO):
    """Writes Lightning's checkpoints; a failed write leaves the previous file as it was."""

    def __init__(self, writes: RetryingWrites) -> None:
        super().__init__()
        self.writes = writes

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:  # noqa: ANN401 (Lightning's signature)
        """Write a checkpoint, or warn."""
        with self.writes.writing(path):
            super().save_checkpoint(checkpoint, path, storage_options)


@final
class RetryingLog(CSVLogger):
    """Lightning's metrics.csv in a folder; rows that cannot be written stay in memory until they can."""

    def __init__(self, writes: RetryingWrites, folder: Path) -> None:
        super().__init__(folder.parent, folder.name, version="")
        self.writes = writes

    def save(self) -> None:
        """Write new rows, or warn."""
        with self.writes.writing(f"{self.log_dir}/metrics.csv"):
            super().save()
