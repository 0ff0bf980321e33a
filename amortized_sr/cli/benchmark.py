"""`amortized-sr compare` and `benchmark`: methods on a few images, and on folders at several scales."""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amortized_sr.choices import Convention, DeviceName, FitCoords, WandbMode
from amortized_sr.cli.exit_codes import failures_as_sentences, sentence
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, create_folder

if TYPE_CHECKING:
    from torch import Tensor

    from amortized_sr.benchmark.methods import Method, MethodSettings, TrainingImages
    from amortized_sr.benchmark.runner import Row

METHODS_HELP = (
    "nearest, bilinear, bicubic, lanczos, fit:NETWORK, amortized, amortized:MODEL, both also +tta, +refine, "
    "autoencoder, autoencoder:MODEL, both also +refine, pca:N for digits."
)
ModelOption = Annotated[
    str | None, typer.Option("--model", "-n", metavar="NAME|PATH", help="Weights of the method `amortized`.")
]
DeviceOption = Annotated[DeviceName, typer.Option(help="Where to compute.")]
FitStepsOption = Annotated[int | None, typer.Option(min=1, help="Steps of the methods `fit`; default: each network's.")]
_FitRegion = Annotated[int, typer.Option(min=1, help="Fits supervise the mean of N x N points of a pixel.")]
_FitSeconds = Annotated[float | None, typer.Option(help="Time limit of a fit; all images of one size are one fit.")]
_FitCoords = Annotated[FitCoords, typer.Option(help="Coordinates of the fits.")]
SeedOption = Annotated[int, typer.Option(help="Decides the fits' initial weights.")]
_Refine = Annotated[int, typer.Option(min=1, metavar="N", help="Steps of `+refine`.")]
_FILE_METHODS = "nearest,bicubic,lanczos,fit:siren,fit:notebook,amortized,amortized+refine"
_DIGIT_METHODS = "bicubic,fit:siren,amortized,autoencoder,autoencoder:mnist-morph,pca:64"
_PROTOCOL_HELP = "y: luma, border of scale left out (Set5); rgb: border of scale + 6 left out; plain: all pixels."
_Limit = Annotated[int | None, typer.Option(min=1, help="Largest number of images (of each folder).")]
_Wandb = Annotated[WandbMode, typer.Option(help="Whether to log to Weights & Biases.")]


def compare(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="[INPUT]...", help="Image files, or folders of them.")
    ] = None,
    data: Annotated[Literal["mnist"] | None, typer.Option(help="A data set instead of files: its test split.")] = None,
    root: Annotated[Path, typer.Option(help="Folder that holds or gets MNIST/raw.")] = Path("data"),
    limit: _Limit = None,
    scale: Annotated[float, typer.Option("--scale", "-s", help="Output size over input size.")] = 4.0,
    given: Annotated[
        Literal["truth", "input"],
        typer.Option(
            "--as",
            help="truth: inputs are made by shrinking the images; input: images are enlarged, and only consistency "
            "can be measured.",
        ),
    ] = "truth",
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help=f"{METHODS_HELP} Default: {_DIGIT_METHODS} for digits, {_FILE_METHODS} for files."
        ),
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    fit_steps: FitStepsOption = None,
    fit_region: _FitRegion = 2,
    fit_seconds: _FitSeconds = None,
    fit_coords: _FitCoords = "own",
    seed: SeedOption = 0,
    refine: _Refine = 20,
    protocol: Annotated[
        Convention | None, typer.Option(help=f"{_PROTOCOL_HELP} Default: plain for digits, rgb for files.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Default: compare_NAME.")
    ] = None,
    wandb: _Wandb = "disabled",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare methods on a few images: a table, pictures, and a page with a slider."""
    if bool(inputs) == (data is not None):
        raise typer.BadParameter("give either image files or --data mnist")
    if not 1 <= scale <= 64:
        raise typer.BadParameter(f"--scale must be from 1 to 64, got {scale:g}")
    folder = output or Path(f"compare_{inputs[0].stem if inputs else data}")

    from amortized_sr.benchmark.comparison import compare as run
    from amortized_sr.benchmark.comparison import log_comparisons
    from amortized_sr.benchmark.machine import describe_machine
    from amortized_sr.benchmark.protocol import describe, flat
    from amortized_sr.benchmark.report import COMPARISON_FILES, table, write_comparison
    from amortized_sr.data.mnist import read_digits
    from amortized_sr.tracking import finish_run, log_table, start_run

    def show(name: str) -> None:
        if not quiet:
            typer.echo(f"{name} ...", err=True)

    existing = [name for name in COMPARISON_FILES if (folder / name).exists()]
    if existing and not overwrite:
        raise typer.BadParameter(f"{folder / existing[0]} exists; --overwrite replaces it")
    with failures_as_sentences(compare):
        weights = model or ("mnist" if data == "mnist" else None)
        names = methods or (_DIGIT_METHODS if data else _FILE_METHODS)
        training = partial(read_digits, root, train=True) if data else None
        chosen, settings = find_methods(
            compare, names, training, weights, device, fit_steps, fit_region, fit_seconds, fit_coords, seed, refine
        )
        convention: Convention = protocol or ("plain" if data == "mnist" else "rgb")
        machine = describe_machine()
        smallest = scale if given == "truth" else 1.0
        named, failures = (_digits(root, limit), 0) if data else read_pictures(compare, inputs or [], limit, smallest)
        create_folder(folder)
        result = run(named, scale, given == "truth", chosen, convention, show, enlarge=wandb != "disabled")
        write_comparison(folder, result, scale, convention, machine)
        about = {"scale": scale, "given": given, "protocol": convention, "limit": limit}
        named_by = {"methods": [one.name for one in chosen], "images": [one.name for one in result.images]}
        tracked = start_run(wandb, folder, {**about, **named_by, **dataclasses.asdict(settings)})
        if tracked is not None and result.images[0].predictions:
            log_comparisons(tracked, result.images)
            log_table(tracked, "methods", [flat(one) for one in result.methods])
        finish_run(tracked, quiet)
    if not quiet:
        typer.echo(describe(convention, given == "truth"))
        typer.echo(f"{len(result.images)} images, scale {scale:g}, {machine}\n\n{table(result)}")
        typer.echo(f"\nwrote {folder}/: {' '.join(name for name in COMPARISON_FILES if (folder / name).exists())}")
    failed = [one for one in result.methods if one.error]
    for one in failed:
        typer.echo(f"warning: {one.method} failed: {one.error}", err=True)
    raise typer.Exit(1 if failures or len(failed) == len(result.methods) else 0)


def benchmark(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of images, each a table.")],
    scales: Annotated[str, typer.Option(metavar="A,B,...", help="Scales, 1 or more each.")] = "2,3,4",
    methods: Annotated[
        str, typer.Option(metavar="A,B,...", help=METHODS_HELP)
    ] = "nearest,bilinear,bicubic,lanczos,amortized",
    protocol: Annotated[Convention, typer.Option(help=_PROTOCOL_HELP)] = "rgb",
    limit: _Limit = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    fit_steps: FitStepsOption = None,
    fit_region: _FitRegion = 2,
    fit_seconds: _FitSeconds = None,
    fit_coords: _FitCoords = "own",
    seed: SeedOption = 0,
    refine: _Refine = 20,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the report; an earlier run resumes.")
    ] = Path("benchmark"),
    wandb: _Wandb = "disabled",
    quiet: QuietOption = False,
) -> None:
    """Measure methods on folders of images at several scales: report.md, rows.csv, report.json."""
    chosen_scales = _parse_scales(scales)
    names = {folder.absolute().name: folder for folder in folders}
    if len(names) < len(folders):
        raise typer.BadParameter("two folders have the same name; rename one, tables are named by their folders")

    from amortized_sr import __version__
    from amortized_sr.benchmark.protocol import MEASUREMENTS, flat
    from amortized_sr.benchmark.report import BENCHMARK_FILES, markdown, write_benchmark
    from amortized_sr.benchmark.runner import OtherBenchmarkError, Plan, run
    from amortized_sr.tracking import finish_run, log_means, log_table, start_run

    def show(row: "Row", number: int, count: int) -> None:
        if not quiet:
            psnr = row.quality.psnr
            result = f"{psnr:.2f} dB" if psnr is not None else row.error or "no number"
            typer.echo(f"{number}/{count}  {row.data}/{row.image} x{row.scale:g} {row.method}  {result}", err=True)

    with failures_as_sentences(benchmark, f"interrupted; the same command resumes in {output}"):
        chosen, settings = find_methods(
            benchmark, methods, None, model, device, fit_steps, fit_region, fit_seconds, fit_coords, seed, refine
        )
        identities = [method.identity for method in chosen]
        described = {**dataclasses.asdict(settings), "identities": identities, "version": __version__}
        plan = Plan(names, chosen_scales, [method.name for method in chosen], protocol, limit, described)
        # Read before the folder is created: a wrong input should leave nothing behind.
        images = [f"{name}/{image}" for name, image, _ in plan.images()]
        create_folder(output)
        try:
            rows = run(plan, output / "journal.jsonl", chosen, show)
        except OtherBenchmarkError as error:
            raise typer.BadParameter(f"{error} (--output)") from None
        write_benchmark(output, rows, protocol)
        about = {"protocol": protocol, "scales": plan.scales, "methods": plan.methods, "limit": limit}
        tracked = start_run(wandb, output, {**about, "images": images, **described})
        if tracked is not None:
            records = [flat(row) for row in rows]
            log_table(tracked, "rows", records)
            label = "{data}/{method}/{scale}/{name}"
            log_means(
                tracked, ((label.format(name=name, **row), row[name]) for row in records for name in MEASUREMENTS)
            )
        finish_run(tracked, quiet)
    if not quiet:
        typer.echo(markdown(rows, protocol))
        typer.echo(f"wrote {output}/: {' '.join(BENCHMARK_FILES)}")
    worked = {row.key[:2] for row in rows if row.error is None}
    raise typer.Exit(1 if any(row.key[:2] not in worked for row in rows) else 0)


def find_methods(
    command: Callable[..., None],
    names: str,
    training: "TrainingImages | None",
    model: str | None,
    device: DeviceName,
    fit_steps: int | None,
    fit_region: int,
    fit_seconds: float | None,
    fit_coords: FitCoords,
    seed: int,
    refine: int,
) -> "tuple[list[Method], MethodSettings]":
    """Return the methods of a comma-separated list of names, and their settings, or raise a `typer.BadParameter`."""
    from amortized_sr.baselines.fitting import FitSettings
    from amortized_sr.benchmark.methods import MethodSettings, method
    from amortized_sr.image_io import ImageError
    from amortized_sr.refinement import RefineSettings
    from amortized_sr.weights_header import DEFAULT_MODEL

    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if not chosen or len(set(chosen)) < len(chosen):
        raise typer.BadParameter(f"--methods must name different methods, separated by commas, got {names!r}")
    coords = None if fit_coords == "own" else fit_coords
    # WeightsError is a ValueError too.
    try:
        fitting = FitSettings(coords=coords, steps=fit_steps, seconds=fit_seconds, region=fit_region, seed=seed)
        refining = RefineSettings(steps=refine)
        settings = MethodSettings(model or DEFAULT_MODEL, device=device, fit=fitting, refine=refining)
        return [method(name, settings, training) for name in chosen], settings
    except ImageError:
        # Training images that are missing are no wrong usage.
        raise
    except ValueError as error:
        raise typer.BadParameter(sentence(error, command)) from None


def _parse_scales(text: str) -> list[float]:
    try:
        scales = [float(part) for part in text.split(",")]
    except ValueError:
        scales = []
    if not scales or not all(math.isfinite(scale) and 1 <= scale <= 64 for scale in scales):
        raise typer.BadParameter(f"--scales must be numbers from 1 to 64, separated by commas, got {text!r}")
    return sorted(set(scales))


def _digits(root: Path, limit: int | None) -> list[tuple[str, "Tensor"]]:
    from amortized_sr.data.mnist import read_digits

    digits = read_digits(root, train=False, limit=limit)
    return [(f"digit {index}", digit) for index, digit in enumerate(digits.split(1))]


def read_pictures(
    command: Callable[..., None], inputs: list[Path], limit: int | None, smallest: float
) -> tuple[list[tuple[str, "Tensor"]], int]:
    """Return names and images of at least `smallest` pixels a side, and the number of unusable files."""
    from amortized_sr.data.folder import image_files
    from amortized_sr.image_io import ImageError, read_picture
    from amortized_sr.picture_tensor import picture_to_tensor

    paths = [path for given in inputs for path in (image_files(given) if given.is_dir() else [given])]
    named: list[tuple[str, Tensor]] = []
    failures = 0
    for path in paths[:limit]:
        try:
            picture = read_picture(path, background=(255, 255, 255))
            if min(picture.size) < smallest:
                size = f"{picture.width}x{picture.height}"
                raise ImageError(
                    path, f"{size} pixels are too few for scale {smallest:g}", "lower the scale", setting="scale"
                )
            named.append((str(path), picture_to_tensor(picture)))
        except ImageError as error:
            typer.echo(f"error: {sentence(error, command)}", err=True)
            failures += 1
    if not named:
        raise ImageError(", ".join(map(str, inputs)), "no readable images", "give image files or folders of them")
    return named, failures
