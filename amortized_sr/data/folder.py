"""Any folder of images -> decoded store, with a report."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from amortized_sr.data.cache import ImageStore, load_store, pack, save_store
from amortized_sr.data.images import Pixels
from amortized_sr.image_io import READABLE_SUFFIXES, ImageError, read_picture
from amortized_sr.image_io.picture import BACKGROUND


@dataclass(frozen=True)
class FolderReport:
    """What a folder of images holds.

    Attributes:
        root: The folder.
        shapes: `(height, width, channels)` of each readable image.
        modes: How many images were grey (`L`) and colour (`RGB`).
        unreadable: Why each unreadable file was left out, by path.
    """

    root: Path
    shapes: list[tuple[int, int, int]]
    modes: Counter[str]
    unreadable: dict[str, str]

    def __str__(self) -> str:
        """Return a few lines for a person."""
        heights, widths, _ = zip(*self.shapes, strict=True)
        megapixels = sum(height * width for height, width, _ in self.shapes) / 1e6
        modes = ", ".join(f"{count} {mode}" for mode, count in self.modes.most_common())
        return "\n".join(
            [
                f"{self.root}: {len(self.shapes)} images, {len(self.unreadable)} unreadable",
                f"  width {min(widths)}-{max(widths)}, height {min(heights)}-{max(heights)}, {megapixels:.1f} "
                f"megapixels, {modes}",
                *(f"  left out: {reason}" for reason in self.unreadable.values()),
            ]
        )


def read_folder(
    root: Path, channels: Literal[1, 3], cache: Path | None = None, shorter_side: int | None = None
) -> tuple[ImageStore, FolderReport]:
    """Decode all images below a folder, in the order of their paths.

    Hidden files and files without an image's suffix are skipped. Images are converted to grey or colour;
    transparent ones are put on white.

    Args:
        root: The folder; subfolders are read too.
        channels: 1 for grey, 3 for colour.
        cache: Folder for the decoded bytes, which are reused until one of the images' files changes; None decodes
            into memory.
        shorter_side: Larger images are shrunk until their shorter side has this many pixels; None shrinks none.

    Raises:
        ImageError: If there is no such folder, or no readable image in it.
    """
    paths = image_files(root)
    file = None if cache is None else cache / f"{_fingerprint(paths, channels, shorter_side)}.npy"
    if file is not None and (cached := load_store(file)) is not None:
        store, notes = cached
        return store, FolderReport(root, store.shapes, Counter(notes["modes"]), notes["unreadable"])
    modes: Counter[str] = Counter()
    unreadable: dict[str, str] = {}
    arrays = list(decode_files(paths, channels, shorter_side, modes, unreadable))
    if not arrays:
        raise nothing_readable(root, unreadable)
    store = pack(arrays)
    if file is not None:
        save_store(file, store, {"modes": modes, "unreadable": unreadable})
    return store, FolderReport(root, store.shapes, modes, unreadable)


def decode_files(
    paths: Iterable[Path],
    channels: Literal[1, 3],
    shorter_side: int | None,
    modes: Counter[str],
    unreadable: dict[str, str],
) -> Iterator[Pixels]:
    """Yield the images of files in turn, as `read_folder` describes.

    Args:
        paths: The files.
        channels: 1 for grey, 3 for colour.
        shorter_side: Larger images are shrunk until their shorter side has this many pixels.
        modes: Counts images that were grey (`L`) and colour (`RGB`).
        unreadable: Gets the reason why a file was left out, by its path.
    """
    for path in paths:
        try:
            picture = read_picture(path, background=BACKGROUND)
        except ImageError as error:
            unreadable[str(path)] = str(error)
            continue
        modes[picture.mode] += 1
        converted = _shrunk(picture.convert("L" if channels == 1 else "RGB"), shorter_side)
        yield np.array(converted).reshape(converted.height, converted.width, channels)


def nothing_readable(root: Path, unreadable: dict[str, str]) -> ImageError:
    """Return the error of a folder of which no image can be read."""
    first = next(iter(unreadable.values()))
    return ImageError(root, f"none of the {len(unreadable)} image files can be read", f"the first: {first}")


def image_files(root: Path) -> list[Path]:
    """Return the paths of all image files below a folder, sorted; hidden files are skipped.

    Raises:
        ImageError: If there is no such folder, or no image file in it.
    """
    if not root.is_dir():
        raise ImageError(root, "no such folder", "choose a folder with images")
    paths = sorted(path for path in root.rglob("*") if _looks_like_image(path, root))
    if not paths:
        suffixes = " ".join(sorted(READABLE_SUFFIXES))
        raise ImageError(root, "no image files in this folder or below it", f"add files ending in {suffixes}")
    return paths


def _looks_like_image(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return not hidden and path.suffix.lower() in READABLE_SUFFIXES and path.is_file()


def _shrunk(picture: Image.Image, shorter_side: int | None) -> Image.Image:
    """Return a picture whose shorter side is at most `shorter_side`, with its aspect ratio."""
    shorter = min(picture.size)
    if shorter_side is None or shorter <= shorter_side:
        return picture
    width, height = (round(side * shorter_side / shorter) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def _fingerprint(paths: list[Path], channels: int, shorter_side: int | None) -> str:
    """Return a name for the decoded content of these files that changes when one of them changes."""
    known = [(str(path.absolute()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    settings = (channels,) if shorter_side is None else (channels, shorter_side)
    return hashlib.sha256(repr((*settings, known)).encode()).hexdigest()[:16]
