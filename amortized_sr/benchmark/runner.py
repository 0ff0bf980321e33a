"""Measures folders x scales x methods, one row per image; each row is on disk before the next one starts."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from amortized_sr.benchmark.evaluation import evaluate
from amortized_sr.benchmark.faults import CLEAN, Faults
from amortized_sr.benchmark.layouts import originals
from amortized_sr.benchmark.machine import describe_machine
from amortized_sr.benchmark.methods import Method
from amortized_sr.benchmark.protocol import MEASUREMENTS, Quality, evaluation_pair, flat
from amortized_sr.choices import Convention
from amortized_sr.data.folder import image_files
from amortized_sr.image_io import read_picture
from amortized_sr.picture_tensor import picture_to_tensor


@dataclass(frozen=True)
class Row:
    """One method on one image, whose path in the folder named `data` is `image`, at one scale.

    Attributes:
        scale: Size of the target over size of the input.
        noise: Standard deviation of the noise of the input, of 255; 0 for none.
        jpeg: Quality of the input as JPEG; 0 for none.
        numbers: How many numbers stand for the image, see `Made`.
        parameters: Learned numbers behind the image's function.
        seconds: From input to picture.
        peak_mebibytes: Peak memory beyond what was in use before.
        machine: The machine that seconds and memory were measured on.
        error: The reason why there are no numbers.
    """

    data: str
    image: str
    scale: float
    method: str
    noise: float = 0.0
    jpeg: int = 0
    quality: Quality = Quality()
    numbers: int | None = None
    parameters: int | None = None
    seconds: float | None = None
    peak_mebibytes: float | None = None
    machine: str | None = None
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, float, str, Faults]:
        """What identifies the row."""
        return self.data, self.image, self.scale, self.method, self.faults

    @property
    def faults(self) -> Faults:
        """Noise and compression of the input."""
        return Faults(self.noise, self.jpeg)


@dataclass(frozen=True)
class Plan:
    """A benchmark: images, scales, noise and compression, methods.

    Attributes:
        folders: Folders with images, by unique names; of test sets that hold degraded copies, the originals are read.
        convention: The channels and pixels that are measured.
        limit: Largest number of images of a folder.
        faults: Noise and compression of the inputs; every image is measured with each.
        settings: Everything else that decides the numbers, as JSON values.
    """

    folders: dict[str, Path]
    scales: list[float]
    methods: list[str]
    convention: Convention
    limit: int | None = None
    faults: tuple[Faults, ...] = (CLEAN,)
    settings: dict[str, Any] = field(default_factory=dict)

    def images(self) -> Iterator[tuple[str, str, Path]]:
        """Yield the folder's name, the image's path in it, and its whole path, in the order of the paths.

        Raises:
            ImageError: If a folder is not there or holds no images.
        """
        for name, folder in self.folders.items():
            for path in image_files(originals(folder))[: self.limit]:
                yield name, str(path.relative_to(folder)), path

    def identity(self) -> str:
        """Return a text that two runs must share to continue each other."""
        files = [(*named, hashlib.sha256(path.read_bytes()).hexdigest()[:16]) for *named, path in self.images()]
        plan = {key: value for key, value in asdict(self).items() if key != "folders"}
        return json.dumps({"files": files, "columns": list(flat(Row("", "", 1.0, ""))), **plan}, sort_keys=True)


class OtherBenchmarkError(ValueError):
    """The folder holds the rows of a benchmark with other settings."""


def run(plan: Plan, journal: Path, methods: Sequence[Method], report: Callable[[Row, int, int], None]) -> list[Row]:
    """Measure every row that the journal does not hold yet, and return all rows in the plan's order.

    A method that fails gives rows with `error`; the other methods continue. The journal, in an existing folder, has
    lines of JSON: the plan's identity, then the rows. Every new row is reported with its number and that of all rows.

    Raises:
        OtherBenchmarkError: If the journal is another plan's.
        ImageError: If a folder cannot be read.
    """
    identity = plan.identity()
    done = {row.key: row for row in _read(journal, identity)}
    images = list(plan.images())
    names = [name for name, _, _ in images]
    planned = [
        # An image's number is its place in its folder.
        (Row(name, image, scale, method.name, faults.noise, faults.jpeg), path, place - names.index(name), method)
        for place, (name, image, path) in enumerate(images)
        for scale in plan.scales
        for faults in plan.faults
        for method in methods
    ]
    with journal.open("a") as file:
        if not done and file.tell() == 0:
            _append(file, identity)
        for number, (row, path, place, method) in enumerate(planned, 1):
            if row.key not in done:
                done[row.key] = _measured(row, path, place, method, plan.convention)
                _append(file, json.dumps(flat(done[row.key])))
                report(done[row.key], number, len(planned))
    return [done[row.key] for row, *_ in planned]


def _measured(row: Row, path: Path, number: int, method: Method, convention: Convention) -> Row:
    try:
        picture = read_picture(path, background=(255, 255, 255))
        pair = evaluation_pair(picture_to_tensor(picture), row.scale, row.faults, number)
        size = pair.target.shape[-2], pair.target.shape[-1]
        result = evaluate(method, pair.image, pair.target, size, convention, faults=row.faults)
    # Any error of a method or an image is a row of the report.
    except Exception as error:
        return replace(row, error=f"{type(error).__name__}: {error}")
    (prediction,) = result.predictions
    return replace(
        row,
        quality=prediction.quality,
        numbers=result.made.numbers,
        parameters=result.made.parameters,
        seconds=result.seconds,
        peak_mebibytes=result.peak_mebibytes,
        machine=describe_machine(),
    )


def _read(journal: Path, identity: str) -> list[Row]:
    """Return the rows of a journal, and remove an incomplete last line."""
    if not journal.exists():
        return []
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(journal, len(whole))
    lines = whole.decode().splitlines()
    if lines and lines[0] != identity:
        raise OtherBenchmarkError(
            f"{journal.parent} holds a benchmark with other images, scales, methods or settings, or of another "
            "version; delete it, or choose another folder"
        )
    return [_parse(json.loads(line)) for line in lines[1:]]


def _parse(values: dict[str, Any]) -> Row:
    quality = Quality(**{name: values.pop(name) for name in MEASUREMENTS})
    return Row(**values, quality=quality)


def _append(file: TextIO, line: str) -> None:
    file.write(line + "\n")
    file.flush()
    os.fsync(file.fileno())
