"""A picture file that was written, on the disk or in memory; Pillow's pictures <-> pixels at their own depth."""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, final

import numpy as np
from PIL import Image

from amortized_sr.coords import Size
from amortized_sr.image_io import ImageError, replacing
from amortized_sr.image_io.formats import FORMATS, MAX_FILE_PIXELS, Format, format_of
from amortized_sr.image_io.image_file import ImageFile, Pixels
from amortized_sr.image_io.picture import as_bytes
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import named_write_errors
from amortized_sr.strength import Strength

# A notebook shows no larger picture by itself.
_SHOWN_PIXELS = 2**24


@final
@dataclass(frozen=True)
class PictureFile:
    """A picture file that was made from another.

    Attributes:
        path: Where it is, or None if it is in memory.
        content: Its bytes, or None if it is on the disk.
        format: Its format.
        image_size: `(height, width)` of the input in pixels.
        size: `(height, width)` in pixels.
        kind: What the input was, such as `PNG RGBA 8 bit`.
        notices: Sentences about what could not be kept, and about fallbacks that were used.
        strength: What the model was told about noise and compression.
    """

    path: Path | None
    content: bytes | None = field(repr=False)
    format: Format = field(repr=False)
    image_size: Size
    size: Size
    kind: str
    notices: tuple[str, ...] = ()
    strength: Strength = Strength()

    def read(self) -> ImageFile:
        """Return the pixels at their own depth, with metadata and all pictures of an animation."""
        return read_image(self.path or Path("picture"), self.content, MAX_FILE_PIXELS)

    def to_pil(self) -> Image.Image:
        """Return the picture, or the first of an animation, as one of Pillow's.

        Raises:
            ValueError: If Pillow cannot hold it: colours of 16 bits or floating point.
        """
        image = self.read()
        return picture_of(image.frames[0], image.metadata.profile)

    def save(self, path: Path | str) -> None:
        """Write the same bytes to a file; a file of that name is replaced.

        Raises:
            ImageError: If the name is one of another format, or the file cannot be written.
        """
        path = Path(path)
        if format_of(path) != self.format:
            suffix = next(name for name, format_ in FORMATS.items() if format_ == self.format)
            remedy = f"end the name in .{suffix}, or upscale with output=, which converts"
            raise ImageError(path, f"the picture is a {self.format.name} file", remedy, setting="format")
        content = self.content if self.path is None else self.path.read_bytes()
        assert content is not None
        with named_write_errors(path), replacing(path) as file:
            file.write(content)

    def _repr_png_(self) -> bytes | None:
        """Return what a notebook shows: the (first) picture with 8 bits, unless it is huge."""
        if self.size[0] * self.size[1] > _SHOWN_PIXELS:
            return None
        image, shown = self.read(), io.BytesIO()
        picture_of(as_bytes(image.frames[0]), image.metadata.profile).save(shown, "PNG")
        return shown.getvalue()


def picture_of(pixels: Pixels, profile: bytes | None = None) -> Image.Image:
    """Return pixels as a picture of mode L, LA, RGB, RGBA, I;16 (16-bit grey) or F (grey floats).

    Raises:
        ValueError: If Pillow has no mode for them.
    """
    if pixels.dtype != np.uint8 and pixels.shape[2] > 1:
        depth = "16 bits" if pixels.dtype == np.uint16 else "floating point"
        raise ValueError(f"Pillow cannot hold {depth} with {pixels.shape[2]} channels; use `read` for the pixels")
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if profile:
        picture.info["icc_profile"] = profile
    return picture


@contextlib.contextmanager
def open_temporary() -> Iterator[BinaryIO]:
    """Open a file that vanishes afterwards; it has a name, which the writer of TIFF files asks for."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "output").open("x+b") as file:
        yield file
