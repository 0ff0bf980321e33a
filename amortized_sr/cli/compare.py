"""`amortized-sr compare`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amortized_sr.choices import Convention
from amortized_sr.cli.endings import failures_as_sentences
from amortized_sr.cli.judging import (
    DeviceOption,
    FitCoordsOption,
    FitRegionOption,
    FitSecondsOption,
    FitStepsOption,
    MethodsOption,
    ModelOption,
    ProtocolOption,
    RefineOption,
    SeedOption,
    WandbOption,
    find_methods,
    method_settings,
)

if TYPE_CHECKING:
    from torch import Tensor

_FILES = ("compare.html", "grid.png", "metrics.json", "metrics.csv")


def compare(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="[INPUT]...", help="Image files, or folders of them.")
    ] = None,
    data: Annotated[Literal["mnist"] | None, typer.Option(help="A data set instead of files: its test split.")] = None,
    root: Annotated[Path, typer.Option(help="Folder that holds or gets MNIST/raw.")] = Path("data"),
    limit: Annotated[int | None, typer.Option(min=1, help="Most images.")] = None,
    scale: Annotated[float, typer.Option("--scale", "-s", help="Output size over input size.")] = 4.0,
    given: Annotated[
        Literal["truth", "input"],
        typer.Option(
            "--as",
            help="truth: inputs are made by shrinking the images; input: images are enlarged, and only consistency "
            "can be measured.",
        ),
    ] = "truth",
    methods: MethodsOption = "nearest,bicubic,lanczos,fit:siren,fit:notebook,amortized,amortized+refine",
    model: ModelOption = None,
    device: DeviceOption = "auto",
    fit_steps: FitStepsOption = None,
    fit_region: FitRegionOption = 2,
    fit_seconds: FitSecondsOption = None,
    fit_coords: FitCoordsOption = "own",
    seed: SeedOption = 0,
    refine: RefineOption = 20,
    protocol: Annotated[
        Convention | None,
        typer.Option("--protocol", help="As in `benchmark`; default: plain for digits, rgb for files."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Default: compare_NAME.")
    ] = None,
    wandb: WandbOption = "disabled",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier comparison.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Draw images by several methods: a table, pictures, and a page with a slider."""
    if bool(inputs) == (data is not None):
        raise typer.BadParameter("give either image files or --data mnist")
    if not 1 <= scale <= 64:
        raise typer.BadParameter(f"--scale must be from 1 to 64, got {scale:g}")
    folder = output or Path(f"compare_{inputs[0].stem if inputs else data}")
    taken = [name for name in _FILES if (folder / name).exists()]
    if taken and not overwrite:
        raise typer.BadParameter(f"{folder / taken[0]} exists; --overwrite replaces it")
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is not a folder; choose another --output")

    from amortized_sr.benchmark.compare import compare as run
    from amortized_sr.benchmark.compare import group_by_size, table, write_comparison
    from amortized_sr.benchmark.machine import describe_machine
    from amortized_sr.benchmark.protocol import describe
    from amortized_sr.tracking import finish_run, log_comparisons, start_run

    chosen = model or ("mnist" if data == "mnist" else None)
    settings = method_settings(chosen, device, fit_steps, fit_region, fit_seconds, fit_coords, seed, refine)
    ways = find_methods(methods, settings)
    convention: ProtocolOption = protocol or ("plain" if data == "mnist" else "rgb")
    machine = describe_machine()
    with failures_as_sentences():
        folder.mkdir(parents=True, exist_ok=True)
        smallest = scale if given == "truth" else 1.0
        named, failures = _digits(root, limit) if data == "mnist" else _pictures(inputs or [], limit, smallest)
        groups = group_by_size(named, scale, truth=given == "truth")
        result = run(groups, ways, convention, lambda name: None if quiet else typer.echo(f"{name} ...", err=True))
        write_comparison(folder, result, scale, convention, machine)
    tracked = start_run(wandb, folder, {"scale": scale, "protocol": convention, **dataclasses.asdict(settings)})
    if tracked is not None and result.images and result.images[0].drawn:
        log_comparisons(tracked, result.images)
    finish_run(tracked)
    if not quiet:
        typer.echo(describe(convention, given == "truth"))
        typer.echo(f"{len(result.images)} images, scale {scale:g}, {machine}\n\n{table(result)}")
        typer.echo(f"\nwrote {folder}/: {' '.join(name for name in _FILES if (folder / name).exists())}")
    for one in result.methods:
        if one.error:
            typer.echo(f"warning: {one.method} failed: {one.error}", err=True)
    worked = any(one.error is None for one in result.methods)
    raise typer.Exit(1 if failures or not worked else 0)


def _digits(root: Path, limit: int | None) -> tuple[list[tuple[str, "Tensor"]], int]:
    import torch

    from amortized_sr.data.mnist import read_mnist

    store = read_mnist(root, train=False)
    count = min(limit or len(store), len(store))
    return [
        (f"digit {index}", torch.from_numpy(store[index].copy()).permute(2, 0, 1)[None].float() / 255)
        for index in range(count)
    ], 0


def _pictures(inputs: list[Path], limit: int | None, smallest: float) -> tuple[list[tuple[str, "Tensor"]], int]:
    """Return names and images of at least `smallest` pixels a side, and how many files were not usable.

    Raises:
        ImageError: If there is nothing to compare.
    """
    from amortized_sr.data.folder import image_files
    from amortized_sr.image_io import ImageError, read_picture
    from amortized_sr.picture_tensor import picture_to_tensor

    paths: list[Path] = []
    for path in inputs:
        if path.is_dir():
            paths += image_files(path)
        else:
            paths.append(path)
    named: list[tuple[str, Tensor]] = []
    failures = 0
    for path in paths[:limit]:
        try:
            picture = read_picture(path, background=(255, 255, 255))
            if min(picture.size) < smallest:
                raise ImageError(
                    f"{path}: {picture.width}x{picture.height} pixels are too few for scale {smallest:g}; "
                    "lower --scale, or leave it out"
                )
            named.append((str(path), picture_to_tensor(picture)))
        except ImageError as error:
            typer.echo(f"error: {error}", err=True)
            failures += 1
    if not named:
        raise ImageError(f"{', '.join(map(str, inputs))}: no readable images; give image files or folders of them")
    return named, failures
