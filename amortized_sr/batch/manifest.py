"""What a batch has finished: one JSON line a file, so that an interrupted batch can go on."""

import json
import os
from pathlib import Path
from typing import Any, final

from amortized_sr.image_io.errors import ImageError, reason

NAME = "_amortized_sr.jsonl"
"""Name of the manifest in the output folder."""


def made_in(folder: Path) -> list[Path]:
    """Return the outputs that a folder's manifest tells of, whether or not they are still there.

    Raises:
        ImageError: If there is a manifest that cannot be read.
    """
    return [folder / output for output in _read(folder)]


@final
class Manifest:
    """The record of a folder of outputs.

    A line is appended when its output is in place, so that a killed process leaves at most an output without a line,
    which is whole, and never a line without an output.

    Args:
        folder: Folder of the outputs.
        settings: What decides an output besides its input.

    Raises:
        ImageError: If there is one already that cannot be read.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._path = folder / NAME
        self._folder = folder
        self._settings = settings
        self._known = _read(folder)

    def knows(self, place: Path) -> bool:
        """Return whether this folder's batches made an output."""
        return self._name(place) in self._known

    def is_done(self, source: Path, place: Path) -> bool:
        """Return whether an output was made from this very input with these settings, and is there as it was."""
        entry, made_from = self._known.get(self._name(place)), self._made_from(source)
        # Of what came through a pipe nothing is known.
        if entry is None or not made_from or entry["made_from"] != made_from:
            return False
        return _size(place) == entry["size"] is not None

    def add(self, source: Path, place: Path, facts: dict[str, Any]) -> None:
        """Record an output that is in place."""
        entry = {"output": self._name(place), "input": str(source), "made_from": self._made_from(source), **facts}
        entry["size"] = _size(place)
        line = json.dumps(entry)
        self._known |= _parse(line)
        # One write in append mode: several processes may share a folder. A line cut by a full disk or a killed process
        # is ended first.
        with self._path.open("ab") as file:
            start = b"\n" if self._ends_within_a_line() else b""
            file.write(start + line.encode() + b"\n")

    def _made_from(self, source: Path) -> dict[str, Any]:
        try:
            known = source.stat()
        except OSError:
            return {}
        return {"bytes": known.st_size, "modified": known.st_mtime_ns, **self._settings}

    def _name(self, place: Path) -> str:
        return place.relative_to(self._folder).as_posix()

    def _ends_within_a_line(self) -> bool:
        try:
            with self._path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except OSError:
            return False


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what a folder's manifest knows of each output.

    Raises:
        ImageError: If there is one that cannot be read.
    """
    try:
        lines = (folder / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ImageError(f"{folder / NAME}: cannot be read ({reason(error)}); make it readable or remove it") from None
    known: dict[str, dict[str, Any]] = {}
    for line in lines:
        known |= _parse(line)
    return known


def _parse(line: str) -> dict[str, dict[str, Any]]:
    try:
        entry = json.loads(line)
        return {str(entry["output"]): {"made_from": entry["made_from"], "size": entry["size"]}}
    except (ValueError, KeyError, TypeError):
        return {}  # Cut in the middle: what it told of is made again or found to be there.


def _size(place: Path) -> int | None:
    try:
        return place.stat().st_size
    except OSError:
        return None
