"""`amortized-sr upscale`."""

import os
import re
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amortized_sr.choices import DeviceName, EngineName, FormatName, Precision
from amortized_sr.cli.exit_codes import Terminated, ended_at_once, ended_in_order, sentence
from amortized_sr.cli.sizes_in_bytes import parse_bytes
from amortized_sr.cli.target import HeightOption, LongestOption, ScaleOption, SizeOption, WidthOption, parse_target
from amortized_sr.freed_memory import keep_freed_memory

if TYPE_CHECKING:
    from amortized_sr.strength import Dial

EngineOption = Literal[EngineName, "ray"]
"""What draws, in this process; or `ray`, whose workers choose as `auto` does."""

# The model, the libraries and a tile of the smallest size need this much.
_LEAST_MEMORY = 2**26


def upscale(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help="Image files, folders, patterns in quotes, or - for standard input."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="File, folder/ or - (stdout); default: beside the input."),
    ] = None,
    scale: ScaleOption = None,
    size: SizeOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    longest: LongestOption = None,
    model: Annotated[
        str | None, typer.Option("--model", "-n", metavar="NAME|PATH", help="Bundled weights or a .safetensors file.")
    ] = None,
    device: Annotated[DeviceName, typer.Option(help="Where to compute.")] = "auto",
    engine: Annotated[
        EngineOption,
        typer.Option(
            help="What computes; auto: numpy for small pictures, else torch; onnx: graphs of `export`; ray: workers."
        ),
    ] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of --engine ray: how many processes; default: as many as processors.")
    ] = None,
    format_: Annotated[
        FormatName | None, typer.Option("--format", "-f", help="Of outputs whose names are not given; default: png.")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(min=1, max=100, help="Of jpg, avif and webp; default: 95, webp without loss.")
    ] = None,
    compression: Annotated[int, typer.Option(min=0, max=9, help="Effort for png and tif: 0 fast, 9 small.")] = 1,
    background: Annotated[
        str, typer.Option(metavar="COLOUR", help="Behind transparency, in formats without it: name or #rrggbb.")
    ] = "white",
    strip_metadata: Annotated[
        bool, typer.Option("--strip-metadata", help="Leave out EXIF (places, cameras), XMP, texts and resolution.")
    ] = False,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search folders to their bottom.")] = False,
    list_: Annotated[Path | None, typer.Option("--list", metavar="FILE", help="More inputs, one path a line.")] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Do the I-th of N parts, such as 3/8, the same on every machine.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a batch; redo outputs of other options or changed inputs.")
    ] = False,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="Most pixels that an input may have; default: 89478485.")
    ] = None,
    allow_truncated: Annotated[
        bool, typer.Option("--allow-truncated", help="Accept 8-bit files that end too early; the missing part is grey.")
    ] = False,
    memory: Annotated[
        str, typer.Option(metavar="BYTES", help="Of the working set, such as 500M; larger images are cut in tiles.")
    ] = "1G",
    precision: Annotated[
        Precision, typer.Option(help="Of the encoder; auto: bf16 where it is fast. Wrong tiles are recomputed in fp32.")
    ] = "auto",
    tta: Annotated[bool, typer.Option("--tta", help="Average over eight flips: a little better, 8x slower.")] = False,
    denoise: Annotated[
        str, typer.Option(metavar="auto|off|SIGMA", help="Noise to remove, 0 to 75 of 255, by models that read it.")
    ] = "auto",
    dejpeg: Annotated[
        str, typer.Option(metavar="auto|off|QUALITY", help="JPEG quality to repair, 1 to 100, by models that read it.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per input.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print model, device and kinds of files.")] = False,
    # The name under which the command was called: `denoise` has other defaults.
    command: Annotated[str, typer.Option(hidden=True)] = "upscale",
) -> None:
    """Draw images at any size, with one forward pass each.

    Keeps bit depth, transparency, colour profile and metadata, and upscales animations picture by picture. Video is
    not supported: split it into pictures, and join them, with a video tool.
    """
    if quiet and verbose:
        raise typer.BadParameter("choose one of --quiet and --verbose")
    if overwrite and resume:
        raise typer.BadParameter("choose one of --overwrite and --resume")
    if not inputs and list_ is None:
        raise typer.BadParameter("name at least one INPUT, or a file of them with --list")
    if workers is not None and engine != "ray":
        raise typer.BadParameter(f"--workers is for --engine ray, whose processes it counts; the engine is {engine}")
    part, budget = _parse_shard(shard), parse_bytes("--memory", memory, _LEAST_MEMORY)
    noise, jpeg = _parse_strength("--denoise", denoise), _parse_strength("--dejpeg", dejpeg)
    # Loading libraries costs a second.
    with ended_at_once():
        target = parse_target(scale, size, width, height, longest)
        from amortized_sr.batch.inputs import STREAM, path_or_stream
        from amortized_sr.batch.options import BatchOptions
        from amortized_sr.batch.plan import plan_batch
        from amortized_sr.batch.report import Report
        from amortized_sr.compute import Compute
        from amortized_sr.image_io import ImageError
        from amortized_sr.image_io.formats import DEFAULT_MAX_PIXELS
        from amortized_sr.pictures.options import PictureOptions
        from amortized_sr.stores import is_address
        from amortized_sr.weights_header import DEFAULT_DENOISER, DEFAULT_MODEL

    place = output if output is not None and is_address(output) else None
    addressed = [text for text in (*(inputs or []), place or "") if is_address(text)]
    if addressed and engine != "ray":
        raise typer.BadParameter(f"addresses of stores, such as {addressed[0]}, are for --engine ray")
    if engine == "ray" and "-" in (*(inputs or []), output):
        raise typer.BadParameter("--engine ray takes files, not pipes; leave it out")
    if addressed and output is None:
        raise typer.BadParameter(f"the outputs of {addressed[0]} need a place; name a folder or an address with -o")
    output_path = None if output is None else path_or_stream(output.partition("://")[2] if place else output)
    if output_path == STREAM and sys.stdout is None:
        raise typer.BadParameter("standard output is closed; name a file with -o")
    if output_path == STREAM and sys.stdout.isatty():
        raise typer.BadParameter("a terminal cannot show a picture; redirect it to a file with > or name one with -o")
    colour, limit = _parse_colour(background), max_pixels or DEFAULT_MAX_PIXELS
    denoising = command == "denoise"
    model = model or (DEFAULT_DENOISER if denoising else DEFAULT_MODEL)
    _check_strengths(model, noise, jpeg, needed=denoising)
    pictures = PictureOptions(
        target, format_, quality, compression, colour, strip_metadata, limit, allow_truncated, tta, noise, jpeg
    )
    compute = Compute(device, budget, precision)
    options = BatchOptions(pictures, model, compute, overwrite, resume, "auto" if engine == "ray" else engine)
    named = [text if is_address(text) else path_or_stream(text) for text in inputs or []]
    is_folder = output is not None and output.endswith(("/", os.sep))
    report = Report(as_json, quiet, verbose, to_stderr=output_path == STREAM, sentence=sentence)
    try:
        plan = plan_batch(named, options, output_path, is_folder, recursive, list_, part, in_store=place is not None)
    except ImageError as error:
        raise typer.BadParameter(sentence(error)) from None
    with ended_at_once():
        from amortized_sr.batch.engines import UnusableError
        from amortized_sr.batch.run import run
    try:
        work = partial(run, limit_threads=True, loading=ended_at_once)
        if engine == "ray":
            with ended_at_once():
                from amortized_sr.batch.ray_run import Cluster, check_ray, run_on_ray

                check_ray()
            workers = workers or os.cpu_count() or 1
            work = partial(run_on_ray, cluster=Cluster(workers, place, output_path, keep_freed_memory))
        with ended_in_order():
            report.start(plan)
            work(plan, options, report)
    except UnusableError as error:
        raise typer.BadParameter(str(error)) from None
    except KeyboardInterrupt as interruption:
        report.finish()
        terminated = isinstance(interruption, Terminated)
        typer.echo("terminated" if terminated else "interrupted", err=True)
        if plan.manifest_folder is not None and sys.argv[1:2] == [command]:
            rest = [word for word in sys.argv[2:] if word not in ("--overwrite", "--resume")]
            typer.echo(f"to continue: amortized-sr {command} --resume {shlex.join(rest)}", err=True)
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


def _parse_strength(option: str, text: str) -> "Dial":
    if text == "auto" or text == "off":
        return text
    try:
        number = float(text)
    except ValueError:
        raise typer.BadParameter(f"{option} must be auto, off or a number, got {text!r}") from None
    return int(number) if number.is_integer() else number


def _check_strengths(model: str, noise: "Dial", jpeg: "Dial", needed: bool) -> None:
    """Check that a model can do what is asked for, from its header; with `needed`, it must read a strength at all."""
    from amortized_sr.strength import Restoration, StrengthError
    from amortized_sr.weights_header import WeightsError, find_weights, models_reading, read_header

    try:
        wanted = Restoration(noise, jpeg)
        if not needed and wanted == Restoration():
            return
        conditions = read_header(find_weights(model)).config.conditions
        wanted.check(conditions, models_reading)
    except StrengthError as error:
        option = {"noise": "--denoise", "jpeg": "--dejpeg"}[error.setting]
        raise typer.BadParameter(str(error), param_hint=option) from None
    except WeightsError as error:
        raise typer.BadParameter(str(error)) from None
    if needed and not conditions:
        able = " or ".join(models_reading("noise"))
        raise typer.BadParameter(f"the model {model} reads neither noise nor compression; choose {able} with --model")


def _parse_colour(text: str) -> tuple[int, int, int]:
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise typer.BadParameter(f"--background must be a colour such as white or #808080, got {text!r}") from None
    return red, green, blue
