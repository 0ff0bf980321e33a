"""`amortized-sr compare`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from amortized_sr.choices import Convention
from amortized_sr.cli import method_options as options
from amortized_sr.cli.exit_codes import failures_as_sentences, sentence
from amortized_sr.cli.output_files import OverwriteOption, create_folder

if TYPE_CHECKING:
    from torch import Tensor


def compare(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="[INPUT]...", help="Image files, or folders of them.")
    ] = None,
    data: Annotated[Literal["mnist"] | None, typer.Option(help="A data set instead of files: its test split.")] = None,
    root: Annotated[Path, typer.Option(help="Folder that holds or gets MNIST/raw.")] = Path("data"),
    limit: options.Limit = None,
    scale: Annotated[float, typer.Option("--scale", "-s", help="Output size over input size.")] = 4.0,
    given: Annotated[
        Literal["truth", "input"],
        typer.Option(
            "--as",
            help="truth: inputs are made by shrinking the images; input: images are enlarged, and only consistency "
            "can be measured.",
        ),
    ] = "truth",
    methods: options.Methods = "nearest,bicubic,lanczos,fit:siren,fit:notebook,amortized,amortized+refine",
    model: options.Model = None,
    device: options.Device = "auto",
    fit_steps: options.FitSteps = None,
    fit_region: options.FitRegion = 2,
    fit_seconds: options.FitSeconds = None,
    fit_coords: options.Coords = "own",
    seed: options.Seed = 0,
    refine: options.Refine = 20,
    protocol: Annotated[
        Convention | None, typer.Option(help=f"{options.PROTOCOL_HELP} Default: plain for digits, rgb for files.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Default: compare_NAME.")
    ] = None,
    wandb: options.Wandb = "disabled",
    overwrite: OverwriteOption = False,
    quiet: options.Quiet = False,
) -> None:
    """Compare methods on a few images: a table, pictures, and a page with a slider."""
    if bool(inputs) == (data is not None):
        raise typer.BadParameter("give either image files or --data mnist")
    if not 1 <= scale <= 64:
        raise typer.BadParameter(f"--scale must be from 1 to 64, got {scale:g}")
    folder = output or Path(f"compare_{inputs[0].stem if inputs else data}")

    from amortized_sr.benchmark.compare import compare as run
    from amortized_sr.benchmark.comparison import log_comparisons
    from amortized_sr.benchmark.comparison_report import FILES, table, write_comparison
    from amortized_sr.benchmark.machine import describe_machine
    from amortized_sr.benchmark.protocol import describe
    from amortized_sr.tracking import finish_run, start_run

    def show(name: str) -> None:
        if not quiet:
            typer.echo(f"{name} ...", err=True)

    existing = [name for name in FILES if (folder / name).exists()]
    if existing and not overwrite:
        raise typer.BadParameter(f"{folder / existing[0]} exists; --overwrite replaces it")
    weights = model or ("mnist" if data == "mnist" else None)
    with failures_as_sentences(compare):
        chosen, settings = options.find_methods(
            methods, weights, device, fit_steps, fit_region, fit_seconds, fit_coords, seed, refine
        )
        convention: Convention = protocol or ("plain" if data == "mnist" else "rgb")
        machine = describe_machine()
        smallest = scale if given == "truth" else 1.0
        named, failures = (_digits(root, limit), 0) if data else _pictures(inputs or [], limit, smallest)
        create_folder(folder)
        result = run(named, scale, given == "truth", chosen, convention, show)
        write_comparison(folder, result, scale, convention, machine)
        about = {"scale": scale, "given": given, "protocol": convention, "limit": limit}
        named_by = {"methods": [one.name for one in chosen], "images": [one.name for one in result.images]}
        tracked = start_run(wandb, folder, {**about, **named_by, **dataclasses.asdict(settings)})
        if tracked is not None and result.images[0].predictions:
            log_comparisons(tracked, result.images)
        finish_run(tracked, quiet)
    if not quiet:
        typer.echo(describe(convention, given == "truth"))
        typer.echo(f"{len(result.images)} images, scale {scale:g}, {machine}\n\n{table(result)}")
        typer.echo(f"\nwrote {folder}/: {' '.join(name for name in FILES if (folder / name).exists())}")
    for one in result.methods:
        if one.error:
            typer.echo(f"warning: {one.method} failed: {one.error}", err=True)
    worked = any(one.error is None for one in result.methods)
    raise typer.Exit(1 if failures or not worked else 0)


def _digits(root: Path, limit: int | None) -> list[tuple[str, "Tensor"]]:
    import torch

    from amortized_sr.data.mnist import read_mnist

    store = read_mnist(root, train=False)
    return [
        (f"digit {index}", torch.from_numpy(store[index].copy()).permute(2, 0, 1)[None].float() / 255)
        for index in range(len(store))[:limit]
    ]


def _pictures(inputs: list[Path], limit: int | None, smallest: float) -> tuple[list[tuple[str, "Tensor"]], int]:
    """Return names and images of at least `smallest` pixels a side, and the number of unusable files.

    Raises:
        ImageError: If no image is left.
    """
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
            typer.echo(f"error: {sentence(error, compare)}", err=True)
            failures += 1
    if not named:
        raise ImageError(", ".join(map(str, inputs)), "no readable images", "give image files or folders of them")
    return named, failures
