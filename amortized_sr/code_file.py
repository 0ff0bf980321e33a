"""Codes of images <-> .npz files, which NumPy reads without this package."""

import io
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float32, Int64

from amortized_sr.image_io import replacing
from amortized_sr.image_io.formats import DEFAULT_MAX_PIXELS

_KEYS = ("codes", "names", "sizes", "model")


class CodeFileError(ValueError):
    """A file of codes that cannot be used; the message says why and what to do."""


@final
@dataclass(frozen=True)
class CodeFile:
    """Codes of images, with what drawing them needs.

    Attributes:
        codes: One row per image.
        names: What each image was called.
        sizes: `(height, width)` of each image in pixels.
        model: SHA-256 hash of the weights that made the codes.
    """

    codes: Float32[np.ndarray, "image code"]
    names: list[str]
    sizes: Int64[np.ndarray, "image 2"]
    model: str

    def save(self, path: Path) -> None:
        """Write the file; one already there stays whole if writing fails. Same contents, same bytes."""
        names = np.array(self.names, dtype=np.str_)
        with replacing(path) as file:
            np.savez(file, codes=self.codes, names=names, sizes=self.sizes, model=np.array(self.model, dtype=np.str_))

    @staticmethod
    def load(path: Path) -> "CodeFile":
        """Read a file of codes. No code in it is ever run.

        Raises:
            CodeFileError: If it is missing, damaged, or its contents do not fit together.
        """
        if not os.path.isfile(path):
            raise CodeFileError(f"{path}: no such file; check the path")
        if not zipfile.is_zipfile(path):
            raise CodeFileError(f"{path}: not an .npz file; give one that images were encoded to")
        try:
            # From memory, because NumPy leaves the file of a damaged archive open.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                missing = [key for key in _KEYS if key not in file.files]
                if missing:
                    raise CodeFileError(f"{path}: {' and '.join(missing)} missing; encode the images again")
                codes, names, sizes, model = (file[key] for key in _KEYS)
        except CodeFileError:
            raise
        # Whatever a damaged archive or array makes NumPy raise; pickled contents are a ValueError.
        except (
            OSError,
            ValueError,
            EOFError,
            SyntaxError,
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
        ) as error:
            raise CodeFileError(f"{path}: cannot be read ({error}); encode the images again") from None
        problem = _problem(codes, names, sizes, model)
        if problem is not None:
            raise CodeFileError(f"{path}: {problem}; encode the images again")
        return CodeFile(codes.astype(np.float32), names.tolist(), sizes.astype(np.int64), str(model))


def _problem(codes: np.ndarray, names: np.ndarray, sizes: np.ndarray, model: np.ndarray) -> str | None:
    """Return the first problem of a file's contents, or None."""
    if codes.dtype.kind != "f" or codes.ndim != 2 or 0 in codes.shape:
        return f"codes must be a table of floats, one row per image, got {codes.dtype} of shape {codes.shape}"
    if not (np.abs(codes) <= np.finfo(np.float32).max).all():
        return "codes hold NaN or infinity"
    if names.dtype.kind != "U" or names.shape != (len(codes),):
        return f"names must be {len(codes)} texts, got {names.dtype} of shape {names.shape}"
    if sizes.dtype.kind not in "iu" or sizes.shape != (len(codes), 2):
        return f"sizes must be {len(codes)} pairs of whole numbers, got {sizes.dtype} of shape {sizes.shape}"
    # Both sides before their product, which may be larger than any integer of NumPy.
    most = DEFAULT_MAX_PIXELS
    if sizes.min() < 1 or sizes.max() > most or sizes.astype(np.int64).prod(axis=1).max() > most:
        return f"sizes must be heights and widths of at most {most:,} pixels"
    if model.dtype.kind != "U" or model.ndim != 0:
        return f"model must be one text, got {model.dtype} of shape {model.shape}"
    return None
