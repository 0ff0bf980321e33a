"""A data set of decoded images in many files, the *shards*: what its manifest says, and whether files agree with it.

shards.json   what there is: channels, how many images, how often each level occurs; size and digest of every file
sizes.npy     height and width of every image, in the order of their numbers
00000.npy     the bytes of the first images one after another, as in the cache of a folder; and so on
"""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Int, UInt32

from amortized_sr.image_io.errors import ImageError
from amortized_sr.stores import Store, store_at

MANIFEST = "shards.json"
"""Name of the manifest; it is written last, so that a set without one is not complete."""

SIZES = "sizes.npy"
"""Name of the file of heights and widths."""

HEAD = 1 << 20
"""Bytes at the start of a shard whose digest tells it from others, without reading all of it."""

_FORMAT = 1


@final
class ShardError(OSError):
    """A shard that is missing or is not what the manifest says; the message is a sentence."""

    def __init__(self, text: str) -> None:
        # A process that loads data hands over an error as text with a traceback, which ends with the sentence.
        super().__init__(text.rstrip().rpartition(f"{type(self).__name__}: ")[2])


@final
@dataclass(frozen=True)
class Shard:
    """One file of a set.

    Attributes:
        name: Its name.
        images: How many images it has.
        bytes: Its size.
        sha256: Digest of the whole.
        head: Digest of its first `HEAD` bytes.
    """

    name: str
    images: int
    bytes: int
    sha256: str
    head: str


@final
@dataclass(frozen=True, eq=False)
class ShardSet:
    """What a set of shards holds.

    Attributes:
        place: Folder or address of its files.
        channels: 1 for grey, 3 for colour.
        shards: The files, in the order of their images' numbers.
        sizes: Height and width of every image.
        levels: How often each of the 256 levels occurs.
        notes: What else the writer has noted.
    """

    place: str
    channels: int
    shards: tuple[Shard, ...]
    sizes: UInt32[np.ndarray, "count 2"]
    levels: Int[np.ndarray, "256"]
    notes: dict[str, Any]

    @property
    def counts(self) -> Int[np.ndarray, " shard"]:
        """How many images each shard has."""
        return np.array([shard.images for shard in self.shards], dtype=np.int64)

    @property
    def bytes(self) -> int:
        """Bytes of all shards."""
        return sum(shard.bytes for shard in self.shards)

    def check_presence(self) -> None:
        """Check that every shard is there and has its size.

        Raises:
            ShardError: If one is missing or has another size; the sentence names the first.
        """
        found, wrong = store_at(self.place).sizes(), list[str]()
        for shard in self.shards:
            if shard.name not in found:
                wrong.append(f"{shard.name} is missing")
            elif found[shard.name] != shard.bytes:
                wrong.append(f"{shard.name} has {found[shard.name]:,} bytes instead of {shard.bytes:,}")
        if wrong:
            more = f", and {len(wrong) - 1} further shards are wrong" if len(wrong) > 1 else ""
            raise ShardError(f"{self.place}: {wrong[0]}{more}; copy the set again, or pack it again")

    def __str__(self) -> str:
        """Return a line for a person."""
        heights, widths = self.sizes[:, 0], self.sizes[:, 1]
        extent = f"width {widths.min()}-{widths.max()}, height {heights.min()}-{heights.max()}"
        return (
            f"{self.place}: {len(self.sizes):,} images in {len(self.shards):,} shards, {extent}, {self.bytes:,} bytes"
        )


def is_shard_set(place: str) -> bool:
    """Return whether there is a manifest at a place.

    Raises:
        ImageError: If a store cannot be reached.
    """
    return MANIFEST in store_at(place).sizes()


def write_manifest(store: Store, shards: ShardSet) -> None:
    """Write the sizes and, when they are there, the manifest."""
    sizes = io.BytesIO()
    np.save(sizes, shards.sizes)
    with store.writing(SIZES) as file:
        file.write(sizes.getvalue())
    described = [
        {"name": one.name, "images": one.images, "bytes": one.bytes, "sha256": one.sha256, "head": one.head}
        for one in shards.shards
    ]
    content = {
        "format": _FORMAT,
        "channels": shards.channels,
        "levels": shards.levels.tolist(),
        "sizes": hashlib.sha256(sizes.getvalue()).hexdigest(),
        "notes": shards.notes,
        "shards": described,
    }
    with store.writing(MANIFEST) as file:
        file.write(json.dumps(content, indent=1).encode())


def read_shard_set(place: str) -> ShardSet:
    """Read what a set of shards holds.

    Raises:
        ImageError: If there is no manifest, or it cannot be read.
        ShardError: If the manifest contradicts itself or the sizes.
    """
    store = store_at(place)
    try:
        content = store.read(MANIFEST)
    except ImageError as error:
        if error.problem != "no such file":
            raise
        problem = f"no set of shards: {MANIFEST} is not there"
        raise ImageError(place, problem, "write one with: amortized-sr pack FOLDER -o PLACE") from None
    sizes = store.read(SIZES)
    try:
        said = json.loads(content)
        if said["format"] != _FORMAT:
            raise ImageError(
                place, f"is of format {said['format']}, this version reads {_FORMAT}", "update the package"
            )
        shards = tuple(
            Shard(str(one["name"]), int(one["images"]), int(one["bytes"]), str(one["sha256"]), str(one["head"]))
            for one in said["shards"]
        )
        if hashlib.sha256(sizes).hexdigest() != said["sizes"]:
            raise ShardError(f"{place}: {SIZES} is of another set; copy the set again, or pack it again")
        read = ShardSet(
            place,
            int(said["channels"]),
            shards,
            np.load(io.BytesIO(sizes), allow_pickle=False),
            np.array(said["levels"], dtype=np.int64),
            dict(said["notes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        raise ShardError(f"{place}: {MANIFEST} is damaged ({error}); copy the set again, or pack it again") from None
    _check_order(read)
    return read


def shard_name(number: int) -> str:
    """Return the name of a shard."""
    return f"{number:05d}.npy"


def _check_order(read: ShardSet) -> None:
    """Check that shards are named in their order, and are as long as their images' sizes say."""
    names = [shard.name for shard in read.shards]
    pixels = read.sizes.astype(np.int64).prod(axis=1) * read.channels
    ends = np.cumsum(read.counts)
    is_whole = read.channels in (1, 3) and len(read.levels) == 256 and bool(names)
    if not is_whole or names != [shard_name(number) for number in range(len(names))] or ends[-1] != len(pixels):
        raise ShardError(f"{read.place}: {MANIFEST} lists shards out of order; copy the set again, or pack it again")
    sums = np.add.reduceat(pixels, ends - read.counts)
    for shard, expected in zip(read.shards, sums.tolist(), strict=True):
        # The rest is the header of an .npy file.
        if not 0 < shard.bytes - expected <= 256 or shard.images < 1:
            problem = f"{shard.name} is listed with another shard's images"
            raise ShardError(f"{read.place}: {problem}; copy the set again, or pack it again")
