"""Which output each input gets, known and free of clashes before anything is begun."""

import hashlib
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from amortized_sr.batch.inputs import Input
from amortized_sr.batch.stream import STREAM


class PlanError(ValueError):
    """Inputs and outputs that do not go together; the message says why and what to do."""


@dataclass(frozen=True)
class Job:
    """One input and where its output goes."""

    source: Input
    place: Path


def plan(inputs: list[Input], output: Path | None, into_folder: bool, label: str, suffix: str) -> list[Job]:
    """Return each input once with its output, none of them twice and none of them an input.

    Args:
        inputs: The files.
        output: A file, or a folder, below which the inputs' folders are repeated; None puts outputs beside inputs.
        into_folder: Whether `output` is a folder.
        label: The size in words, which the outputs' names get.
        suffix: Of the outputs whose names are not given.

    Raises:
        PlanError: If that is impossible.
    """
    jobs: list[Job] = []
    # Two ways of writing one path, or a link, must not hide that it is one file; nor must letters that some file
    # systems take for the same.
    sources = {_identity(source.path) for source in inputs if source.path != STREAM}
    targets: dict[str, str] = {}
    for source in inputs:
        name = f"{source.below.stem}_{label}{suffix}"
        if output is None:
            place = source.path.parent / name
        elif into_folder:
            place = output / source.below.parent / name
        else:
            place = output
        origin, target = os.path.realpath(source.path), _identity(place)
        if targets.get(target) == origin and source.path != STREAM:
            continue  # It was named twice.
        if target in targets:
            raise PlanError(f"two inputs would be written to {place}; upscale them one at a time with -o")
        if target in sources and place != STREAM:
            raise PlanError(f"{place} is an input; choose another --output")
        targets[target] = origin
        jobs.append(Job(source, place))
    return jobs


def shard(jobs: list[Job], number: int, count: int) -> list[Job]:
    """Return one of `count` parts of the jobs, the same whatever machine asks and whatever other files there are.

    Args:
        jobs: All jobs.
        number: Which part, 1 to `count`.
        count: How many parts there are.
    """

    def part(job: Job) -> int:
        digest = hashlib.sha256(os.fsencode(job.source.below.as_posix())).digest()
        return int.from_bytes(digest[:8], "big") % count

    return [job for job in jobs if part(job) == number - 1]


def _identity(path: Path) -> str:
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()
