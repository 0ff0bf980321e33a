"""`amortized-sr art zoom`."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import DeviceName
from amortized_sr.cli.art.films import DeviceOption, FilmOption, ModelOption, SideOption, proportioned, write
from amortized_sr.cli.art.sources import load_upscaler, read_plain
from amortized_sr.cli.code_pictures import parse_usual
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder

if TYPE_CHECKING:
    from PIL import Image

    from amortized_sr.coords import Size, Window


def zoom(
    source: Annotated[
        Path, typer.Argument(metavar="IMAGE|FITTED", help="Image file, or a .safetensors file of `fit --save`.")
    ],
    start: Annotated[
        str | None, typer.Option(metavar="L,T,R,B", help="First window, in pixels of the image; default: the whole.")
    ] = None,
    stop: Annotated[
        str | None,
        typer.Option(metavar="L,T,R,B", help="Last window; default: a sixteenth of each side, in the middle."),
    ] = None,
    output: FilmOption = None,
    size: SideOption = None,
    frames: Annotated[int, typer.Option(min=2, help="Pictures from the first window to the last.")] = 48,
    back: Annotated[bool, typer.Option("--back/--no-back", help="Return to the first window at the end.")] = True,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Film a zoom into an image, which is encoded once, or into a fit: every window drawn at full sharpness."""
    target = parse_usual(None, size, None, None, None)
    path = checked_output(output, source, f"{source.stem}_zoom.webp", overwrite)
    from amortized_sr.art.frame_order import there_and_back
    from amortized_sr.art.zoom import zoom_windows
    from amortized_sr.image_io.film_file import check_film

    with failures_as_sentences(zoom):
        image_size, render = _renderer(source, model, device, quiet)
        first, last = (_window(text, image_size, whole) for text, whole in ((start, True), (stop, False)))
        if first == last:
            raise typer.BadParameter("--start and --stop are the same window, so nothing moves; choose another --stop")
        extents = [((y1 - y0) * image_size[0], (x1 - x0) * image_size[1]) for y0, x0, y1, x1 in (first, last)]
        shapes = [width / height for height, width in extents]
        if not math.isclose(*shapes, rel_tol=0.02):
            raise typer.BadParameter(
                f"--start and --stop must have the same proportions, got {shapes[0]:.3g} and {shapes[1]:.3g} "
                "(width over height)"
            )
        drawn = target.resolve((1, 1)) if target is not None else proportioned(extents[0], 256)
        order = there_and_back(frames) if back else list(range(frames))
        create_folder(path.parent)
        check_film(path, drawn, len(order))
        windows = zoom_windows(first, last, frames)
        write(path, lambda number: render(drawn, windows[number]), order, (), quiet)
    if not quiet:
        typer.echo(f"{source}  {len(order)} pictures of {drawn[1]}x{drawn[0]}  {path}")


def _renderer(
    source: Path, model: str | None, device: DeviceName, quiet: bool
) -> "tuple[Size, Callable[[Size, Window], Image.Image]]":
    """Return an image's size and what draws a window of it."""
    from amortized_sr.baselines.storage import load_fitted
    from amortized_sr.picture_tensor import tensor_to_picture

    if source.suffix == ".safetensors":
        fitted = load_fitted(source)
        return fitted.size, lambda size, window: tensor_to_picture(fitted.render(size, window))
    picture = read_plain(source, quiet)
    return (picture.height, picture.width), load_upscaler(model, device).encode(picture).render


def _window(text: str | None, size: "Size", whole: bool) -> "Window":
    """Return the window that an option names in pixels `left,top,right,bottom`; its default is the whole or a part."""
    from amortized_sr.coords import WHOLE, check_window

    if text is None:
        return WHOLE if whole else (-1 / 16, -1 / 16, 1 / 16, 1 / 16)
    height, width = size
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
        window = 2 * top / height - 1, 2 * left / width - 1, 2 * bottom / height - 1, 2 * right / width - 1
        return check_window(window)
    except ValueError:
        option = "--start" if whole else "--stop"
        raise typer.BadParameter(
            f"{option} must be left,top,right,bottom in pixels inside the image of {width}x{height}, got {text!r}"
        ) from None
