"""`amortized-sr upscale`."""

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import DeviceName, FormatName, Precision
from amortized_sr.cli.signals import Terminated, ended_at_once, ended_in_order
from amortized_sr.cli.target import HeightOption, LongestOption, ScaleOption, SizeOption, WidthOption, parse_target

if TYPE_CHECKING:
    from amortized_sr.batch.plan import Job
    from amortized_sr.batch.report import Report
    from amortized_sr.batch.settings import Settings

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
# The model, the libraries and a tile of the smallest size need this much.
_LEAST_MEMORY = 2**26


def upscale(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help="Image files, folders, patterns in quotes, or - for standard input."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="File, folder for several inputs, or - for standard output; default: beside the input.",
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
    format_: Annotated[
        FormatName | None, typer.Option("--format", "-f", help="Of outputs whose names are not given; default: png.")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(min=1, max=100, help="Of jpg, avif and webp; default: 95, webp without loss.")
    ] = None,
    compression: Annotated[
        int, typer.Option(min=0, max=9, help="Effort for png and tif: 0 is fastest, 9 smallest.")
    ] = 1,
    background: Annotated[
        str, typer.Option(metavar="COLOUR", help="Behind transparency, in formats without it: name or #rrggbb.")
    ] = "white",
    strip_metadata: Annotated[
        bool, typer.Option("--strip-metadata", help="Leave out EXIF (places, cameras), XMP, texts and resolution.")
    ] = False,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search folders to their bottom.")] = False,
    from_list: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Text file of more inputs, one path a line.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Do the I-th of N parts, such as 3/8, the same on every machine.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a batch: redo what its manifest does not know in this form.")
    ] = False,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="Most pixels that an input may have; default: 89478485.")
    ] = None,
    allow_truncated: Annotated[
        bool, typer.Option("--allow-truncated", help="Take 8 bit files that end too early; what is missing is grey.")
    ] = False,
    memory: Annotated[
        str, typer.Option(metavar="BYTES", help="Of the working set, such as 500M; larger images are cut in tiles.")
    ] = "1G",
    precision: Annotated[
        Precision, typer.Option(help="Of the encoder; tiles that come out wrong are made again in fp32.")
    ] = "fp32",
    tta: Annotated[
        bool, typer.Option("--tta", help="Encode all eight flips of an image and average: a little better, 8x slower.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per input.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print model, device, and what files are.")] = False,
) -> None:
    """Draw images at any size, with one forward pass each.

    Keeps bit depth, transparency, colour profile and metadata, and plays animations picture by picture. Video is
    out of scope: take it apart and put it together with a video tool.
    """
    if quiet and verbose:
        raise typer.BadParameter("choose one of --quiet and --verbose")
    if overwrite and resume:
        raise typer.BadParameter("choose one of --overwrite and --resume")
    label, resolve = parse_target(scale, size, width, height, longest)
    part, budget = _parse_shard(shard), _parse_memory(memory)
    if not inputs and from_list is None:
        raise typer.BadParameter("name at least one INPUT, or a file of them with --list")

    # Costs a second, so it waits until the command line is known to make sense.
    with ended_at_once():
        from amortized_sr.batch.report import Report
        from amortized_sr.batch.settings import Settings
        from amortized_sr.batch.stream import STREAM, path_or_stream
        from amortized_sr.image_io.limits import DEFAULT_MAX_PIXELS
        from amortized_sr.weights_header import DEFAULT_MODEL

    place = None if output is None else path_or_stream(output)
    report = Report(as_json, quiet, verbose, to_stderr=place == STREAM)
    if place == STREAM and sys.stdout is None:
        raise typer.BadParameter("standard output is closed; name a file with -o")
    if place == STREAM and sys.stdout.isatty():
        raise typer.BadParameter("a picture would spoil the terminal; send it into a file with > or name one with -o")
    settings = Settings(
        label=label,
        resolve=resolve,
        model=model or DEFAULT_MODEL,
        device=device,
        memory=budget,
        precision=precision,
        tta=tta,
        quality=quality,
        compression=compression,
        background=_parse_colour(background),
        strip_metadata=strip_metadata,
        max_pixels=max_pixels or DEFAULT_MAX_PIXELS,
        allow_truncated=allow_truncated,
        overwrite=overwrite,
        resume=resume,
    )
    named = [path_or_stream(text) for text in inputs or []]
    jobs, folder = _plan(named, from_list, recursive, place, format_, part, settings, report)
    _work(jobs, settings, folder, format_ or "png", report)


def _plan(
    named: list[Path],
    from_list: Path | None,
    recursive: bool,
    output: Path | None,
    format_: FormatName | None,
    part: tuple[int, int] | None,
    settings: "Settings",
    report: "Report",
) -> tuple[list["Job"], Path | None]:
    """Return what is to be done, and the folder that gets a manifest.

    Raises:
        typer.BadParameter: If inputs and output do not go together.
    """
    from amortized_sr.batch.inputs import Input, find_inputs, read_list
    from amortized_sr.batch.manifest import NAME
    from amortized_sr.batch.plan import PlanError, plan, shard
    from amortized_sr.batch.stream import STREAM
    from amortized_sr.image_io import ImageError

    suffix = f".{format_ or 'png'}"
    if from_list is not None:
        try:
            named = named + read_list(from_list)
        except ImageError as error:
            raise typer.BadParameter(str(error)) from None
        if not named:
            raise typer.BadParameter(f"{from_list}: the list names no files; --list wants one path a line")
    inputs: list[Input] = []
    for path in named:
        try:
            found = find_inputs(path, recursive, output)
        except ImageError as error:
            report.failed(path, str(error))
            continue
        inputs += found.inputs
        for sentence in found.closed:
            report.failed(path, sentence)
        if found.outputs:
            report.note(path, _passed_over(found.outputs))
    # A name that is no input itself, a folder's or a pattern's, may mean many files, today or tomorrow.
    files = {source.path for source in inputs}
    several = len(named) > 1 or from_list is not None or not files.issuperset(named)
    into_folder = output is not None and output != STREAM and (os.path.isdir(output) or several)
    if output is not None and not into_folder:
        if len(inputs) > 1:
            raise typer.BadParameter(f"standard output takes one picture, got {len(inputs)}; name a folder with -o")
        also = {".tif": ".tiff", ".jpg": ".jpeg"}.get(suffix)
        if format_ is not None and output != STREAM and output.suffix.lower() not in (suffix, also):
            raise typer.BadParameter(f"--format {format_} and --output {output} disagree; leave one of them out")
    if into_folder and output is not None and not os.path.isdir(output) and (output.suffix or os.path.exists(output)):
        raise typer.BadParameter(f"several inputs need a folder as --output; {output} is not one")
    if output is None and any(source.path == STREAM for source in inputs):
        raise typer.BadParameter(
            "a picture from standard input needs an --output; name a file, or - for standard output"
        )
    if settings.resume and not into_folder:
        raise typer.BadParameter("--resume needs a folder as --output; its manifest lies there")
    try:
        jobs = plan(inputs, output, into_folder, settings.label, suffix)
    except PlanError as error:
        raise typer.BadParameter(str(error)) from None
    if part is not None:
        count = len(jobs)
        jobs = shard(jobs, *part)
        if not jobs:
            report.note(output or Path(), f"none of {count} inputs belongs to shard {part[0]}/{part[1]}")
    if into_folder:
        for folder in {job.place.parent for job in jobs}:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise typer.BadParameter(f"{folder}: cannot be made ({error.strerror}); choose another -o") from None
    if not into_folder or output is None:
        return jobs, None
    return jobs, output if several or settings.resume or os.path.lexists(output / NAME) else None


def _passed_over(outputs: list[Path]) -> str:
    count = f"{len(outputs)} images were" if len(outputs) > 1 else "1 image was"
    return f"{count} passed over as earlier outputs, such as {outputs[0].name}; name files themselves to upscale them"


def _work(
    jobs: list["Job"], settings: "Settings", folder: Path | None, stream_format: FormatName, report: "Report"
) -> None:
    """Do it, and leave with the exit code."""
    with ended_at_once():
        from amortized_sr.batch.run import UnusableError, run

    try:
        with ended_in_order():
            report.start(len(jobs))
            run(jobs, settings, folder, stream_format, report)
    except UnusableError as error:
        report.stop()
        raise typer.BadParameter(str(error)) from None
    except KeyboardInterrupt as interruption:
        report.finish()
        terminated = isinstance(interruption, Terminated)
        typer.echo("terminated" if terminated else "interrupted", err=True)
        raise typer.Exit(143 if terminated else 130) from None
    finally:
        report.stop()
    raise typer.Exit(report.finish())


def _parse_shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise typer.BadParameter(f"--shard must be I/N with I from 1 to N, such as 3/8, got {text!r}")
    return int(match[1]), int(match[2])


def _parse_memory(text: str) -> int:
    match = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise typer.BadParameter(f"--memory must be a number of bytes, such as 500M or 2G, got {text!r}")
    count = int(float(match[1]) * _UNITS[match[2].upper()])
    if count < _LEAST_MEMORY:
        raise typer.BadParameter(f"--memory must be at least {_LEAST_MEMORY // 2**20}M, got {text!r}")
    return count


def _parse_colour(text: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise typer.BadParameter(f"--background must be a colour such as white or #808080, got {text!r}") from None
    return red, green, blue
