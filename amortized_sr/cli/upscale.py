"""`amortized-sr upscale`."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amortized_sr.cli.target import (
    HeightOption,
    LongestOption,
    ScaleOption,
    Size,
    SizeOption,
    WidthOption,
    parse_target,
)

if TYPE_CHECKING:
    from PIL import Image

    from amortized_sr.upscaler import Upscaler

DeviceName = Literal["auto", "cpu", "cuda", "mps"]


def upscale(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT", help="Image files.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="File, or for several inputs folder; default: beside the input.",
        ),
    ] = None,
    scale: ScaleOption = None,
    size: SizeOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    longest: LongestOption = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-n", metavar="NAME|PATH", help="Bundled weights or a .safetensors file."),
    ] = None,
    device: Annotated[DeviceName, typer.Option(help="Where to compute.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per input.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print model and device as well.")] = False,
) -> None:
    """Draw images at any size, with one forward pass each."""
    if quiet and verbose:
        raise typer.BadParameter("choose one of --quiet and --verbose")
    label, resolve = parse_target(scale, size, width, height, longest)
    jobs = _plan(inputs, output, label)
    report = _Report(as_json, quiet, verbose)
    try:
        _run(jobs, resolve, model, device, overwrite, report)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(130) from None
    report.finish()


def _plan(inputs: list[Path], output: Path | None, label: str) -> list[tuple[Path, Path]]:
    """Return each input with its output, none of them twice and none of them an input.

    Raises:
        typer.BadParameter: If that is impossible.
    """
    into_folder = output is not None and (os.path.isdir(output) or len(inputs) > 1)
    if output is not None and into_folder and not os.path.isdir(output):
        raise typer.BadParameter(f"several inputs need a folder as --output; {output} is not one, create it first")
    # Two ways of writing one path, or a link, must not hide that it is one file.
    sources = {os.path.realpath(path) for path in inputs}
    targets: set[str] = set()
    jobs: list[tuple[Path, Path]] = []
    for path in inputs:
        folder = path.parent if output is None else output
        place = folder / f"{path.stem}_{label}.png" if output is None or into_folder else output
        target = os.path.realpath(place)
        if target in targets:
            raise typer.BadParameter(f"two inputs would be written to {place}; upscale them one at a time with -o")
        if target in sources:
            raise typer.BadParameter(f"{place} is an input; choose another --output")
        targets.add(target)
        jobs.append((path, place))
    return jobs


def _run(
    jobs: list[tuple[Path, Path]],
    resolve: Callable[[Size], Size],
    model: str | None,
    device: DeviceName,
    overwrite: bool,
    report: "_Report",
) -> None:
    # Costs a second, so it waits until the command line is known to make sense.
    from amortized_sr.image_io import ImageError, check_output, read_picture, write_picture
    from amortized_sr.weights import DEFAULT_MODEL

    upscaler: Upscaler | None = None
    for path, place in jobs:
        begin = time.perf_counter()
        if os.path.exists(place) and not overwrite:
            report.skipped(path, place)
            continue
        try:
            picture = read_picture(path)
            own = picture.height, picture.width
            try:
                size = resolve(own)
            except ValueError as error:
                raise ImageError(f"{path}: {error}") from None
            check_output(place, size)
            if upscaler is None:
                upscaler = _load(model or DEFAULT_MODEL, device, report)
            write_picture(_draw(upscaler, path, picture, size), place)
        except ImageError as error:
            report.failed(path, str(error))
        else:
            report.done(path, place, own, size, time.perf_counter() - begin)


def _draw(upscaler: "Upscaler", path: Path, picture: "Image.Image", size: Size) -> "Image.Image":
    """Draw one picture; what is too large for it or for the machine is this input's failure and not the program's."""
    from amortized_sr.image_io import ImageError

    try:
        return upscaler.upscale(picture, size=size)
    except ValueError as error:
        raise ImageError(f"{path}: {error}") from None
    except (MemoryError, RuntimeError) as error:
        # torch says "out of memory" or "not enough memory", with classes that differ between devices.
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise ImageError(f"{path}: not enough memory for {size[1]}x{size[0]} pixels; ask for a smaller size") from None


def _load(model: str, device: DeviceName, report: "_Report") -> "Upscaler":
    from amortized_sr.upscaler import Upscaler

    try:
        upscaler = Upscaler.from_pretrained(model, device)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    report.loaded(model, str(upscaler.device))
    return upscaler


@dataclass
class _Report:
    """What the user gets to read: lines or JSON objects on stdout, errors on stderr."""

    as_json: bool
    quiet: bool
    verbose: bool
    counts: Counter[str] = field(default_factory=Counter)

    def loaded(self, model: str, device: str) -> None:
        if self.verbose and not self.as_json:
            typer.echo(f"model {model} on {device}")

    def done(self, path: Path, place: Path, own: Size, size: Size, seconds: float) -> None:
        self._tell(
            f"{path}  {own[1]}x{own[0]} -> {size[1]}x{size[0]}  {seconds:.2f} s  {place}",
            input=str(path),
            status="done",
            output=str(place),
            width=size[1],
            height=size[0],
            seconds=round(seconds, 4),
        )

    def skipped(self, path: Path, place: Path) -> None:
        self._tell(
            f"{path}  skipped: {place} exists; --overwrite replaces it",
            input=str(path),
            status="skipped",
            output=str(place),
        )

    def failed(self, path: Path, reason: str) -> None:
        typer.echo(f"error: {reason}", err=True)
        self._tell("", input=str(path), status="failed", error=reason)

    def finish(self) -> None:
        """Print the totals of several inputs, and leave with the exit code."""
        if not (self.as_json or self.quiet) and self.counts.total() > 1:
            typer.echo(", ".join(f"{count} {status}" for status, count in self.counts.items()))
        raise typer.Exit(1 if self.counts["failed"] else 0)

    def _tell(self, line: str, status: str, **facts: str | int | float) -> None:
        self.counts[status] += 1
        if self.as_json:
            typer.echo(json.dumps({"status": status, **facts}))
        elif line and not self.quiet:
            typer.echo(line)
