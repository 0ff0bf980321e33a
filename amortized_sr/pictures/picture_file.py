"""A picture file that was written, on the disk or in memory."""

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
from amortized_sr.image_io.formats import MAX_FILE_PIXELS, Format, format_of
from amortized_sr.image_io.image_file import ImageFile
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import named_write_errors
from amortized_sr.pictures.pillow import picture_of

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
    """

    path: Path | None
    content: bytes | None = field(repr=False)
    format: Format = field(repr=False)
    image_size: Size
    size: Size
    kind: str
    notices: tuple[str, ...] = ()

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
            raise ImageError(path, f"the picture is a {self.format.name} file", "choose such a name", setting="format")
        content = self.content if self.path is None else self.path.read_bytes()
        assert content is not None
        with named_write_errors(path), replacing(path) as file:
            file.write(content)

    def _repr_png_(self) -> bytes | None:
        """Return what a notebook shows: the (first) picture with 8 bits, unless it is huge."""
        if self.size[0] * self.size[1] > _SHOWN_PIXELS:
            return None
        image, shown = self.read(), io.BytesIO()
        white = {"uint8": 255, "uint16": 65535, "float32": 1}[image.depth]
        eight = np.rint(image.frames[0].astype(np.float32).clip(0, white) * (255 / white)).astype(np.uint8)
        picture_of(eight, image.metadata.profile).save(shown, "PNG")
        return shown.getvalue()


@contextlib.contextmanager
def open_temporary() -> Iterator[BinaryIO]:
    """Open a file that vanishes afterwards; it has a name, which the writer of TIFF files asks for."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "output").open("x+b") as file:
        yield file
