"""Plans a batch: inputs, their outputs, clashes, the manifest's folder; before anything is computed or written."""

import hashlib
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from amortized_sr.batch.inputs import STREAM, Input, find_addressed, find_inputs, read_list
from amortized_sr.batch.manifest import NAME
from amortized_sr.batch.options import BatchOptions
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.picture import check_place
from amortized_sr.pictures.conversion import output_format


@final
class PlanError(ImageError):
    """Inputs and outputs that do not go together."""


@final
@dataclass(frozen=True)
class Job:
    """One input and where its output goes."""

    source: Input
    output_path: Path


@final
@dataclass(frozen=True)
class BatchPlan:
    """What a batch does.

    Attributes:
        jobs: Inputs with their outputs.
        manifest_folder: Folder of the outputs, if a manifest is kept there.
        failures: What was named and cannot be found or searched, with the error.
        notes: What was named, with a sentence about it.
    """

    jobs: list[Job]
    manifest_folder: Path | None
    failures: list[tuple[Path | str, ImageError]]
    notes: list[tuple[Path | str, str]]


def plan_batch(
    named: Sequence[Path | str],
    options: BatchOptions,
    output: Path | None = None,
    is_folder: bool = False,
    recursive: bool = False,
    list_file: Path | None = None,
    part: tuple[int, int] | None = None,
    in_store: bool = False,
) -> BatchPlan:
    """Find inputs, give each an output, and make the outputs' folders.

    Args:
        named: Files, folders and patterns; texts are addresses in remote stores.
        options: How the files are upscaled.
        output: A file, a folder, or standard output; None puts outputs beside their inputs.
        is_folder: Whether `output` is a folder even if it does not exist and there is one input.
        recursive: Whether folders are searched to their bottom.
        list_file: Text file of further inputs, one path a line.
        part: `(I, N)` for the I-th of N parts, the same on every machine.
        in_store: Whether `output` stands for a folder of a remote store, where no folders are made and no manifest is
            kept.

    Raises:
        ImageError: If the list cannot be read, or the output cannot be written.
        PlanError: If inputs and output do not go together.
    """
    inputs: list[Input] = []
    failures: list[tuple[Path | str, ImageError]] = []
    notes: list[tuple[Path | str, str]] = []
    if list_file is not None:
        named = [*named, *read_list(list_file)]
    for path in named:
        try:
            found = find_addressed(path, recursive) if isinstance(path, str) else find_inputs(path, recursive, output)
        except ImageError as error:
            failures.append((path, error))
            continue
        inputs += found.inputs
        failures += [(path, error) for error in found.unreadable]
        if found.outputs:
            notes.append((path, passed_over(found.outputs, "upscale")))
    # A name that is no input itself, a folder's or a pattern's, may stand for many files, today or tomorrow.
    files = {source.path for source in inputs}
    several = len(named) > 1 or list_file is not None or not files.issuperset(named)
    is_folder = is_folder or in_store
    to_folder = output is not None and output != STREAM and (is_folder or several or os.path.isdir(output))
    folder = output if to_folder else None
    _check_output(output, folder, is_folder, inputs, options)
    jobs = _pair(inputs, output, folder, options)
    if part is not None:
        count, jobs = len(jobs), _shard(jobs, *part)
        if not jobs:
            notes.append((output or Path(), f"none of {count} inputs belongs to shard {part[0]}/{part[1]}"))
    if folder is None or in_store:
        return BatchPlan(jobs, None, failures, notes)
    for parent in {job.output_path.parent for job in jobs}:
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlanError(parent, f"cannot be made ({error.strerror})", "choose another output", "output") from None
    keeps_manifest = several or options.resume or os.path.lexists(folder / NAME)
    return BatchPlan(jobs, folder if keeps_manifest else None, failures, notes)


def passed_over(outputs: list[Path], verb: str) -> str:
    """Return a sentence about images that were not taken because an earlier batch wrote them."""
    count = f"{len(outputs)} images were" if len(outputs) > 1 else "1 image was"
    return f"{count} passed over as earlier outputs, such as {outputs[0].name}; name files themselves to {verb} them"


def _check_output(
    output: Path | None, folder: Path | None, is_folder: bool, inputs: list[Input], options: BatchOptions
) -> None:
    """Check that an output suits the inputs, before anything is read."""
    if output is None and any(source.path == STREAM for source in inputs):
        raise PlanError("stdin", "its picture needs an output", "name a file or standard output", "output")
    if options.resume and folder is None:
        problem = "there is no folder with a manifest to resume from"
        raise PlanError(output or "output", problem, "name a folder as output", "output")
    if folder is not None and not os.path.isdir(folder) and (folder.exists() or (folder.suffix and not is_folder)):
        raise PlanError(folder, "is not a folder", "several inputs need a folder as output", "output")
    if output is None or folder is not None:
        return
    if len(inputs) > 1:
        raise PlanError("stdout", f"takes one picture, got {len(inputs)}", "name a folder as output", "output")
    if output != STREAM:
        output_format(output, options.pictures)
        check_place(output)


def _pair(inputs: list[Input], output: Path | None, folder: Path | None, options: BatchOptions) -> list[Job]:
    """Return each input once with its output; no output is another's or an input.

    Raises:
        PlanError: If that is impossible.
    """
    jobs: dict[str, Job] = {}
    # Two spellings of one path, or a link, must not hide that it is one file; nor must letters that some file systems
    # do not distinguish.
    sources = {_identity(source.path) for source in inputs if source.path != STREAM}
    for source in inputs:
        name = f"{source.relative.stem}_{options.pictures.size.label}.{options.pictures.format or 'png'}"
        if folder is not None:
            output_path = folder / source.relative.parent / name
        else:
            output_path = output or source.path.parent / name
        target = _identity(output_path)
        if target in jobs:
            first = jobs[target].source.path
            if os.path.realpath(first) == os.path.realpath(source.path) and source.path != STREAM:
                continue  # It was named twice.
            problem = f"both {first} and {source.path} would be written to it"
            raise PlanError(output_path, problem, "upscale them one at a time, to different outputs", "output")
        if target in sources and output_path != STREAM:
            raise PlanError(output_path, "is an input", "choose another output", "output")
        jobs[target] = Job(source, output_path)
    return list(jobs.values())


def _shard(jobs: list[Job], number: int, count: int) -> list[Job]:
    """Return one of `count` parts of the jobs, the same on every machine and whatever other files there are."""
    names = (os.fsencode(job.source.relative.as_posix()) for job in jobs)
    numbers = (int.from_bytes(hashlib.sha256(name).digest()[:8], "big") for name in names)
    return [job for job, own in zip(jobs, numbers, strict=True) if own % count == number - 1]


def _identity(path: Path) -> str:
    return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()
