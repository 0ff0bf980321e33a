"""How an image file becomes a file of a given format: what is kept, converted or refused, before anything is drawn."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from amortized_sr.image_io import ImageError
from amortized_sr.image_io.formats import FORMATS, Depth, Format, check_size, format_of
from amortized_sr.image_io.image_file import ImageFile, Metadata, Output, Pixels
from amortized_sr.image_io.metadata import fit_metadata, has_details
from amortized_sr.image_io.picture import check_place
from amortized_sr.image_io.profile import tone_gamma
from amortized_sr.pictures.options import Colour, PictureOptions
from amortized_sr.strength import Restoration, Strength

# How many rows are compared at once; most pictures with colours show one in the first of them.
_ROWS = 64


@final
@dataclass(frozen=True)
class Drawing:
    """How pixels are drawn.

    Attributes:
        depth: How the result's channels are stored; None keeps the picture's.
        tone_gamma: Exponent that brings the colours' tones to those that the network knows; undone afterwards.
        background: Put behind a transparent picture, which loses its alpha.
        neutral: Whether to draw the first channel of an RGB picture and write it three times.
        tta: Whether to average over the eight flips and transpositions.
        strength: What the encoder is told about the colours; transparency has no noise.
    """

    depth: Depth | None = None
    tone_gamma: float = 1.0
    background: Colour | None = None
    neutral: bool = False
    tta: bool = False
    strength: Strength = Strength()


@final
@dataclass(frozen=True)
class Conversion:
    """How an image file is drawn and written.

    Attributes:
        source: The file that was read, or a name for it.
        image: What was read, with only the pictures to draw.
        drawing: How they are drawn.
        output: What is to be written.
        notices: Sentences about what could not be kept.
        restoration: What is asked for; `pictures.frames.tell` makes the drawing's strength of it.
    """

    source: Path
    image: ImageFile
    drawing: Drawing
    output: Output
    notices: list[str]
    restoration: Restoration = Restoration()

    def is_small(self, whole_bytes: int) -> bool:
        """Return whether the output is drawn as a whole before it is written; animations always are."""
        height, width = self.output.size
        return len(self.image.frames) > 1 or height * width * self.output.channels <= whole_bytes


def convert(source: Path, image: ImageFile, options: PictureOptions, output_path: Path | None) -> Conversion:
    """Decide how the image of a file is drawn and written; `output_path` is None for one that stays in memory.

    Raises:
        ImageError: If the output's size, format or path makes that impossible.
    """
    try:
        size = options.size.resolve(image.size)
    except ValueError as error:
        problem, _, remedy = str(error).rpartition("; ")
        raise ImageError(source, problem, remedy, setting="scale") from None
    format_ = output_format(output_path, options)
    name, notices, metadata, background = output_path or source, list(image.notices), image.metadata, None
    if len(image.frames) > 1 and not format_.frames:
        kept = f"only the first of {len(image.frames)} pictures is written"
        notices.append(f"{kept}; {format_.name} holds one, choose PNG to keep all")
        image = dataclasses.replace(image, frames=image.frames[:1])
    check_size(name, format_, size, len(image.frames))
    if image.alpha and not format_.alpha:
        background = options.background
        behind = f"the background #{bytes(background).hex()}"
        notices.append(f"transparency is put on {behind}; {format_.name} has none, choose PNG to keep it")
    channels = image.frames[0].shape[2] - (background is not None)
    profile = metadata.profile
    gamma = tone_gamma(profile, "L" if channels < 3 else "RGB") if profile else 1.0
    if profile is not None and not format_.profile:
        problem = f"{format_.name} cannot hold the picture's colour profile"
        raise ImageError(name, problem, "choose PNG or TIFF", setting="format")
    if profile is not None and channels < 3 and not format_.grey:
        notices.append(f"the grey colour profile is left out; {format_.name} has no grey, choose PNG to keep it")
        profile = None
    if options.strip_metadata:
        # Statements about colours and missing data stay: they decide what the pixels mean.
        metadata = Metadata(chunks=metadata.chunks, nodata=metadata.nodata)
    notices += _lost(metadata, format_)
    metadata = dataclasses.replace(fit_metadata(metadata, format_, image.size, size, notices), profile=profile)
    if len(image.frames) > 1 and image.repeats and format_.name == "AVIF":
        notices.append("the number of repetitions is left out; AVIF has none, choose PNG to keep it")
    depth = image.depth
    if depth not in format_.depths:
        if depth == "float32":
            raise ImageError(name, f"{format_.name} cannot hold floating point", "choose TIFF", setting="format")
        notices.append(f"16 bits become 8; {format_.name} holds no more, choose PNG or TIFF to keep them")
        depth = "uint8"
    if output_path is not None:
        check_place(output_path)
    drawing = Drawing(depth, gamma, background, _is_neutral(image.frames), options.tta)
    output = Output(format_, size, channels, depth, metadata, options.quality, options.compression)
    return Conversion(source, image, drawing, output, notices, options.restoration)


def output_format(path: Path | None, options: PictureOptions) -> Format:
    """Return the format of an output: that of its name, or the chosen one if it has no name.

    Raises:
        ImageError: If the name is not one of a format that can be written, or contradicts the chosen one.
    """
    chosen = FORMATS[options.format or "png"]
    named = chosen if path is None else format_of(path)
    if path is not None and options.format is not None and named != chosen:
        remedy = "leave the format out or choose another name"
        raise ImageError(path, f"the name is not one of a {chosen.name} file", remedy, setting="format")
    return named


def _is_neutral(frames: list[Pixels]) -> bool:
    """Return whether the colour channels of all pixels that can be seen are three and equal, in all pictures."""
    return frames[0].shape[2] >= 3 and all(_has_equal_channels(pixels) for pixels in frames)


def is_constant(alpha: Pixels) -> bool:
    """Return whether all pixels are equally opaque."""
    return bool((alpha == alpha.flat[0]).all())


def _has_equal_channels(pixels: Pixels) -> bool:
    hides = pixels.shape[2] == 4 and not is_constant(pixels[..., 3:])
    for top in range(0, len(pixels), _ROWS):
        rows = pixels[top : top + _ROWS]
        equal = (rows[..., 0] == rows[..., 1]) & (rows[..., 1] == rows[..., 2])
        if not (equal | (rows[..., 3] == 0) if hides else equal).all():
            return False
    return True


def _lost(metadata: Metadata, format_: Format) -> Iterator[str]:
    """Yield a sentence about each part of the metadata that the format has no place for."""
    if metadata.text and format_.name != "PNG":
        yield f"the texts {', '.join(metadata.text)} are left out; choose PNG to keep them"
    if format_.name == "BMP" and (metadata.exif or metadata.xmp):
        yield "EXIF and XMP data are left out; BMP holds none, choose PNG to keep them"
    if format_.name == "TIFF" and metadata.exif and has_details(metadata.exif):
        yield "only the main texts of the EXIF data are kept in a TIFF; choose PNG to keep all"
