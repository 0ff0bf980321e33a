"""`amortized-sr art dream`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import DeviceName, DreamName, NetworkName
from amortized_sr.cli.art.films import (
    DeviceOption,
    FramesOption,
    ModelOption,
    PictureOption,
    SideOption,
    is_film,
    proportioned,
    write,
)
from amortized_sr.cli.art.sources import fit_with_progress, for_fit, is_grey, load_upscaler, read_bounded
from amortized_sr.cli.code_pictures import parse_usual
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder

if TYPE_CHECKING:
    from amortized_sr.amortized_image import AmortizedImage
    from amortized_sr.baselines.fitting import FitSettings, FittedImage
    from amortized_sr.coords import Size


def dream(
    source: Annotated[
        Path, typer.Argument(metavar="IMAGE|FITTED", help="Image file, or a .safetensors file of `fit --save`.")
    ],
    through: Annotated[
        DreamName, typer.Option(help="What draws: a network that is fitted to the image, or the image's latent.")
    ] = "weights",
    margin: Annotated[float, typer.Option(help="What to show past each border, in sides of the image; 0 to 8.")] = 0.5,
    strength: Annotated[
        float, typer.Option(help="Factor of what the image wrote: its codes, or a fit's last layer; 0 to 4.")
    ] = 1.0,
    output: PictureOption = None,
    size: SideOption = None,
    frames: FramesOption = 24,
    network: Annotated[NetworkName, typer.Option(help="--through weights: kind of network.")] = "siren",
    steps: Annotated[int, typer.Option(min=1, help="--through weights: steps of the fit.")] = 100,
    side: Annotated[
        int, typer.Option(min=1, help="--through weights: the fit sees the image shrunk to at most this longer side.")
    ] = 32,
    seed: Annotated[int, typer.Option(min=0, help="--through weights: decides where the fit begins.")] = 0,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw what a function says past its image's borders, or with scaled codes; a film begins at the plain image."""
    target = parse_usual(None, size, None, None, None)
    path = checked_output(output, source, f"{source.stem}_dream.png", overwrite)
    from amortized_sr.art.dream import Dream, check_rendering, draw_dream, swelling
    from amortized_sr.art.frame_order import there_and_back
    from amortized_sr.baselines.fitting import FitSettings
    from amortized_sr.image_io import check_output, write_picture
    from amortized_sr.image_io.film_file import check_film
    from amortized_sr.picture_tensor import tensor_to_picture

    if source.suffix == ".safetensors" and through == "latents":
        raise typer.BadParameter("a fitted image has weights and no latent; leave out --through")
    try:
        last = Dream(strength, margin)
        dreams = swelling(last, frames) if is_film(path) else [last]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with failures_as_sentences(dream):
        settings = FitSettings(network, steps=steps, seed=seed)
        image_size, load = _function(source, through, model, device, settings, side, quiet)
        drawn = target.resolve((1, 1)) if target is not None else proportioned(image_size, 256)
        check_rendering(image_size, drawn, last.window)
        create_folder(path.parent)
        if is_film(path):
            order = there_and_back(frames)
            check_film(path, drawn, len(order))
            image = load()
            film = (0, frames - 1)
            write(path, lambda number: tensor_to_picture(draw_dream(image, dreams[number], drawn)), order, film, quiet)
        else:
            check_output(path, drawn)
            write_picture(tensor_to_picture(draw_dream(load(), last, drawn)), path)
    if not quiet:
        facts = f"through {through}, margin {margin:g}, strength {strength:g}"
        typer.echo(f"{source}  {drawn[1]}x{drawn[0]}, {facts}  {path}")


def _function(
    source: Path,
    through: DreamName,
    model: str | None,
    device: DeviceName,
    settings: "FitSettings",
    side: int,
    quiet: bool,
) -> "tuple[Size, Callable[[], AmortizedImage | FittedImage]]":
    """Return the size of the image as its function sees it, and what makes the function: a fit takes its time."""
    from amortized_sr.baselines.storage import load_fitted
    from amortized_sr.picture_tensor import picture_to_tensor

    if source.suffix == ".safetensors":
        fitted = load_fitted(source)
        return fitted.size, lambda: fitted
    picture = read_bounded(source, quiet)
    if is_grey(picture):
        picture = picture.convert("L")
    if through == "latents":
        return (picture.height, picture.width), lambda: load_upscaler(model, device).encode(picture_to_tensor(picture))
    image = for_fit(picture_to_tensor(picture), side)
    return (image.shape[-2], image.shape[-1]), lambda: fit_with_progress(image, settings, quiet)
