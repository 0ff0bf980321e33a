"""Which files a command line means: files, folders, patterns, lists."""

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from amortized_sr.image_io import READABLE_SUFFIXES, ImageError

STREAM = Path("-")
"""Stands for standard input as an input, for standard output as an output."""

# Names that this program gives to outputs: a_x4.png, a_640x480.png, a_w640.png.
_OUTPUT_NAME = re.compile(r"(?P<stem>.+)_(x\d[\d.e+-]*|\d+x\d+|[whl]\d+)", re.DOTALL)


@dataclass(frozen=True)
class Input:
    """One file to upscale.

    Attributes:
        path: Where it is.
        below: Its path below the folder that was named, or its name.
    """

    path: Path
    below: Path


def find_inputs(named: list[Path], recursive: bool, output: Path | None) -> list[Input]:
    """Return the files that are meant, in the order of the names, each folder's in the order of their paths.

    Folders are searched for files with an image's suffix. Hidden files, and what this program wrote there before,
    are passed over, as is everything below the output folder: an output is never an input by accident.

    Args:
        named: Files, folders and patterns; a file that is not there is returned too, to be reported in its turn.
        recursive: Whether folders are searched to their bottom.
        output: The folder for the outputs, if there is one.

    Raises:
        ImageError: If a folder or pattern holds no image files.
    """
    inputs: list[Input] = []
    for path in named:
        if path == STREAM:
            inputs.append(Input(path, Path("stdin")))
        elif os.path.isdir(path):
            inputs += _search(path, recursive, output)
        elif not os.path.lexists(path) and glob.has_magic(str(path)):
            inputs += [Input(found, Path(found.name)) for found in _match(path, recursive)]
        else:
            inputs.append(Input(path, Path(path.name)))
    return inputs


def read_list(path: Path) -> list[Path]:
    """Return the paths in a text file, one a line; empty lines and those that begin with # are none.

    Raises:
        ImageError: If it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError as error:
        raise ImageError(f"{path}: the list cannot be read ({error.strerror}); check the path") from None
    if any("\0" in line for line in lines):
        raise ImageError(f"{path}: not a text file; --list wants one path a line")
    # Not `splitlines`, which ends a line at characters that names may hold.
    paths = [line.removesuffix("\r") for line in lines]
    return [Path(line) for line in paths if line.strip() and not line.startswith("#")]


def _search(folder: Path, recursive: bool, output: Path | None) -> list[Input]:
    left_out = None if output is None else os.path.realpath(output)
    found: list[Path] = []
    # Links to folders are not followed: they may lead in a circle.
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if recursive and not name.startswith(".") and os.path.realpath(os.path.join(place, name)) != left_out
        ]
        if os.path.realpath(place) != left_out:
            found += [Path(place) / name for name in _images(names)]
    if not found:
        advice = "" if recursive else "; --recursive looks into the folders below as well"
        raise ImageError(f"{folder}: no image files in this folder{advice}")
    return [Input(path, path.relative_to(folder)) for path in sorted(found)]


def _match(pattern: Path, recursive: bool) -> list[Path]:
    places = sorted(glob.glob(str(pattern), recursive=recursive))
    by_folder: dict[str, list[str]] = {}
    for place in places:
        if not os.path.isdir(place):
            by_folder.setdefault(os.path.dirname(place), []).append(os.path.basename(place))
    found = [Path(folder) / name for folder, names in by_folder.items() for name in _images(names)]
    if not found:
        raise ImageError(f"{pattern}: no image files match this pattern; check the path")
    return sorted(found)


def _images(names: list[str]) -> list[str]:
    """Return the names of images, without those that this program gave to outputs of others of them."""
    images = [name for name in names if Path(name).suffix.lower() in READABLE_SUFFIXES and name[0] != "."]
    stems = {Path(name).stem for name in images}

    def made_here(name: str) -> bool:
        match = _OUTPUT_NAME.fullmatch(Path(name).stem)
        return match is not None and match["stem"] in stems

    return [name for name in images if not made_here(name)]
