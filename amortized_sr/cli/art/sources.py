"""The images of the art commands: files, pairs of files, and the models that make functions of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from amortized_sr.choices import DeviceName
from amortized_sr.cli.art.films import progress

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from amortized_sr.baselines.fitting import FitSettings, FittedImage
    from amortized_sr.coords import Size
    from amortized_sr.upscaler import Upscaler

# Three latents of 312 bytes per pixel: two images, and what lies between them.
_MAX_PIXELS = 1 << 20


def read_plain(path: Path, quiet: bool) -> "Image.Image":
    """Return an image file as a picture of mode `L` or `RGB`, and print what was left out of it."""
    from amortized_sr.image_io import ImageError
    from amortized_sr.image_io.picture import plain_picture
    from amortized_sr.image_io.reading import read_image

    file = read_image(path)
    if len(file.frames) > 1:
        raise ImageError(path, "animations are not supported here", "extract the pictures first")
    for notice in () if quiet else file.notices:
        typer.echo(f"note: {path}: {notice}", err=True)
    return plain_picture(file)


def read_bounded(path: Path, quiet: bool) -> "Image.Image":
    """Return a picture that is small enough for a command that holds several latents."""
    from amortized_sr.image_io import ImageError

    picture = read_plain(path, quiet)
    if picture.width * picture.height > _MAX_PIXELS:
        problem = f"{picture.width}x{picture.height} pixels are above the limit of {_MAX_PIXELS:,}"
        raise ImageError(path, f"{problem}, whose latents take about 1 GB of memory", "shrink or crop the image first")
    return picture


def read_pair(first: Path, last: Path, quiet: bool) -> "tuple[Image.Image, Image.Image]":
    """Return two pictures of one mode: grey if both are."""
    pictures = read_bounded(first, quiet), read_bounded(last, quiet)
    mode = "L" if all(is_grey(picture) for picture in pictures) else "RGB"
    one, other = (picture.convert(mode) for picture in pictures)
    return one, other


def is_grey(picture: "Image.Image") -> bool:
    """Return whether all channels of a picture are equal."""
    bands = picture.split()
    return all(band.tobytes() == bands[0].tobytes() for band in bands)


def load_upscaler(model: str | None, device: DeviceName) -> "Upscaler":
    """Return the named model, or the default one, or raise a `typer.BadParameter`."""
    from amortized_sr.upscaler import Upscaler
    from amortized_sr.weights_header import DEFAULT_MODEL

    try:
        return Upscaler.from_pretrained(model or DEFAULT_MODEL, device)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def for_fit(image: "Tensor", side: int) -> "Tensor":
    """Return an image shrunk so that its longer side has at most `side` pixels."""
    from amortized_sr.resize import shrink

    return shrink(image, fit_size((image.shape[-2], image.shape[-1]), side)).clamp(0, 1)


def fit_size(size: "Size", side: int) -> "Size":
    """Return the size of an image whose longer side has at most so many pixels.

    Example:
        >>> fit_size((64, 30), 32)
        (32, 15)
    """
    factor = min(1.0, side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def fit_with_progress(image: "Tensor", settings: "FitSettings", quiet: bool) -> "FittedImage":
    """Fit a network to an image, with a bar on a terminal."""
    from amortized_sr.baselines.fitting import fit

    with progress(settings.steps or 1, quiet) as report:
        return fit(image, settings, lambda step: report(step.step))
