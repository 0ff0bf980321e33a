"""Opens image files of any content: a list of allowed formats, limits, and one sentence for every failure."""

import contextlib
import ctypes
import io
import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from amortized_sr.image_io.errors import DamagedError, ImageError
from amortized_sr.image_io.formats import READABLE, unreadable_format

# Pillow's limits and its tolerance are global, as are warning filters and libtiff's output: decode one file at a time.
_decoding = threading.RLock()

# A file of more bytes is no image that could be decoded.
_MAX_BYTES = 4 * 2**30

# Decoders let through whatever their parsers run into in a file that was cut or changed.
DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, AttributeError,
    AssertionError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip
"""Exceptions that decoders raise for damaged files."""

ORIENTATION = 0x0112
"""EXIF's and TIFF's tag for how the pixels are turned."""


@contextlib.contextmanager
def opened(path: Path, content: bytes, max_pixels: int, allow_truncated: bool = False) -> Iterator[Image.Image]:
    """Open an image with Pillow; a failure to decode its pixels inside the block is an `ImageError` as well.

    With `allow_truncated`, missing pixels of a cut file are grey.
    """
    with _decoding, mapped_errors(path, content), warnings.catch_warnings(), _silent_libtiff():
        # Pillow warns of damaged metadata, which does not change the picture; size is checked below.
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = max_pixels, allow_truncated
        try:
            with Image.open(io.BytesIO(content), formats=READABLE) as image:
                check_pixels(path, image.width * image.height, max_pixels)
                _scale_transparency(image)
                yield image
        except Image.DecompressionBombError:
            check_pixels(path, max_pixels + 1, max_pixels)
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


@contextlib.contextmanager
def _silent_libtiff() -> Iterator[None]:
    """Keep Pillow's libtiff from printing; impossible where it is built into Pillow, as on Windows."""
    library = ctypes.CDLL(Image.core.__file__)
    names = ("TIFFSetErrorHandler", "TIFFSetWarningHandler")
    setters = [getattr(library, name) for name in names if hasattr(library, name)]
    for setter in setters:
        setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    before = [setter(None) for setter in setters]
    try:
        yield
    finally:
        for setter, handler in zip(setters, before, strict=True):
            setter(handler)


def _scale_transparency(image: Image.Image) -> None:
    """Bring the grey that a PNG of 2 or 4 bits names transparent to the 8 bits of its pixels; Pillow leaves it."""
    named = image.info.get("transparency")
    if image.format == "PNG" and image.mode == "L" and isinstance(named, int) and getattr(image, "tile", []):
        steps = {"L;2": 3, "L;4": 15}.get(str(image.tile[0].args), 255)  # pyright: ignore[reportAttributeAccessIssue]
        image.info["transparency"] = (named & steps) * 255 // steps


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; an unreadable one counts as upright."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except DAMAGE:
        return 1
    return value if value in range(1, 9) else 1


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file; refuse pipes and devices, which may never end."""
    with mapped_errors(path):
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            remedy = f"name the files in it, for example {path}/*.png"
            raise ImageError(path, "is a directory, not an image file", remedy)
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(path, "is a pipe or a device, not an image file", "save its content as a file first")
        if status.st_size > _MAX_BYTES:
            raise ImageError(path, f"has more than {_MAX_BYTES:,} bytes", "crop the image first")
        return path.read_bytes()


def check_pixels(path: Path, pixels: int, limit: int) -> None:
    """Refuse an image whose header announces too many pixels: it is an attack or an accident."""
    if pixels > limit:
        problem = f"the header announces more than {limit:,} pixels"
        raise ImageError(path, problem, "crop the image first or raise the limit of pixels", setting="max_pixels")


@contextlib.contextmanager
def mapped_errors(path: Path, content: bytes = b"") -> Iterator[None]:
    """Turn everything that systems and decoders raise into an `ImageError` that names the file."""
    try:
        yield
    except ImageError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(path, "no such file", "check the path") from None
    except PermissionError:
        raise ImageError(path, "permission denied", "make the file readable") from None
    except UnidentifiedImageError:
        if not content:
            raise ImageError(path, "the file is empty", "give an image file") from None
        if name := unreadable_format(path, content):
            raise ImageError(path, f"{name} images cannot be read", "convert it to PNG, TIFF or JPEG first") from None
        known = ", ".join(READABLE)
        raise ImageError(path, f"not an image in a known format ({known})", "give an image file") from None
    except MemoryError:
        raise ImageError(path, "not enough memory to decode it", "crop the image first") from None
    except DAMAGE as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise DamagedError(path, f"the file is damaged ({why})", "get it again") from None
