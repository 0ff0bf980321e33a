"""Decoded images in many files, read by number, for data sets larger than memory or than this machine."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Int

from amortized_sr.data.cache import ImageStore, pack
from amortized_sr.data.images import DecodedImages, Pixels, moments_of
from amortized_sr.data.shard_files import ShardFiles, shard_files
from amortized_sr.data.shard_set import ShardError, ShardSet, read_shard_set
from amortized_sr.stores import is_address

_ATTEMPTS = 3


@final
class ShardedStore(DecodedImages):
    """The images of a set of shards, or some of them; files are mapped when an image of theirs is read.

    Args:
        shards: The set.
        files: Where its files are on this machine.
        mixed: How many shards are shuffled together and read in turn.
        chosen: Ascending numbers of the images; None takes all.
    """

    def __init__(
        self, shards: ShardSet, files: ShardFiles, mixed: int, chosen: Int[np.ndarray, " count"] | None = None
    ) -> None:
        self.shards = shards
        self._files = files
        self._mixed = mixed
        self._chosen = np.arange(len(shards.sizes)) if chosen is None else chosen
        self._firsts = np.cumsum(shards.counts) - shards.counts
        pixels = shards.sizes.astype(np.int64).prod(axis=1) * shards.channels
        # Where each image starts in its shard.
        ends = np.cumsum(pixels)
        starts = ends - pixels
        self._starts = starts - np.repeat(starts[self._firsts], shards.counts)
        borders = np.searchsorted(self._chosen, [*self._firsts.tolist(), len(shards.sizes)])
        self._groups = np.diff(borders)
        self._mapped: dict[int, Pixels] = {}
        self._expected: Sequence[int] = ()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._chosen)

    def __getitem__(self, index: int) -> Pixels:
        """Return an image `(height, width, channels)` without copying it.

        Raises:
            ShardError: If its shard is missing or another than the manifest says.
        """
        number = int(self._chosen[index])
        shard = int(np.searchsorted(self._firsts, number, side="right")) - 1
        height, width, channels = self.shape_of(index)
        start = int(self._starts[number])
        return self._map(shard)[start : start + height * width * channels].reshape(height, width, channels)

    def shape_of(self, index: int) -> tuple[int, int, int]:
        """Return `(height, width, channels)` of an image."""
        height, width = self.shards.sizes[self._chosen[index]].tolist()
        return height, width, self.shards.channels

    def shorter_sides(self) -> Int[np.ndarray, " count"]:
        """Return the smaller of height and width of each image."""
        return self.shards.sizes[self._chosen].min(axis=1).astype(np.int64)

    def select(self, indices: Iterable[int] | Int[np.ndarray, " chosen"]) -> "ShardedStore":
        """Return some of the images, in the order of their numbers."""
        numbers = indices if isinstance(indices, np.ndarray) else np.fromiter(indices, dtype=np.int64)
        return ShardedStore(self.shards, self._files, self._mixed, np.sort(self._chosen[numbers]))

    def in_memory(self) -> ImageStore:
        """Return copies of the images, for few that are read again and again."""
        return pack(np.array(self[index]) for index in range(len(self)))

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation of all values of the whole set, in [0, 1], from its manifest."""
        return moments_of(self.shards.levels)

    @property
    def groups(self) -> Int[np.ndarray, " group"]:
        """How many of the images each shard has; shards without any are left out."""
        return self._groups[self._groups > 0]

    @property
    def mixed(self) -> int:
        """How many shards are read in turn."""
        return self._mixed

    def expect(self, groups: Sequence[int]) -> None:
        """Copy the shards of these groups in the background, where they have to be copied."""
        if groups == self._expected:
            return
        self._expected = groups
        present = np.flatnonzero(self._groups)
        wanted = [int(present[group]) for group in groups]
        self._files.expect([self.shards.shards[shard] for shard in wanted])
        for shard in self._mapped.keys() - set(wanted):
            del self._mapped[shard]

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs, which maps the files itself."""
        return {**self.__dict__, "_mapped": {}, "_expected": ()}

    def _map(self, shard: int) -> Pixels:
        if shard not in self._mapped:
            self._mapped[shard] = self._open(shard)
        return self._mapped[shard]

    def _open(self, number: int) -> Pixels:
        shard = self.shards.shards[number]
        for _ in range(_ATTEMPTS):
            path = self._files.path(shard)
            try:
                pixels = np.load(path, mmap_mode="r", allow_pickle=False)
            except FileNotFoundError:
                continue  # Another process has removed the copy meanwhile.
            except (OSError, ValueError) as error:
                raise ShardError(f"{path}: the shard is damaged ({error}); pack the set again") from None
            if pixels.dtype == np.uint8 and pixels.ndim == 1:
                return pixels
            raise ShardError(f"{path}: the shard holds no bytes of images; pack the set again")
        raise ShardError(f"{shard.name}: other processes remove the copy before it is read; raise cache_bytes")


def open_shards(place: str, mixed: int, cache: Path | None, cache_bytes: int) -> ShardedStore:
    """Return the images of a set of shards, after a look at whether all its files are there.

    Args:
        place: Folder or address of the set.
        mixed: How many shards are shuffled together and read in turn.
        cache: Folder for the copies of a remote set.
        cache_bytes: Most bytes of these copies.

    Raises:
        ImageError: If there is no set, or its copies have no room.
        ShardError: If a file is missing or has another size.
    """
    shards = read_shard_set(place)
    shards.check_presence()
    return ShardedStore(shards, shard_files(shards, cache, cache_bytes, mixed, is_address(place)), mixed)
