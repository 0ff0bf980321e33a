"""`amortized-sr compare`: methods on a few images, as a table, pictures and a page."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amortized_sr.choices import Convention
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.methods import (
    METHODS_HELP,
    PROTOCOL_HELP,
    DeviceOption,
    FitCoordsOption,
    FitRegionOption,
    FitSecondsOption,
    FitStepsOption,
    JpegOption,
    LimitOption,
    ModelOption,
    NoiseOption,
    RefineOption,
    SeedOption,
    WandbOption,
    find_methods,
    parse_faults,
    read_pictures,
)
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, create_folder

if TYPE_CHECKING:
    from torch import Tensor

_FILE_METHODS = "nearest,bicubic,lanczos,fit:siren,fit:notebook,amortized,amortized+refine"
_DIGIT_METHODS = "bicubic,fit:siren,amortized,autoencoder,autoencoder:mnist-morph,pca:64"


def compare(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="[INPUT]...", help="Image files, or folders of them.")
    ] = None,
    data: Annotated[Literal["mnist"] | None, typer.Option(help="A data set instead of files: its test split.")] = None,
    root: Annotated[Path, typer.Option(help="Folder that holds or gets MNIST/raw.")] = Path("data"),
    limit: LimitOption = None,
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
    noise: NoiseOption = "0",
    jpeg: JpegOption = "0",
    fit_steps: FitStepsOption = None,
    fit_region: FitRegionOption = 2,
    fit_seconds: FitSecondsOption = None,
    fit_coords: FitCoordsOption = "own",
    seed: SeedOption = 0,
    refine: RefineOption = 20,
    protocol: Annotated[
        Convention | None, typer.Option(help=f"{PROTOCOL_HELP} Default: plain for digits, rgb for files.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Default: compare_NAME.")
    ] = None,
    zoomable: Annotated[
        bool,
        typer.Option(
            "--zoomable",
            help="The page holds the latents of amortised methods too, and draws them at every zoom; up to 50 MB.",
        ),
    ] = False,
    wandb: WandbOption = "disabled",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare methods on a few images: a table, pictures, and a page on which they zoom together."""
    if bool(inputs) == (data is not None):
        raise typer.BadParameter("give either image files or --data mnist")
    if not 1 <= scale <= 64:
        raise typer.BadParameter(f"--scale must be from 1 to 64, got {scale:g}")
    faults = parse_faults(noise, jpeg)
    if given == "input" and any(one.noise or one.jpeg for one in faults):
        raise typer.BadParameter("--noise and --jpeg are added to inputs made from a truth; omit them, or --as input")
    folder = output or Path(f"compare_{inputs[0].stem if inputs else data}")

    from amortized_sr.benchmark.comparison import compare as run
    from amortized_sr.benchmark.comparison import log_comparisons
    from amortized_sr.benchmark.machine import describe_machine
    from amortized_sr.benchmark.protocol import describe, flat
    from amortized_sr.benchmark.report import COMPARISON_FILES, table, write_comparison
    from amortized_sr.data.mnist import read_digits
    from amortized_sr.tracking import finish_run, log_table, start_run

    def show(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    existing = [name for name in COMPARISON_FILES if (folder / name).exists()]
    if existing and not overwrite:
        raise typer.BadParameter(f"{folder / existing[0]} exists; --overwrite replaces it")
    for name in existing:
        if (folder / name).is_dir():
            raise typer.BadParameter(f"{folder / name} is a folder, which no file replaces; choose another --output")
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
        result = run(
            named,
            scale,
            given == "truth",
            chosen,
            convention,
            lambda name: show(f"{name} ..."),
            wandb != "disabled",
            faults,
            zoomable,
        )
        for notice in write_comparison(folder, result, scale, convention, machine):
            show(f"note: {notice}")
        about = {"scale": scale, "given": given, "protocol": convention, "limit": limit, "inputs": [*map(str, faults)]}
        named_by = {"methods": [one.name for one in chosen], "images": [one.name for one in result.images]}
        tracked = start_run(wandb, folder, {**about, **named_by, **dataclasses.asdict(settings)})
        if tracked is not None and result.images[0].predictions:
            log_comparisons(tracked, result.images)
            log_table(tracked, "methods", [flat(one) for one in result.methods])
        finish_run(tracked, quiet)
    if not quiet:
        typer.echo(describe(convention, given == "truth", faults))
        typer.echo(f"{result.count} images, scale {scale:g}, {machine}\n\n{table(result)}")
        typer.echo(f"\nwrote {folder}/: {' '.join(name for name in COMPARISON_FILES if (folder / name).exists())}")
    failed = [one for one in result.methods if one.error]
    for one in failed:
        typer.echo(f"warning: {one.method} failed: {one.error}", err=True)
    raise typer.Exit(1 if failures or len(failed) == len(result.methods) else 0)


def _digits(root: Path, limit: int | None) -> list[tuple[str, "Tensor"]]:
    from amortized_sr.data.mnist import read_digits

    digits = read_digits(root, train=False, limit=limit)
    return [(f"digit {index}", digit) for index, digit in enumerate(digits.split(1))]
