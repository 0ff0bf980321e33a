"""What a worker of Ray does: upscales the files of a task, and returns a result for each, whatever happens to it."""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import numpy as np

from amortized_sr.batch.engines import Engines, UnusableError
from amortized_sr.batch.options import BatchOptions
from amortized_sr.batch.work import Finished, upscale_job
from amortized_sr.compute import ignore
from amortized_sr.image_io import ImageError
from amortized_sr.stores import is_address, store_at

# Ray begins a task anew as often as its worker dies. A file that kills its worker would keep the batch from its end.
_ATTEMPTS = 3


@final
@dataclass(frozen=True)
class Task:
    """One file to upscale, in words that every machine understands.

    Attributes:
        number: Its number in the plan.
        source: Path or address of the input.
        output: Path of the output, or its name in a store.
    """

    number: int
    source: str
    output: str


@final
@dataclass(frozen=True)
class Result:
    """What became of a file: one of the three is set.

    Attributes:
        finished: What was written.
        failed: Path, problem, remedy and setting of an error about this file.
        unusable: Why no file can be upscaled.
    """

    finished: Finished | None = None
    failed: tuple[str, str, str, str | None] | None = None
    unusable: str | None = None

    def to_json(self) -> str:
        """Return the result as text: Ray makes tables of results, whose columns have one type each."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """Return the result that `to_json` wrote."""
        said = json.loads(text)
        finished = said["finished"]
        if finished is not None:
            finished = Finished(
                **{**finished, "image_size": tuple(finished["image_size"]), "size": tuple(finished["size"])}
            )
        return cls(finished, tuple(said["failed"]) if said["failed"] else None, said["unusable"])


@final
class Worker:
    """Holds a model, and upscales the files of one task after another.

    Args:
        options: How the files are upscaled.
        num_jobs: How many files the whole batch has, which decides the engine as in one process.
        run: A name for the batch that no other has.
        place: Address of the store that gets the outputs, or None.
        begin: Called once in the worker's process.
    """

    def __init__(
        self,
        options: BatchOptions,
        num_jobs: int,
        run: str,
        place: str | None = None,
        begin: Callable[[], None] | None = None,
    ) -> None:
        if begin is not None:
            begin()
        self._run = run
        self._options = options
        self._store = None if place is None else store_at(place)
        # One thread, as for a small picture in a batch of one process.
        self._engines = Engines(options, num_jobs, ignore, contextlib.nullcontext, limit_threads=True)

    def __call__(self, tasks: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return a row for each row."""
        columns = (tasks[name].tolist() for name in ("number", "source", "output"))
        texts = [self.result_of(Task(*task)).to_json() for task in zip(*columns, strict=True)]
        return {"number": tasks["number"], "result": np.array(texts, dtype=object)}

    def result_of(self, task: Task) -> Result:
        """Upscale a file; no error leaves here, because Ray would drop the other files of the task with it."""
        try:
            with self._counted(task):
                return Result(self._upscale(task))
        except UnusableError as error:
            return Result(unusable=str(error))
        except ImageError as error:
            return Result(failed=(str(error.path), error.problem, error.remedy, error.setting))
        except Exception as error:
            problem = f"the worker ran into {type(error).__name__} ({error})"
            return Result(failed=(task.source, problem, "upscale this file without Ray, which shows where", None))

    def _upscale(self, task: Task) -> Finished:
        content, source = None, Path(task.source)
        if is_address(task.source):
            place, _, name = task.source.rpartition("/")
            content = store_at(place).read(name)
        output = Path(task.output) if self._store is None else (self._store, task.output)
        return upscale_job(source, output, self._options, self._engines, content)

    @contextlib.contextmanager
    def _counted(self, task: Task) -> Iterator[None]:
        """Count the attempts at a file of which no worker on this machine saw the end.

        Raises:
            ImageError: If there were too many.
        """
        mark = Path(tempfile.gettempdir()) / f"amortized_sr_{self._run}_{task.number}"
        with mark.open("ab") as file:
            deaths = file.tell()
            file.write(b"x")
        try:
            if deaths >= _ATTEMPTS:
                problem = f"its worker died {deaths} times"
                raise ImageError(task.source, problem, "give workers more memory, or upscale this file without Ray")
            yield
        finally:
            mark.unlink(missing_ok=True)
