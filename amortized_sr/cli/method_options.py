"""Options of `compare` and `benchmark`: methods, their settings, and the measurement."""

from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import Convention, DeviceName, FitCoords, WandbMode

if TYPE_CHECKING:
    from amortized_sr.benchmark.methods import Method, MethodSettings

Model = Annotated[
    str | None, typer.Option("--model", "-n", metavar="NAME|PATH", help="Weights of the method `amortized`.")
]
Methods = Annotated[
    str,
    typer.Option(
        metavar="A,B,...",
        help="nearest, bilinear, bicubic, lanczos, fit:NETWORK, amortized, amortized:MODEL, both also +tta, +refine.",
    ),
]
Device = Annotated[DeviceName, typer.Option("--device", help="Where to compute.")]
FitSteps = Annotated[
    int | None, typer.Option("--fit-steps", min=1, help="Steps of the methods `fit`; default: each network's.")
]
FitRegion = Annotated[
    int, typer.Option("--fit-region", min=1, help="Fits supervise the mean of N x N points of a pixel.")
]
FitSeconds = Annotated[
    float | None, typer.Option("--fit-seconds", help="Time limit of a fit; all images of one size are one fit.")
]
Coords = Annotated[FitCoords, typer.Option("--fit-coords", help="Coordinates of the fits.")]
Seed = Annotated[int, typer.Option("--seed", help="Decides the fits' initial weights.")]
Refine = Annotated[int, typer.Option("--refine", min=1, metavar="N", help="Steps of `amortized+refine`.")]
PROTOCOL_HELP = "y: luma, border of scale left out (Set5); rgb: border of scale + 6 left out; plain: all pixels."
Protocol = Annotated[Convention, typer.Option("--protocol", help=PROTOCOL_HELP)]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Largest number of images (of each folder).")]
Wandb = Annotated[WandbMode, typer.Option("--wandb", help="Whether to log to Weights & Biases.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def find_methods(
    names: str,
    model: str | None,
    device: DeviceName,
    fit_steps: int | None,
    fit_region: int,
    fit_seconds: float | None,
    fit_coords: FitCoords,
    seed: int,
    refine: int,
) -> "tuple[list[Method], MethodSettings]":
    """Return the methods of a comma-separated list of names, and their settings.

    Raises:
        typer.BadParameter: If a method does not exist or is named twice, its weights cannot be used, or a value is
            outside its range.
    """
    from amortized_sr.baselines.fitting import FitSettings
    from amortized_sr.benchmark.methods import MethodSettings, method
    from amortized_sr.refinement import RefineSettings
    from amortized_sr.weights_header import DEFAULT_MODEL

    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if not chosen or len(set(chosen)) < len(chosen):
        raise typer.BadParameter(f"--methods must name different methods, separated by commas, got {names!r}")
    coords = None if fit_coords == "own" else fit_coords
    # WeightsError is a ValueError too.
    try:
        fitting = FitSettings(coords=coords, steps=fit_steps, seconds=fit_seconds, region=fit_region, seed=seed)
        settings = MethodSettings(model or DEFAULT_MODEL, device, fitting, RefineSettings(steps=refine))
        return [method(name, settings) for name in chosen], settings
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
