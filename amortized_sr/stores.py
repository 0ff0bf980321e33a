"""Files in local folders and in remote stores, which fsspec reaches: whole or not at all, and tried again.

A *place* is a folder (`/data/set`) or the address of one (`s3://bucket/set`); names are paths below it, with slashes.
"""

import contextlib
import re
import secrets
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, final

from amortized_sr.image_io.atomic import replacing
from amortized_sr.image_io.errors import ImageError, reason

_Result = TypeVar("_Result")

# One letter before the colon would be a drive.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

# In these, a file appears when all of it has arrived; in others it grows, and gets its name at the end.
_WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"}

WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt at what a store refused; half a minute in all."""


def is_address(text: str) -> bool:
    """Return whether a text is the address of a store, and no path.

    Example:
        >>> is_address("s3://bucket/set"), is_address("/data/set"), is_address("C:/set")
        (True, False, False)
    """
    return _ADDRESS.match(text) is not None


class Store(ABC):
    """A place of files, read and written whole."""

    place: str

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            ImageError: If it is missing or cannot be read.
        """

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file at the place and below, by name; none if there is no such place.

        Raises:
            ImageError: If they cannot be listed.
        """

    @abstractmethod
    def writing(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """Open a file that takes its name, and the place of an older one, when the block ends without an error.

        Raises:
            ImageError: If it cannot be written.
        """

    def where(self, name: str) -> str:
        """Return the path or address of a file, for sentences."""
        return f"{self.place.rstrip('/')}/{name}"


def store_at(place: str | Path, waits: tuple[float, ...] = WAITS) -> Store:
    """Return the store at a place; `waits` are the seconds before each further attempt at a remote one."""
    return RemoteStore(str(place), waits) if is_address(str(place)) else FolderStore(str(place))


@final
@dataclass(frozen=True)
class FolderStore(Store):
    """A folder of this machine, or one that the system mounts."""

    place: str

    def read(self, name: str) -> bytes:
        """Return the content of a file; see `Store`."""
        try:
            return (Path(self.place) / name).read_bytes()
        except FileNotFoundError:
            raise _missing(self.where(name)) from None
        except OSError as error:
            raise ImageError(self.where(name), f"cannot be read ({reason(error)})", "make it readable") from None

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file; see `Store`."""
        root = Path(self.place)
        try:
            files = [path for path in root.rglob("*") if path.is_file()]
            return {path.relative_to(root).as_posix(): path.stat().st_size for path in files}
        except OSError as error:
            raise ImageError(self.place, f"cannot be listed ({reason(error)})", "make it readable") from None

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file to write; see `Store`."""
        path = Path(self.place) / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                yield file
        except OSError as error:
            raise ImageError(path, f"cannot be written ({reason(error)})", "choose another place", "output") from None


@final
@dataclass(frozen=True)
class RemoteStore(Store):
    """A store that fsspec reaches; what fails is tried again, because stores fail for a while.

    It holds no connection, so that processes that fork or receive it have their own.
    """

    place: str
    waits: tuple[float, ...] = WAITS

    def read(self, name: str) -> bytes:
        """Return the content of a file; see `Store`."""
        return self._again(name, "read", lambda files, path: files.cat_file(path))

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to this machine; an interrupted copy leaves a part of it.

        Raises:
            ImageError: If it is missing or cannot be read.
        """
        self._again(name, "read", lambda files, path: files.get_file(path, str(target)))

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every file; see `Store`."""

        def listed(files: Any, path: str) -> dict[str, int]:  # noqa: ANN401 (fsspec's types are unions)
            # A listing that is remembered would hide what another process has written.
            files.invalidate_cache()
            try:
                found = files.find(path, detail=True)
            except FileNotFoundError:
                return {}
            # The bucket's own path may come with or without a slash before it.
            start = len(path.strip("/")) + 1
            return {name.strip("/")[start:]: int(facts["size"] or 0) for name, facts in found.items()}

        return self._again("", "listed", listed)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file to write; see `Store`."""
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / "file"
            with local.open("x+b") as file:
                yield file
            self._again(name, "written", lambda files, path: _put(files, local, path))

    def _again(self, name: str, verb: str, action: Callable[[Any, str], _Result]) -> _Result:
        address = self.where(name) if name else self.place
        for wait in (*self.waits, None):
            try:
                return action(*_connected(address))
            except ImageError:
                raise
            except FileNotFoundError:
                raise _missing(address) from None
            # Each kind of store has errors of its own, and none says whether it will pass.
            except Exception as error:
                if wait is None or isinstance(error, PermissionError):
                    problem = f"cannot be {verb} ({reason(error) or type(error).__name__})"
                    tried = "check the address and the permissions"
                    remedy = (
                        tried if wait is not None else f"{tried}, or try later; {len(self.waits) + 1} attempts failed"
                    )
                    raise ImageError(address, problem, remedy) from None
                time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def _missing(address: str) -> ImageError:
    return ImageError(address, "no such file", "check the path")


def _connected(address: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and its path there."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        remedy = 'install it with: pip install "amortized-sr[stores]"'
        raise ImageError(address, "addresses of stores need fsspec", remedy) from None
    try:
        return url_to_fs(address)
    except ImportError as error:
        raise ImageError(address, f"this kind of store needs a package ({error})", "install that package") from None
    except ValueError as error:
        raise ImageError(address, f"fsspec knows no such store ({error})", "check the address") from None


def _put(files: Any, local: Path, path: str) -> None:  # noqa: ANN401 (fsspec's types are unions)
    kinds = files.protocol if isinstance(files.protocol, tuple | list) else (files.protocol,)
    parent, _, name = path.rpartition("/")
    if _WHOLE.intersection(kinds):
        files.put_file(str(local), path)
        return
    files.makedirs(parent, exist_ok=True)
    part = f"{parent}/.{name[:50]}.{secrets.token_hex(4)}.part"
    try:
        files.put_file(str(local), part)
        files.mv(part, path)
    except BaseException:
        with contextlib.suppress(Exception):
            files.rm_file(part)
        raise
