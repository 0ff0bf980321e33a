"""Films and pictures of the art commands: their options, checks, progress and files."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import DeviceName

if TYPE_CHECKING:
    from PIL import Image

    from amortized_sr.continuous import ContinuousImage
    from amortized_sr.coords import Size

FRAME, HELD = 50, 600
"""Milliseconds of a film's picture, and of one that is looked at for longer."""

# Where the suffix decides between a picture and a film, .png is a picture.
_FILMS = (".gif", ".webp", ".mp4")

SideOption = Annotated[
    str | None, typer.Option("--size", metavar="N|WxH", help="Size of a picture in pixels, such as 256 or 16384.")
]
FramesOption = Annotated[int, typer.Option(min=2, help="Pictures of a film.")]
FilmOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="OUT", help="A .webp, .gif, .png or .mp4 film; default: beside the input."),
]
PictureOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="OUT", help="A picture, or a film if it ends in .webp, .gif or .mp4."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-n", metavar="NAME|PATH", help="Bundled weights or a .safetensors file.")
]
DeviceOption = Annotated[DeviceName, typer.Option(help="Where to compute.")]


def is_film(path: Path) -> bool:
    """Return whether a name asks for a film where a picture is possible too."""
    return path.suffix.lower() in _FILMS


def write(
    path: Path, draw: "Callable[[int], Image.Image]", order: Sequence[int], held: Sequence[int], quiet: bool
) -> None:
    """Write a film, for which `check_film` was called before.

    Args:
        path: The file.
        draw: Returns the picture of a number.
        order: Numbers of pictures.
        held: Those that are shown for longer.
        quiet: Whether to show no progress.
    """
    import torch

    from amortized_sr.art.frame_order import in_order
    from amortized_sr.image_io.film_file import write_film

    def counted(report: Callable[[int], None]) -> "Iterator[Image.Image]":
        for done, picture in enumerate(in_order(draw, order), start=1):
            report(done)
            yield picture

    durations = [HELD if number in held else FRAME for number in order]
    with progress(len(order), quiet) as report, torch.inference_mode():
        write_film(path, counted(report), durations)


def write_function(path: Path, function: "ContinuousImage", size: "Size", quiet: bool) -> None:
    """Write the picture of a function: in strips of any size, or shrunk if it has fewer pixels than the image."""
    import torch

    from amortized_sr.art.poster import write_poster
    from amortized_sr.axes import Rendering
    from amortized_sr.image_io import check_output, write_picture
    from amortized_sr.picture_tensor import tensor_to_picture
    from amortized_sr.resize import shrink

    drawn = Rendering(size, function.size).drawn
    if drawn == size:
        with progress(size[0], quiet) as report:
            write_poster(path, function, size, report)
        return
    check_output(path, size)
    with torch.inference_mode():
        write_picture(tensor_to_picture(shrink(function.render(drawn), size)), path)


def proportioned(size: tuple[int | float, int | float], shorter: int) -> "Size":
    """Return a size of the same proportions whose shorter side has so many pixels.

    Example:
        >>> proportioned((10, 20), 64)
        (64, 128)
    """
    factor = shorter / min(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


@contextlib.contextmanager
def progress(total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal; the function takes how much is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.completed}/{task.total}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)
