"""Films: short endless animations of 8-bit pictures, as GIF, WebP, animated PNG or MP4."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from amortized_sr.coords import Size
from amortized_sr.image_io.atomic import replacing
from amortized_sr.image_io.errors import ImageError
from amortized_sr.image_io.formats import FORMATS, MAX_FILE_PIXELS, MAX_OUTPUT_PIXELS, Format
from amortized_sr.image_io.picture import check_place
from amortized_sr.image_io.video import LONGEST_SIDE, check_video, write_video
from amortized_sr.image_io.writing import named_write_errors

_FILMS = {
    ".gif": Format("GIF", 65_535),
    ".webp": FORMATS["webp"],
    ".png": FORMATS["png"],
    ".mp4": Format("MP4", LONGEST_SIDE, streams=True),
}

# Pixels that the palette of a GIF picture is chosen from.
_PALETTE_PIXELS = 1 << 13


def check_film(path: Path, size: Size, frames: int) -> None:
    """Check that a film can be written to a file of that name, before anything is computed; an `ImageError` if not.

    All formats but MP4 are written from memory, which bounds their pixels.
    """
    format_ = _FILMS.get(path.suffix.lower())
    if format_ is None:
        raise ImageError(path, "is no film by its name", f"use one of {' '.join(_FILMS)}", setting="output")
    film = format_.name == "MP4"
    if film:
        check_video(path)
    height, width = size
    if max(size) > format_.longest:
        problem = (
            f"{width}x{height} pixels are more than a film in {format_.name} can have ({format_.longest:,} a side)"
        )
        raise ImageError(path, problem, "ask for a smaller size", setting="size")
    limit = MAX_FILE_PIXELS if film else MAX_OUTPUT_PIXELS
    if height * width * frames > limit:
        memory = "" if film else f", which take {3 * limit / 1e9:.1f} GB of memory"
        problem = f"{frames} pictures of {width}x{height} pixels are above the limit of {limit:,} pixels{memory}"
        other = "" if film else ", or for .mp4, which is written picture by picture"
        raise ImageError(path, problem, f"ask for fewer or smaller ones{other}", setting="frames")
    check_place(path)
    folder = path.absolute().parent
    if not os.access(folder, os.W_OK):
        raise ImageError(path, f"the folder {folder} cannot be written to", "choose another place", setting="output")


def write_film(path: Path, pictures: Iterable[Image.Image], durations: Sequence[int]) -> None:
    """Write pictures as an endless animation, a .gif, .webp, .png or .mp4 file.

    Args:
        path: The file; one already there stays whole if writing fails.
        pictures: One at a time; only MP4 is written while they come, the others need all of them in memory.
        durations: How long each is shown, in milliseconds.

    Raises:
        ImageError: If the file cannot be written.
    """
    if path.suffix.lower() == ".mp4":
        with named_write_errors(path), replacing(path) as file:
            write_video(file, pictures, durations)
        return
    # Before the file is opened: what goes wrong in drawing is no error of writing.
    if path.suffix.lower() == ".gif":
        pictures = (_with_palette(picture) for picture in pictures)
    first, *others = pictures
    with named_write_errors(path), replacing(path) as file:
        # Only WebP has a quality.
        options = {"save_all": True, "append_images": others, "duration": list(durations), "loop": 0, "quality": 90}
        first.save(file, _FILMS[path.suffix.lower()].name, **options)


def _with_palette(picture: Image.Image) -> Image.Image:
    """Return a picture with 256 colours of its own; one with so few colours keeps them all.

    They are chosen from some of its pixels. From all of them, it takes five times as long for about 1 dB.
    """
    colours = picture.convert("RGB")
    if colours.getcolors(256) is not None:
        return colours.quantize(256)
    step = max(1, round((colours.width * colours.height / _PALETTE_PIXELS) ** 0.5))
    sample = colours.resize(
        (max(1, colours.width // step), max(1, colours.height // step)), resample=Image.Resampling.NEAREST
    )
    return colours.quantize(256, palette=sample.quantize(256), dither=Image.Dither.NONE)
