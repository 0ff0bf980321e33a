"""Records the finished outputs of a batch, one JSON line a file, so that an interrupted batch can be resumed."""

import json
import os
from pathlib import Path
from typing import Any, final

from amortized_sr.choices import EngineName
from amortized_sr.image_io.errors import ImageError, reason

NAME = "_amortized_sr.jsonl"
"""Name of the manifest in the output folder."""


def listed_outputs(folder: Path) -> list[Path]:
    """Return the outputs that a folder's manifest lists, whether or not they still exist.

    Raises:
        ImageError: If the manifest cannot be read.
    """
    return [folder / output for output in _read(folder)]


@final
class Manifest:
    """The record of a folder of outputs; a source that is a text is an address in a remote store.

    A line is appended after its output has been written, so that a killed process leaves whole outputs without a line,
    and never a line without an output.

    Args:
        folder: Folder of the outputs.
        settings: What decides an output besides its input.

    Raises:
        ImageError: If the folder has one that cannot be read.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._folder = folder
        self._settings = settings
        self._known = _read(folder)

    def lists(self, output_path: Path) -> bool:
        """Return whether an output was made by a batch into this folder."""
        return self._name(output_path) in self._known

    def is_done(self, source: Path | str, output_path: Path, engine: EngineName) -> bool:
        """Return whether an output was made from the same input with the same settings, and still has its size.

        Engines round a few values in another way, so one that is asked for must have made it.
        """
        entry, made_from = self._known.get(self._name(output_path)), self._made_from(source)
        # An input from a pipe cannot be recognised.
        if entry is None or not made_from or entry["made_from"] != made_from:
            return False
        if engine not in ("auto", entry["engine"]):
            return False
        return _size(output_path) == entry["size"] is not None

    def add(self, source: Path | str, output_path: Path, facts: dict[str, Any]) -> None:
        """Record an output that has been written."""
        entry = {"output": self._name(output_path), "input": str(source), "made_from": self._made_from(source), **facts}
        entry["size"] = _size(output_path)
        line = json.dumps(entry)
        self._known |= _parse(line)
        # One write in append mode: several processes may share a folder. A line cut by a full disk or a killed process
        # is ended first.
        with (self._folder / NAME).open("a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else f"\n{line}"
            file.write(line.encode() + b"\n")

    def _made_from(self, source: Path | str) -> dict[str, Any]:
        if isinstance(source, str):
            return {"address": source, **self._settings}
        try:
            facts = source.stat()
        except OSError:
            return {}
        return {"bytes": facts.st_size, "modified": facts.st_mtime_ns, **self._settings}

    def _name(self, output_path: Path) -> str:
        return output_path.relative_to(self._folder).as_posix()


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the entry of each output in a folder's manifest."""
    try:
        lines = (folder / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ImageError(folder / NAME, f"cannot be read ({reason(error)})", "make it readable or remove it") from None
    known: dict[str, dict[str, Any]] = {}
    for line in lines:
        known |= _parse(line)
    return known


def _parse(line: str) -> dict[str, dict[str, Any]]:
    try:
        entry = json.loads(line)
        return {
            str(entry["output"]): {
                "made_from": entry["made_from"],
                "size": entry["size"],
                "engine": entry.get("engine", "torch"),
            }
        }
    except (ValueError, KeyError, TypeError):
        return {}  # An incomplete line: if its output exists it is skipped, otherwise computed.


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
