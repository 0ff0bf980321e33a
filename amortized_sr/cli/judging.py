"""What `compare` and `benchmark` share: the options of methods, and how their names become methods."""

from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import Convention, DeviceName, FitCoords, WandbMode

if TYPE_CHECKING:
    from amortized_sr.benchmark.methods import Method, MethodSettings

ModelOption = Annotated[
    str | None, typer.Option("--model", "-n", metavar="NAME|PATH", help="Weights of the method `amortized`.")
]
MethodsOption = Annotated[
    str,
    typer.Option(
        metavar="A,B,...",
        help="nearest, bilinear, bicubic, lanczos, fit:NETWORK, amortized, amortized:MODEL, both also +tta, +refine.",
    ),
]
DeviceOption = Annotated[DeviceName, typer.Option("--device", help="Where to compute.")]
FitStepsOption = Annotated[
    int | None, typer.Option("--fit-steps", min=1, help="Steps of the methods `fit`; default: each network's.")
]
FitRegionOption = Annotated[
    int, typer.Option("--fit-region", min=1, help="Fits supervise the mean of N x N points of a pixel.")
]
FitSecondsOption = Annotated[
    float | None, typer.Option("--fit-seconds", help="Most seconds of a fit; all images of one size are one fit.")
]
FitCoordsOption = Annotated[FitCoords, typer.Option("--fit-coords", help="Coordinates of the fits.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Decides the fits' initial weights.")]
RefineOption = Annotated[int, typer.Option("--refine", min=1, metavar="N", help="Steps of `amortized+refine`.")]
ProtocolOption = Annotated[
    Convention,
    typer.Option(
        "--protocol",
        help="y: luma, border of scale left out (Set5); rgb: border of scale + 6 left out; plain: everything counts.",
    ),
]
WandbOption = Annotated[WandbMode, typer.Option("--wandb", help="Whether to log to wandb as well.")]


def method_settings(
    model: str | None,
    device: DeviceName,
    fit_steps: int | None,
    fit_region: int,
    fit_seconds: float | None,
    fit_coords: FitCoords,
    seed: int,
    refine: int,
) -> "MethodSettings":
    """Return the options as one record.

    Raises:
        typer.BadParameter: If a value makes no sense.
    """
    from amortized_sr.baselines.fitting import FitSettings
    from amortized_sr.benchmark.methods import MethodSettings
    from amortized_sr.refinement import RefineSettings
    from amortized_sr.weights_header import DEFAULT_MODEL

    coords = None if fit_coords == "own" else fit_coords
    try:
        fitting = FitSettings(coords=coords, steps=fit_steps, seconds=fit_seconds, region=fit_region, seed=seed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return MethodSettings(model or DEFAULT_MODEL, device, fitting, RefineSettings(steps=refine))


def find_methods(names: str, settings: "MethodSettings") -> "list[Method]":
    """Return the methods of a comma-separated list.

    Raises:
        typer.BadParameter: If one does not exist, stands there twice, or its weights cannot be used.
    """
    from amortized_sr.benchmark.methods import method

    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if not chosen or len(set(chosen)) < len(chosen):
        raise typer.BadParameter(f"--methods must name different methods, separated by commas, got {names!r}")
    try:
        return [method(name, settings) for name in chosen]
    # WeightsError is a ValueError too.
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
