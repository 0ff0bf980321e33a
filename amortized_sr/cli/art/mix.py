"""`amortized-sr art mix`."""

from pathlib import Path
from typing import Annotated

import typer

from amortized_sr.cli.art.films import (
    DeviceOption,
    FramesOption,
    ModelOption,
    PictureOption,
    SideOption,
    is_film,
    proportioned,
    write,
    write_function,
)
from amortized_sr.cli.art.sources import load_upscaler, read_pair
from amortized_sr.cli.code_pictures import parse_usual
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder


def mix(
    first: Annotated[Path, typer.Argument(metavar="A", help="Image file whose coarse part is taken.")],
    last: Annotated[Path, typer.Argument(metavar="B", help="Image file of the same size whose fine part is taken.")],
    radius: Annotated[
        float, typer.Option(help="Where coarse ends: deviation of a Gaussian, in pixels of the images.")
    ] = 3.0,
    output: PictureOption = None,
    size: SideOption = None,
    frames: FramesOption = 24,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw one image's coarse latent with another's fine one; a film goes from A to the mix and back."""
    target = parse_usual(None, size, None, None, None)
    name = f"{first.stem}_{last.stem}_mix.png"
    path = checked_output(output, first, name, overwrite)
    # The other input must not be replaced either.
    checked_output(output or str(path), last, name, overwrite)
    from amortized_sr.art.frame_order import there_and_back
    from amortized_sr.art.mix import check_radius, mixed, radii
    from amortized_sr.art.morph import check_ends
    from amortized_sr.image_io.film_file import check_film
    from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

    try:
        check_radius(radius)
        steps = radii(radius, frames) if is_film(path) else [radius]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with failures_as_sentences(mix):
        pictures = read_pair(first, last, quiet)
        ends = [picture_to_tensor(picture) for picture in pictures]
        check_ends(ends[0], ends[1], frames)
        if pictures[0].size != pictures[1].size:
            sizes = [f"{picture.width}x{picture.height}" for picture in pictures]
            raise ValueError(
                f"{first} has {sizes[0]} pixels and {last} {sizes[1]}, so their latents have different sizes; resize "
                "one of them first"
            )
        drawn = (
            target.resolve((1, 1)) if target is not None else proportioned((pictures[0].height, pictures[0].width), 256)
        )
        create_folder(path.parent)
        if is_film(path):
            check_film(path, drawn, len(there_and_back(frames)))
        upscaler = load_upscaler(model, device)
        coarse, fine = (upscaler.encode(end) for end in ends)
        if is_film(path):
            write(
                path,
                lambda number: tensor_to_picture(mixed(coarse, fine, steps[number]).render(drawn)),
                there_and_back(frames),
                (0, frames - 1),
                quiet,
            )
        else:
            write_function(path, mixed(coarse, fine, steps[-1]), drawn, quiet)
    if not quiet:
        typer.echo(f"coarse {first}, fine {last}  {drawn[1]}x{drawn[0]}, radius {radius:g}  {path}")
