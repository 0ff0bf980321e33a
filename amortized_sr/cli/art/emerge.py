"""`amortized-sr art emerge`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from amortized_sr.choices import NetworkName
from amortized_sr.cli.art.films import FilmOption, SideOption, progress, proportioned, write
from amortized_sr.cli.art.sources import for_fit, is_grey, read_plain
from amortized_sr.cli.code_pictures import parse_usual
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder

if TYPE_CHECKING:
    from PIL import Image

    from amortized_sr.art.emerge import Stage


def emerge(
    source: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image file.")],
    networks: Annotated[
        str, typer.Option(metavar="A,B,...", help=f"Networks to fit: {', '.join(get_args(NetworkName))}.")
    ] = "notebook,relu,fourier,siren",
    steps: Annotated[int, typer.Option(min=1, help="Steps of each fit.")] = 200,
    frames: Annotated[int, typer.Option(min=2, help="Pictures of the film, close together at first.")] = 40,
    output: FilmOption = None,
    size: SideOption = None,
    side: Annotated[int, typer.Option(min=1, help="The fits see the image shrunk to at most this longer side.")] = 32,
    region: Annotated[
        int, typer.Option(min=1, help="Supervise the mean of N x N points of each pixel instead of its centre.")
    ] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Decides where the fits begin.")] = 0,
    times: Annotated[
        bool, typer.Option("--times", help="Show the seconds too; then each run makes other bytes.")
    ] = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Film how an image emerges in several coordinate networks, side by side with their PSNR."""
    target = parse_usual(None, size, None, None, None)
    path = checked_output(output, source, f"{source.stem}_emerge.webp", overwrite)
    chosen = [name.strip() for name in networks.split(",")]
    if not set(chosen) <= set(get_args(NetworkName)) or len(set(chosen)) < len(chosen):
        known = ", ".join(get_args(NetworkName))
        raise typer.BadParameter(f"--networks must be different ones of {known}, separated by commas, got {networks!r}")
    from amortized_sr.art.emerge import emerge as emerging
    from amortized_sr.art.emerge import film_steps
    from amortized_sr.art.panels import panels, panels_size
    from amortized_sr.baselines.fitting import FitSettings
    from amortized_sr.image_io.film_file import check_film
    from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

    try:
        kept = film_steps(steps, frames)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with failures_as_sentences(emerge):
        picture = read_plain(source, quiet)
        image = for_fit(picture_to_tensor(picture.convert("L") if is_grey(picture) else picture), side)
        image_size = image.shape[-2], image.shape[-1]
        drawn = target.resolve((1, 1)) if target is not None else proportioned(image_size, 128)
        create_folder(path.parent)
        check_film(path, panels_size(len(chosen) + 1, drawn), frames)
        settings = FitSettings(region=region, seed=seed)
        fits: list[list[Stage]] = []
        with progress(steps * len(chosen), quiet) as report:
            for name in cast("list[NetworkName]", chosen):
                before = steps * len(fits)
                fits.append(emerging(image, name, settings, kept, lambda step, before=before: report(before + step)))
        original = tensor_to_picture(image).resize((drawn[1], drawn[0]), 0)

        def draw(number: int) -> "Image.Image":
            stages = [stages[number] for stages in fits]
            shown = [original, *(tensor_to_picture(stage.function.render(drawn)) for stage in stages)]
            return panels(shown, [f"step {kept[number]}", *_texts(chosen, stages, times)])

        write(path, draw, range(frames), (frames - 1,), quiet)
    if not quiet:
        results = ", ".join(_texts(chosen, [stages[-1] for stages in fits], times=True))
        typer.echo(f"{source}  {image_size[1]}x{image_size[0]}, {steps} steps: {results}  {path}")


def _texts(names: Sequence[str], stages: "Sequence[Stage]", times: bool) -> list[str]:
    """Return a line of text for each network."""
    return [
        f"{name} {stage.psnr:.1f} dB{f' {stage.seconds:.1f} s' if times else ''}"
        for name, stage in zip(names, stages, strict=True)
    ]
