"""`amortized-sr art cppn`."""

from typing import Annotated, cast, get_args

import typer

from amortized_sr.choices import ActivationName, PaletteName, SymmetryName
from amortized_sr.cli.art.films import FramesOption, PictureOption, SideOption, is_film, progress, write
from amortized_sr.cli.code_pictures import parse_usual
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder


def cppn(
    output: PictureOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the picture.")] = 0,
    size: SideOption = None,
    depth: Annotated[int, typer.Option(help="Hidden layers.")] = 6,
    width: Annotated[int, typer.Option(help="Neurons of a layer.")] = 24,
    activations: Annotated[
        str, typer.Option(metavar="A,B,...", help="tanh, sine, gauss, softplus: equal shares of the neurons.")
    ] = "tanh,sine,gauss",
    symmetry: Annotated[SymmetryName, typer.Option(help="What the network sees of a point.")] = "radius",
    folds: Annotated[int, typer.Option(help="Equal sectors of --symmetry polar.")] = 5,
    palette: Annotated[PaletteName, typer.Option(help="How outputs become colours.")] = "rgb",
    extent: Annotated[float, typer.Option(help="How much of the plane is shown: more has more shapes.")] = 2.0,
    frames: FramesOption = 48,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw a random coordinate network: a picture of any size, or a film without a seam."""
    target = parse_usual(None, size or "256", None, None, None)
    path = checked_output(output, None, f"cppn_{seed}.png", overwrite)
    from amortized_sr.art.cppn import CppnSettings, random_image, walk
    from amortized_sr.art.poster import write_poster
    from amortized_sr.image_io.film_file import check_film
    from amortized_sr.picture_tensor import tensor_to_picture

    assert target is not None
    drawn = target.resolve((1, 1))
    names = tuple(name.strip() for name in activations.split(","))
    if not set(names) <= set(get_args(ActivationName)):
        known = ", ".join(get_args(ActivationName))
        raise typer.BadParameter(f"--activations must be some of {known}, separated by commas, got {activations!r}")
    try:
        names = cast("tuple[ActivationName, ...]", names)
        settings = CppnSettings(depth, width, names, symmetry, folds, palette, extent, seed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with failures_as_sentences(cppn):
        create_folder(path.parent)
        image = random_image(settings, drawn)
        if is_film(path):
            check_film(path, drawn, frames)
            steps = walk(image, frames)
            write(path, lambda number: tensor_to_picture(steps[number].render(drawn)), range(frames), (), quiet)
        else:
            with progress(drawn[0], quiet) as report:
                write_poster(path, image, drawn, report)
    if not quiet:
        typer.echo(f"{drawn[1]}x{drawn[0]}, seed {seed}  {path}")
