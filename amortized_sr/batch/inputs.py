"""Finds the files that a command names: files, folders, patterns, lists."""

import glob
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from amortized_sr.batch.manifest import listed_outputs
from amortized_sr.image_io import READABLE_SUFFIXES, ImageError
from amortized_sr.stores import store_at

STREAM = Path("-")
"""Stands for standard input as an input, for standard output as an output."""

# Names that this program gives to outputs: a_x4.png, a_640x480.png, a_w640.png.
_OUTPUT_NAME = re.compile(r"(?P<stem>.+)_(x\d[\d.e+-]*|\d+x\d+|[whl]\d+)", re.DOTALL)


@dataclass(frozen=True)
class Input:
    """One file to upscale.

    Attributes:
        path: Where it is.
        relative: Its path relative to the folder that was named, or its name.
        address: Its address, if it is in a remote store; the path is then without the kind of store.
    """

    path: Path
    relative: Path
    address: str | None = None

    @property
    def shown(self) -> Path | str:
        """Its path or address, for sentences."""
        return self.address or self.path


@dataclass(frozen=True)
class Found:
    """Files that match one file, folder or pattern.

    Attributes:
        inputs: The files to upscale.
        outputs: Image files that were passed over as outputs of this program.
        unreadable: Errors about folders that cannot be read.
    """

    inputs: list[Input]
    outputs: list[Path] = field(default_factory=list)
    unreadable: list[ImageError] = field(default_factory=list)


def path_or_stream(text: str) -> Path:
    """Return the path that a user wrote; only `-` itself is the stream, `./-` is a file of that name."""
    path = Path(text)
    return path.absolute() if path == STREAM and text != str(STREAM) else path


def find_inputs(named: Path, recursive: bool, output: Path | None) -> Found:
    """Return the files that a file, folder or pattern stands for, a folder's in the order of their paths.

    Folders are searched for files with the suffix of an image. Hidden files and outputs of this program are passed
    over, as is everything in an output folder below the one that was named: an output is never an input by accident. An
    output is recognised by its name beside its input's (`a_x4.png` beside `a.jpg`), which is a guess, or from the
    manifest of a folder below the one that was named. A missing file is returned too, and reported in its turn.

    Raises:
        ImageError: If a folder or pattern holds no image files, or a manifest cannot be read.
    """
    if named == STREAM:
        return Found([Input(named, Path("stdin"))])
    if os.path.isdir(named):
        return _search(named, recursive, output)
    if not os.path.lexists(named) and glob.has_magic(str(named)):
        return _match(named, recursive, output)
    return Found([Input(named, Path(named.name))])


def find_addressed(address: str, recursive: bool) -> Found:
    """Return the files that an address in a remote store stands for: itself, or a folder's in the order of their names.

    Raises:
        ImageError: If the store cannot be read or holds no image files there.
    """
    if Path(address).suffix.lower() in READABLE_SUFFIXES:
        return Found([_addressed(address, Path(address).name)])
    store = store_at(address)
    names = [name for name in store.sizes() if _is_image(Path(name).name) and (recursive or "/" not in name)]
    visible = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    if not visible:
        raise ImageError(address, "no image files at this address", "check it, or search below it too", "recursive")
    return Found([_addressed(store.where(name), name) for name in sorted(visible)])


def _addressed(address: str, relative: str) -> Input:
    return Input(Path(address.partition("://")[2]), Path(relative), address)


def read_list(path: Path) -> list[Path]:
    """Return the paths in a text file, one a line; empty lines and those that start with # are skipped.

    Raises:
        ImageError: If it cannot be read or names no files.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n")
    except OSError as error:
        raise ImageError(path, f"the list cannot be read ({error.strerror})", "check the path", "list") from None
    if any("\0" in line for line in lines):
        raise ImageError(path, "not a text file", "give a list with one path a line", "list")
    # Not `splitlines`, which ends a line at characters that names may hold.
    paths = [line.removesuffix("\r") for line in lines]
    named = [path_or_stream(line) for line in paths if line.strip() and not line.startswith("#")]
    if not named:
        raise ImageError(path, "the list names no files", "give it one path a line", "list")
    return named


def _search(folder: Path, recursive: bool, output: Path | None) -> Found:
    images: list[Path] = []
    unreadable: list[ImageError] = []

    def note(error: OSError) -> None:
        problem = f"the folder cannot be read ({error.strerror})"
        unreadable.append(ImageError(error.filename, problem, "make it readable"))

    # Links to folders are not followed: they may lead in a circle.
    for searched, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        images += [Path(searched) / name for name in names if _is_image(name)]
    inputs, outputs = _split(folder, images, output)
    if inputs or outputs or unreadable:
        return Found([Input(path, path.relative_to(folder)) for path in inputs], outputs, unreadable)
    if recursive:
        raise ImageError(folder, "no image files in this folder or below", "check the path")
    raise ImageError(folder, "no image files in this folder", "search the folders below as well", "recursive")


def _match(pattern: Path, recursive: bool, output: Path | None) -> Found:
    matches = map(Path, glob.glob(str(pattern), recursive=recursive))
    images = [path for path in matches if _is_image(path.name) and not path.is_dir()]
    named = next(folder for folder in pattern.parents if not glob.has_magic(str(folder)))
    inputs, outputs = _split(named, images, output)
    if not (inputs or outputs):
        raise ImageError(pattern, "no image files match this pattern", "check the path")
    return Found([Input(path, Path(path.name)) for path in inputs], outputs)


def _split(named: Path, images: list[Path], output: Path | None) -> tuple[list[Path], list[Path]]:
    """Split the images below a folder into inputs and outputs of this program."""
    output_folder = None if output is None else os.path.realpath(output)
    outputs = _named_like_outputs(images)
    left_out: set[Path] = set()
    for folder in {folder for path in images for folder in path.parents if folder.is_relative_to(named)}:
        is_output = os.path.realpath(folder) == output_folder
        # The files in the folder of an earlier batch are inputs if that folder itself was named.
        if folder != named or is_output:
            outputs.update(listed_outputs(folder))
        if folder != named and is_output:
            left_out.add(folder)
    images = sorted(path for path in images if left_out.isdisjoint(path.parents))
    return [path for path in images if path not in outputs], [path for path in images if path in outputs]


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in READABLE_SUFFIXES and not name.startswith(".")


def _named_like_outputs(images: list[Path]) -> set[Path]:
    """Return the images whose names this program would give to outputs of others among them."""
    originals = {(path.parent, path.stem) for path in images}
    matches = ((path, _OUTPUT_NAME.fullmatch(path.stem)) for path in images)
    return {path for path, match in matches if match and (path.parent, match["stem"]) in originals}
