"""The files of a set of shards on this machine: mapped where they lie, or copied from a store within a bound."""

import contextlib
import hashlib
import os
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from amortized_sr.data.shard_set import HEAD, Shard, ShardError, ShardSet
from amortized_sr.image_io.errors import ImageError
from amortized_sr.stores import WAITS, RemoteStore

_AGAIN = "copy the set again, or pack it again"

# Two processes that want one shard wait for each other; a few locks serve all.
_LOCKS = 16


class ShardFiles(ABC):
    """Where the shards of a set are on this machine."""

    @abstractmethod
    def path(self, shard: Shard) -> Path:
        """Return the file of a shard, which is what the manifest says.

        Raises:
            ShardError: If it is missing or another.
        """

    @abstractmethod
    def expect(self, shards: Sequence[Shard]) -> None:
        """Prepare for these shards, the most urgent first; others may be forgotten."""


@final
@dataclass(frozen=True)
class FolderShards(ShardFiles):
    """Shards in a folder, mapped where they lie."""

    folder: Path

    def path(self, shard: Shard) -> Path:
        """Return the file of a shard, of which size and start are checked; see `ShardFiles`."""
        path = self.folder / shard.name
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                head = hashlib.sha256(file.read(HEAD)).hexdigest()
        except OSError as error:
            raise ShardError(f"{path}: the shard cannot be read ({error.strerror}); {_AGAIN}") from None
        if size != shard.bytes:
            raise ShardError(f"{path}: the shard has {size:,} bytes instead of {shard.bytes:,}; {_AGAIN}")
        if head != shard.head:
            raise ShardError(f"{path}: the shard is another than the manifest lists; {_AGAIN}")
        return path

    def expect(self, shards: Sequence[Shard]) -> None:
        """Do nothing: all shards are there."""


@final
class CopiedShards(ShardFiles):
    """Shards of a remote store, copied to this machine when they are needed, the longest unused ones removed.

    Processes share the copies, whose names are their digests. A mapped copy stays valid when it is removed; its bytes
    are then free when the last process closes it.

    Args:
        place: Address of the set.
        folder: Where the copies go.
        limit: Most bytes of the copies, which must hold all that are expected at once.
        waits: Seconds before each further attempt at what the store refused.
    """

    def __init__(self, place: str, folder: Path, limit: int, waits: tuple[float, ...] = WAITS) -> None:
        self._store = RemoteStore(place, waits)
        self._folder = folder
        self._limit = limit
        self._expected: tuple[Shard, ...] = ()
        self._thread: threading.Thread | None = None

    def path(self, shard: Shard) -> Path:
        """Return the copy of a shard, whose digest was checked when it was made; see `ShardFiles`."""
        try:
            return self._copied(shard)
        except ImageError as error:
            raise ShardError(str(error)) from None
        except OSError as error:
            problem = f"the shard cannot be copied to this machine ({error.strerror or error})"
            raise ShardError(f"{self._store.where(shard.name)}: {problem}; choose another cache") from None

    def expect(self, shards: Sequence[Shard]) -> None:
        """Copy these shards in the background; see `ShardFiles`."""
        expected = tuple(shards)
        if expected == self._expected:
            return
        self._expected = expected
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._copy_expected, name="shards", daemon=True)
            self._thread.start()

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs: it has no thread yet."""
        return {**self.__dict__, "_thread": None, "_expected": ()}

    def _copy_expected(self) -> None:
        done: tuple[Shard, ...] = ()
        while done != self._expected:
            done = self._expected
            for shard in done:
                # Whoever needs a shard that cannot be copied tries again, and reports it.
                with contextlib.suppress(ImageError, OSError):
                    self._copied(shard)

    def _copied(self, shard: Shard) -> Path:
        path = self._folder / f"{shard.sha256}.npy"
        with self._locked(f"{int(shard.sha256[:8], 16) % _LOCKS:02d}"):
            if _size(path) != shard.bytes:
                self._copy(shard, path)
        # The time of the last use.
        with contextlib.suppress(OSError):
            os.utime(path)
        return path

    def _copy(self, shard: Shard, path: Path) -> None:
        self._make_room(shard.bytes)
        part = path.with_name(f".{shard.sha256}.{secrets.token_hex(4)}.part")
        try:
            for _ in range(2):  # What comes may be wrong once.
                self._store.fetch(shard.name, part)
                with part.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                if digest == shard.sha256:
                    part.replace(path)
                    return
            problem = f"the shard of {_size(part) or 0:,} bytes is another than the manifest lists"
            raise ImageError(self._store.where(shard.name), problem, _AGAIN)
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, needed: int) -> None:
        """Remove the longest unused copies until there is room; those that are expected stay."""
        kept = {f"{shard.sha256}.npy" for shard in self._expected}
        with self._locked("room"):
            copies: list[tuple[float, int, Path]] = []
            for path in self._folder.glob("*.npy"):
                # Another process may have removed it.
                with contextlib.suppress(FileNotFoundError):
                    facts = path.stat()
                    copies.append((facts.st_mtime, facts.st_size, path))
            total = sum(size for _, size, _ in copies)
            for _, size, path in sorted(copies):
                if total + needed <= self._limit:
                    return
                if path.name not in kept:
                    path.unlink(missing_ok=True)
                    total -= size

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Wait for the other processes and threads that hold a lock of this name; it ends with its process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            import fcntl
        except ImportError:  # Windows: a shard may be copied twice, which is only slower.
            yield
            return
        with (self._folder / f".{name}.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def shard_files(shards: ShardSet, cache: Path | None, limit: int, mixed: int, is_remote: bool) -> ShardFiles:
    """Return where the shards of a set are on this machine.

    Args:
        shards: The set.
        cache: Folder for the copies of a remote one.
        limit: Most bytes of the copies.
        mixed: How many shards are read in turn.
        is_remote: Whether the place is an address.

    Raises:
        ImageError: If a remote set has no folder for copies, or too few bytes.
    """
    if not is_remote:
        return FolderShards(Path(shards.place))
    if cache is None:
        problem = "shards in a store need a folder of this machine for copies"
        raise ImageError(shards.place, problem, "set cache", setting="cache")
    needed = 2 * min(mixed, len(shards.shards)) * max(shard.bytes for shard in shards.shards)
    needed = min(needed, shards.bytes)
    if limit < needed:
        problem = f"cache_bytes of {limit:,} cannot hold the shards that are read in turn and the next ones"
        remedy = f"raise it to at least {needed:,}, or lower shards_mixed"
        raise ImageError(shards.place, problem, remedy, setting="cache_bytes")
    return CopiedShards(shards.place, cache / "shards", limit)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
