"""What becomes of an image file in a given format: what is kept, what is converted, what is refused."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amortized_sr.batch.settings import Settings
from amortized_sr.coords import Size
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.formats import Depth, Format, check_size
from amortized_sr.image_io.image_file import ImageFile, Metadata, Pixels
from amortized_sr.image_io.metadata import fit_metadata, has_details
from amortized_sr.image_io.profile import tone_gamma
from amortized_sr.image_io.writing import Output


@dataclass(frozen=True)
class Conversion:
    """How an image file is drawn and written.

    Attributes:
        output: What is to be written.
        frames: The pictures to draw.
        power: Of the tones, for the network.
        background: Put behind transparency, if the format has none.
        notices: Sentences about everything that could not be kept.
    """

    output: Output
    frames: list[Pixels]
    power: float
    background: tuple[int, int, int] | None
    notices: list[str]


def convert(place: Path, image: ImageFile, format_: Format, size: Size, settings: Settings) -> Conversion:
    """Decide how an image is written, before anything is computed.

    Raises:
        ImageError: If the format cannot hold it in any way that would not damage it.
    """
    notices = list(image.notices)
    frames = image.frames
    if len(frames) > 1 and not format_.frames:
        notices.append(
            f"only the first of {len(frames)} pictures is written; {format_.name} holds one, use --format png"
        )
        frames = frames[:1]
    check_size(place, format_, size, len(frames))
    background = None
    if image.alpha and not format_.alpha:
        background = settings.background
        colour = "#" + bytes(background).hex()
        notices.append(f"transparency is put on the background {colour}; {format_.name} has none, use --format png")
    channels = frames[0].shape[2] - (background is not None)
    metadata = image.metadata
    profile = metadata.profile
    power = 1.0 if profile is None else tone_gamma(profile, "L" if channels < 3 else "RGB")
    if profile is not None and not format_.profile:
        raise ImageError(f"{place}: {format_.name} cannot hold the picture's colour profile; use .png or .tif")
    if profile is not None and channels < 3 and not format_.grey:
        notices.append(f"the grey colour profile is left out; {format_.name} knows no grey, use --format png")
        profile = None
    if settings.strip_metadata:
        # What colours and pixels mean stays.
        metadata = Metadata(chunks=metadata.chunks, nodata=metadata.nodata)
    notices += _lost(metadata, format_)
    metadata = fit_metadata(metadata, format_, image.size, size, notices)
    if len(frames) > 1 and image.repeats and format_.name == "AVIF":
        notices.append("the number of repetitions is left out; AVIF has none, use --format png")
    metadata = dataclasses.replace(metadata, profile=profile)
    depth = _depth(place, image.depth, format_, notices)
    output = Output(format_, size, channels, depth, metadata, settings.quality, settings.compression)
    return Conversion(output, frames, power, background, notices)


def _lost(metadata: Metadata, format_: Format) -> Iterator[str]:
    """Yield a sentence about each thing said in a file that the format has no place for."""
    if metadata.text and format_.name != "PNG":
        yield f"the texts {', '.join(metadata.text)} are left out; use --format png"
    if format_.name == "BMP" and (metadata.exif or metadata.xmp):
        yield "EXIF and XMP data are left out; BMP holds none, use --format png"
    if format_.name == "TIFF" and metadata.exif and has_details(metadata.exif):
        yield "of the EXIF data only the main texts are kept in a TIFF; use --format png"


def _depth(place: Path, depth: Depth, format_: Format, notices: list[str]) -> Depth:
    if depth in format_.depths:
        return depth
    if depth == "float32":
        raise ImageError(f"{place}: {format_.name} cannot hold floating point; use --format tif")
    notices.append(f"16 bits become 8; {format_.name} holds no more, use --format png or tif")
    return "uint8"
