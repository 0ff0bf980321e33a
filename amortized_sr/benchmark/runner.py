"""Folders x scales x methods, one row per image, with every row on disk before the next one begins."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from torch import Tensor

from amortized_sr.benchmark.evaluation import evaluate
from amortized_sr.benchmark.machine import describe_machine
from amortized_sr.benchmark.methods import Method
from amortized_sr.benchmark.protocol import EvaluationPair, evaluation_pair
from amortized_sr.choices import Convention
from amortized_sr.data.folder import image_files
from amortized_sr.image_io import read_picture
from amortized_sr.picture_tensor import picture_to_tensor


@dataclass(frozen=True)
class Row:
    """One method on one image at one scale. Numbers are None where there are none.

    Attributes:
        data: Name of the folder.
        image: Path of the image in it.
        scale: Size of the target over size of the input.
        method: Name of the method.
        psnr: In dB.
        ssim: At most 1.
        lr: PSNR in dB of the picture shrunk again against the input.
        cross: PSNR in dB of the render at twice the size, averaged over 2x2, against the picture.
        parameters: Learned numbers behind the image's function.
        seconds: From input to picture.
        peak_mebibytes: Memory at most, beyond what was in use.
        machine: Where seconds and memory were measured.
        error: Why there are no numbers.
    """

    data: str
    image: str
    scale: float
    method: str
    psnr: float | None = None
    ssim: float | None = None
    lr: float | None = None
    cross: float | None = None
    parameters: int | None = None
    seconds: float | None = None
    peak_mebibytes: float | None = None
    machine: str | None = None
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, float, str]:
        """What the row is about."""
        return self.data, self.image, self.scale, self.method


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        folders: Folders with images, by a name that is unique.
        scales: Scales.
        methods: Names of the methods.
        convention: How pictures are measured.
        limit: Most images of a folder.
        settings: Whatever else decides the numbers, as JSON values.
    """

    folders: dict[str, Path]
    scales: list[float]
    methods: list[str]
    convention: Convention
    limit: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def images(self) -> Iterator[tuple[str, Path, Path]]:
        """Yield `(folder's name, folder, image)`, in the order of the paths.

        Raises:
            ImageError: If a folder is not there or holds no images.
        """
        for name, folder in self.folders.items():
            for path in image_files(folder)[: self.limit]:
                yield name, folder, path

    def identity(self) -> str:
        """Return what two runs must share to continue each other, as text."""
        files = [(name, str(path.relative_to(folder)), _hash(path)) for name, folder, path in self.images()]
        plan = {key: value for key, value in asdict(self).items() if key != "folders"}
        return json.dumps({"files": files, **plan}, sort_keys=True)


class OtherBenchmarkError(ValueError):
    """The folder holds the rows of a benchmark with other settings."""


def run(
    plan: Plan,
    journal: Path,
    methods: Sequence[Method],
    report: Callable[[Row, int, int], None],
) -> list[Row]:
    """Measure whatever the journal does not hold yet.

    A method that fails gives rows with `error`, and the others go on.

    Args:
        plan: What is measured.
        journal: File of JSON lines: the plan's identity, then the rows. Its folder exists.
        methods: The plan's methods.
        report: Is told of every new row, its number and how many there will be.

    Returns:
        All rows, in the plan's order.

    Raises:
        OtherBenchmarkError: If the journal is another plan's.
        ImageError: If a folder cannot be read.
    """
    identity = plan.identity()
    done = {row.key: row for row in _read(journal, identity)}
    wanted = [
        (name, folder, path, scale, method)
        for name, folder, path in plan.images()
        for scale in plan.scales
        for method in methods
    ]
    rows: list[Row] = []
    with journal.open("a") as file:
        if not done and file.tell() == 0:
            _append(file, identity)
        for number, (name, folder, path, scale, method) in enumerate(wanted, 1):
            about = Row(name, str(path.relative_to(folder)), scale, method.name)
            if about.key not in done:
                row = _measured(about, path, method, plan.convention)
                _append(file, json.dumps(asdict(row)))
                done[row.key] = row
                report(row, number, len(wanted))
            rows.append(done[about.key])
    return rows


def _measured(about: Row, path: Path, method: Method, convention: Convention) -> Row:
    try:
        pair = _read_pair(path, about.scale)
        size = pair.target.shape[-2], pair.target.shape[-1]
        result = evaluate(method, pair.image, pair.target, size, convention)
    # Whatever a method or an image runs into is a finding about it, and one row of the report.
    except Exception as error:
        return Row(*about.key, error=f"{type(error).__name__}: {error}")
    quality = result.qualities[0]
    return Row(
        *about.key,
        psnr=quality.psnr,
        ssim=quality.ssim,
        lr=quality.lr,
        cross=quality.cross,
        parameters=result.parameters,
        seconds=result.seconds,
        peak_mebibytes=result.peak_mebibytes,
        machine=describe_machine(),
    )


def _read_pair(path: Path, scale: float) -> EvaluationPair:
    target: Tensor = picture_to_tensor(read_picture(path, background=(255, 255, 255)))
    return evaluation_pair(target, scale)


def _read(journal: Path, identity: str) -> list[Row]:
    """Return the rows that a journal holds; a last line that was cut off is taken away."""
    if not journal.exists():
        return []
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with journal.open("rb+") as file:
            file.truncate(len(whole))
    lines = whole.decode().splitlines()
    if not lines:
        return []
    if lines[0] != identity:
        raise OtherBenchmarkError(
            f"{journal.parent} holds a benchmark with other images, scales, methods or settings; "
            "choose another --output, or delete it"
        )
    return [Row(**json.loads(line)) for line in lines[1:]]


def _append(file: TextIO, line: str) -> None:
    file.write(line + "\n")
    file.flush()
    os.fsync(file.fileno())


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
