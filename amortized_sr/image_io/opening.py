"""Opening image files that may be anything: an allow-list of formats, limits, and one sentence for every failure."""

import contextlib
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
from amortized_sr.image_io.formats import READABLE
from amortized_sr.image_io.limits import DEFAULT_MAX_PIXELS

# Pillow's limits and its tolerance are global, as are warning filters, so one file is decoded at a time.
_decoding = threading.RLock()

# Decoders let through whatever their parsers run into in a file that was cut or changed.
DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, AttributeError,
    AssertionError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip
"""Exceptions that decoders raise for damaged files."""


@contextlib.contextmanager
def opened(
    path: Path, content: bytes | None = None, max_pixels: int = DEFAULT_MAX_PIXELS, allow_truncated: bool = False
) -> Iterator[Image.Image]:
    """Open an image file; whatever happens to its pixels inside the block becomes a sentence as well.

    Args:
        path: The file; its content decides the format, not its name.
        content: The file's bytes, if they are not on the disk; `path` is then only a name.
        max_pixels: Most pixels that the header may announce.
        allow_truncated: Whether what a cut file lacks may be grey.

    Raises:
        ImageError: If the file is not an image or is damaged.
    """
    if content is None:
        check_regular(path)
    with _decoding, mapped_errors(path, content), warnings.catch_warnings():
        # Pillow warns of damaged metadata, which does not change the picture; size is checked below.
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = max_pixels, allow_truncated
        try:
            with Image.open(path if content is None else io.BytesIO(content), formats=READABLE) as image:
                check_pixels(path, image.width * image.height, max_pixels)
                _scale_transparency(image)
                yield image
        except Image.DecompressionBombError:
            check_pixels(path, max_pixels + 1, max_pixels)
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def _scale_transparency(image: Image.Image) -> None:
    """Bring the grey that a PNG of 2 or 4 bits names transparent to the 8 bits of its pixels; Pillow leaves it."""
    named = image.info.get("transparency")
    if image.format == "PNG" and image.mode == "L" and isinstance(named, int) and getattr(image, "tile", []):
        steps = {"L;2": 3, "L;4": 15}.get(str(image.tile[0].args), 255)  # pyright: ignore[reportAttributeAccessIssue]
        image.info["transparency"] = (named & steps) * 255 // steps


def check_regular(path: Path) -> None:
    """Check that there is a file and that reading it cannot wait forever.

    Raises:
        ImageError: If it is missing, a directory, or a pipe or device.
    """
    with mapped_errors(path, None):
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(
                f"{path}: is a directory, not an image file; name the files in it, for example {path}/*.png"
            )
        if not stat.S_ISREG(mode):
            raise ImageError(f"{path}: is a pipe or a device, not an image file; use - to read from a pipe")


def check_pixels(path: Path, pixels: int, limit: int) -> None:
    """Refuse an image whose header announces too much: it is an attack or an accident.

    Raises:
        ImageError: If it does.
    """
    if pixels > limit:
        raise ImageError(
            f"{path}: the header announces more than {limit:,} pixels; crop the image first or raise --max-pixels"
        )


@contextlib.contextmanager
def mapped_errors(path: Path, content: bytes | None) -> Iterator[None]:
    """Turn everything that systems and decoders raise into an `ImageError` that names the file."""
    try:
        yield
    except ImageError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError(f"{path}: no such file; check the path") from None
    except PermissionError:
        raise ImageError(f"{path}: permission denied; make the file readable") from None
    except UnidentifiedImageError:
        empty = (path.stat().st_size if content is None else len(content)) == 0
        what = "the file is empty" if empty else f"not an image in a known format ({', '.join(READABLE)})"
        raise ImageError(f"{path}: {what}; give an image file") from None
    except MemoryError:
        raise ImageError(f"{path}: not enough memory to decode it; crop the image first") from None
    except DAMAGE as error:
        raise DamagedError(f"{path}: the file is damaged ({_first_line(error)}); get it again") from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
