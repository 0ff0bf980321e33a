"""Options that `compare` and `benchmark` share: which methods, on which inputs, measured how."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import DeviceName, FitCoords, WandbMode
from amortized_sr.cli.exit_codes import sentence

if TYPE_CHECKING:
    from torch import Tensor

    from amortized_sr.benchmark.faults import Faults
    from amortized_sr.benchmark.methods import Method, MethodSettings, TrainingImages

METHODS_HELP = (
    "nearest, bilinear, bicubic, lanczos, fit:NETWORK, amortized, amortized:MODEL, both also +auto, +tta, +refine, "
    "autoencoder, autoencoder:MODEL, both also +refine, pca:N for digits; bm3d, tv, wavelet, nlm (denoisers of the "
    "extra `peers`), these also +amortized."
)
"""The names of methods."""

PROTOCOL_HELP = (
    "y: luma, border of scale left out (Set5); rgb: border of scale + 6 left out; plain: all pixels. At scale 1 all "
    "pixels count."
)
"""The conventions of measuring."""

ModelOption = Annotated[
    str | None, typer.Option("--model", "-n", metavar="NAME|PATH", help="Weights of the method `amortized`.")
]
DeviceOption = Annotated[DeviceName, typer.Option(help="Where to compute.")]
FitStepsOption = Annotated[int | None, typer.Option(min=1, help="Steps of the methods `fit`; default: each network's.")]
FitRegionOption = Annotated[int, typer.Option(min=1, help="Fits supervise the mean of N x N points of a pixel.")]
FitSecondsOption = Annotated[
    float | None, typer.Option(help="Time limit of a fit; all images of one size are one fit.")
]
FitCoordsOption = Annotated[FitCoords, typer.Option(help="Coordinates of the fits.")]
SeedOption = Annotated[int, typer.Option(help="Decides the fits' initial weights.")]
RefineOption = Annotated[int, typer.Option(min=1, metavar="N", help="Steps of `+refine`.")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Largest number of images (of each folder).")]
WandbOption = Annotated[WandbMode, typer.Option(help="Whether to log to Weights & Biases.")]
NoiseOption = Annotated[
    str,
    typer.Option(
        metavar="A,B,...",
        help="Noise added to the inputs: standard deviations from 0 to 75 of 255, 0 for none. Every image is measured "
        "with each.",
    ),
]
JpegOption = Annotated[
    str,
    typer.Option(
        metavar="A,B,...",
        help="Inputs become JPEG files: qualities from 1 to 100, 0 for none. With --noise, every noise is followed by "
        "every quality.",
    ),
]


def parse_numbers(option: str, text: str, low: int | float, high: int | float, whole: bool = False) -> list[float]:
    """Return the different numbers of a comma-separated list in their order, or raise a `typer.BadParameter`."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(low <= one <= high and (one.is_integer() or not whole) for one in numbers):
        kind = "whole numbers" if whole else "numbers"
        raise typer.BadParameter(f"{option} must be {kind} from {low:g} to {high:g}, separated by commas, got {text!r}")
    return sorted(set(numbers))


def parse_faults(noise: str, jpeg: str) -> "tuple[Faults, ...]":
    """Return every noise with every compression, or raise a `typer.BadParameter`."""
    from amortized_sr.benchmark.faults import Faults
    from amortized_sr.strength import LARGEST_NOISE

    sigmas = parse_numbers("--noise", noise, 0, LARGEST_NOISE)
    qualities = parse_numbers("--jpeg", jpeg, 0, 100, whole=True)
    return tuple(Faults(sigma, int(quality)) for sigma in sigmas for quality in qualities)


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


def read_pictures(
    command: Callable[..., None], inputs: list[Path], limit: int | None, smallest: float
) -> "tuple[list[tuple[str, Tensor]], int]":
    """Return names and images of at least `smallest` pixels a side, and the number of unusable files."""
    from amortized_sr.benchmark.layouts import originals
    from amortized_sr.data.folder import image_files
    from amortized_sr.image_io import ImageError, read_picture
    from amortized_sr.picture_tensor import picture_to_tensor

    paths = [path for given in inputs for path in (image_files(originals(given)) if given.is_dir() else [given])]
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
