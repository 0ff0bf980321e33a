"""`amortized-sr art`: pictures and films made of functions."""

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from amortized_sr.choices import ActivationName, DeviceName, PaletteName, SymmetryName
from amortized_sr.cli.code_pictures import parse_usual
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder

if TYPE_CHECKING:
    from PIL import Image

    from amortized_sr.coords import Size, Window

_FILMS = (".gif", ".webp")
# Milliseconds of a film's picture.
_FRAME = 50

_SideOption = Annotated[
    str | None, typer.Option("--size", metavar="N|WxH", help="Size of a picture in pixels, such as 256 or 16384.")
]
_FramesOption = Annotated[int, typer.Option(min=2, help="Pictures of a film.")]


def cppn(
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="A picture, or a film if it ends in .webp or .gif."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides the picture.")] = 0,
    size: _SideOption = None,
    depth: Annotated[int, typer.Option(help="Hidden layers.")] = 6,
    width: Annotated[int, typer.Option(help="Neurons of a layer.")] = 24,
    activations: Annotated[
        str, typer.Option(metavar="A,B,...", help="tanh, sine, gauss, softplus: equal shares of the neurons.")
    ] = "tanh,sine,gauss",
    symmetry: Annotated[SymmetryName, typer.Option(help="What the network sees of a point.")] = "radius",
    folds: Annotated[int, typer.Option(help="Equal sectors of --symmetry polar.")] = 5,
    palette: Annotated[PaletteName, typer.Option(help="How outputs become colours.")] = "rgb",
    extent: Annotated[float, typer.Option(help="How much of the plane is shown: more has more shapes.")] = 2.0,
    frames: _FramesOption = 48,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw a random coordinate network: a picture of any size, or a film without a seam."""
    target = parse_usual(None, size or "256", None, None, None)
    path = checked_output(output, None, f"cppn_{seed}.png", overwrite)
    from amortized_sr.art.cppn import CppnSettings, random_image, walk
    from amortized_sr.art.poster import write_poster
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
        if path.suffix.lower() in _FILMS:
            pictures = (tensor_to_picture(one.render(drawn)) for one in walk(image, frames))
            _write_film(path, pictures, drawn, frames, 0, quiet)
        else:
            with _progress(drawn[0], quiet) as report:
                write_poster(path, image, drawn, report)
    if not quiet:
        typer.echo(f"{drawn[1]}x{drawn[0]}, seed {seed}  {path}")


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
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="A .webp, .gif or .png film; default: beside it."),
    ] = None,
    size: _SideOption = None,
    frames: Annotated[int, typer.Option(min=2, help="Pictures from the first window to the last.")] = 48,
    back: Annotated[bool, typer.Option("--back/--no-back", help="Return to the first window at the end.")] = True,
    model: Annotated[
        str | None, typer.Option("--model", "-n", metavar="NAME|PATH", help="Bundled weights or a .safetensors file.")
    ] = None,
    device: Annotated[DeviceName, typer.Option(help="Where to compute.")] = "auto",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Film a zoom into an image, which is encoded once, or into a fit: every window drawn at full sharpness."""
    target = parse_usual(None, size, None, None, None)
    path = checked_output(output, source, f"{source.stem}_zoom.webp", overwrite)
    from amortized_sr.art.zoom import zoom_windows

    with failures_as_sentences(zoom):
        image_size, render = _renderer(source, model, device)
        windows = [_window(text, image_size, whole) for text, whole in ((start, True), (stop, False))]
        extents = [((y1 - y0) * image_size[0], (x1 - x0) * image_size[1]) for y0, x0, y1, x1 in windows]
        shapes = [width / height for height, width in extents]
        if not math.isclose(*shapes, rel_tol=0.02):
            raise typer.BadParameter(
                f"--start and --stop must have the same proportions, got {shapes[0]:.3g} and {shapes[1]:.3g} "
                "(width over height)"
            )
        shorter = 256 / min(extents[0])
        usual = round(extents[0][0] * shorter), round(extents[0][1] * shorter)
        drawn = target.resolve((1, 1)) if target is not None else usual
        order = [*range(frames), *(range(frames - 2, 0, -1) if back else ())]
        create_folder(path.parent)
        pictures = (render(drawn, window) for window in zoom_windows(windows[0], windows[1], frames))
        _write_film(path, pictures, drawn, frames, len(order) - frames, quiet)
    if not quiet:
        typer.echo(f"{source}  {len(order)} pictures of {drawn[1]}x{drawn[0]}  {path}")


def add_art(app: typer.Typer) -> None:
    """Add the group of commands to the command line."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    for command in (cppn, zoom):
        group.command()(command)
    app.add_typer(group, name="art", help="Make pictures and films of functions: cppn, zoom.")


def _renderer(
    source: Path, model: str | None, device: DeviceName
) -> "tuple[Size, Callable[[Size, Window], Image.Image]]":
    """Return an image's size and what draws a window of it."""
    from amortized_sr.baselines.storage import load_fitted
    from amortized_sr.image_io.picture import plain_picture
    from amortized_sr.picture_tensor import tensor_to_picture
    from amortized_sr.upscaler import Upscaler
    from amortized_sr.weights_header import DEFAULT_MODEL, WeightsError

    if source.suffix == ".safetensors":
        fitted = load_fitted(source)
        return fitted.size, lambda size, window: tensor_to_picture(fitted.render(size, window))
    picture = plain_picture(source)
    try:
        upscaler = Upscaler.from_pretrained(model or DEFAULT_MODEL, device)
    except (WeightsError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    function = upscaler.encode(picture)
    return (picture.height, picture.width), function.render


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


def _write_film(
    path: Path, pictures: "Iterator[Image.Image]", size: "Size", frames: int, returning: int, quiet: bool
) -> None:
    """Write pictures as an endless film, and the last but one to the second again on its way back."""
    from amortized_sr.image_io.animation import check_film, write_film

    check_film(path, size, frames + returning)
    film: list[Image.Image] = []
    with _progress(frames, quiet) as report:
        for picture in pictures:
            film.append(picture)
            report(len(film))
    film += film[-2 : -2 - returning : -1]
    write_film(path, film, [_FRAME] * len(film))


@contextlib.contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal; the function takes how much is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.completed}/{task.total}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)
