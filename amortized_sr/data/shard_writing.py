"""A folder of images -> a set of shards, in one pass that holds one shard in memory."""

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from amortized_sr.data.cache import pack
from amortized_sr.data.folder import decode_files, image_files, nothing_readable
from amortized_sr.data.images import Pixels, count_levels
from amortized_sr.data.shard_set import HEAD, MANIFEST, Shard, ShardSet, shard_name, write_manifest
from amortized_sr.image_io.errors import ImageError
from amortized_sr.stores import Store, store_at

SHARD_BYTES = 2**28
"""Bytes of a shard's images by default: 256 MiB, which a network brings in seconds."""


def pack_folder(
    root: Path,
    place: str,
    channels: Literal[1, 3] = 3,
    shorter_side: int | None = None,
    shard_bytes: int = SHARD_BYTES,
    seed: int = 0,
    overwrite: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[ShardSet, dict[str, str]]:
    """Decode all images below a folder into a set of shards.

    The images are shuffled first: neighbours in a folder are often alike, and training mixes few shards at a time.

    Args:
        root: The folder; subfolders are read too.
        place: Folder or address of the set.
        channels: 1 for grey, 3 for colour.
        shorter_side: Larger images are shrunk until their shorter side has this many pixels; None shrinks none.
        shard_bytes: Most bytes of a shard's images; one image may be larger.
        seed: Decides the order.
        overwrite: Whether a set that is there is replaced.
        told: Gets a line about each shard.

    Returns:
        The set, and the reason why each unreadable file was left out, by path.

    Raises:
        ImageError: If there is nothing to read, a set is there already, or it cannot be written.
    """
    store = store_at(place)
    if not overwrite and MANIFEST in store.sizes():
        raise ImageError(place, "holds a set of shards already", "overwrite it, or choose another place", "overwrite")
    paths = image_files(root)
    shuffled = [paths[number] for number in np.random.default_rng(seed).permutation(len(paths))]
    modes: Counter[str] = Counter()
    unreadable: dict[str, str] = {}
    images = decode_files(shuffled, channels, shorter_side, modes, unreadable)
    notes = {"shorter_side": shorter_side, "seed": seed}
    shards = write_shards(images, store, channels, shard_bytes, notes, told)
    if shards is None:
        raise nothing_readable(root, unreadable)
    return shards, unreadable


def write_shards(
    images: Iterable[Pixels],
    store: Store,
    channels: Literal[1, 3],
    shard_bytes: int = SHARD_BYTES,
    notes: dict[str, Any] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> ShardSet | None:
    """Write `(height, width, channels)` images as a set of shards, its manifest last; None if there are no images.

    Raises:
        ImageError: If it cannot be written.
    """
    shards: list[Shard] = []
    sizes: list[tuple[int, int]] = []
    levels = np.zeros(256, dtype=np.int64)
    waiting: list[Pixels] = []
    held = 0

    def write() -> None:
        shards.append(_write_shard(store, len(shards), waiting))
        told(f"{store.where(shards[-1].name)}  {shards[-1].images} images, {shards[-1].bytes:,} bytes")
        waiting.clear()

    for image in images:
        if waiting and held + image.size > shard_bytes:
            write()
            held = 0
        waiting.append(image)
        held += image.size
        sizes.append((image.shape[0], image.shape[1]))
        levels += count_levels(image)
    if not sizes:
        return None
    write()
    written = ShardSet(
        store.place, channels, tuple(shards), np.array(sizes, dtype=np.uint32), levels, notes if notes else {}
    )
    write_manifest(store, written)
    return written


def _write_shard(store: Store, number: int, images: list[Pixels]) -> Shard:
    pixels, header = pack(images).pixels, io.BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": pixels.shape}
    np.lib.format.write_array_header_1_0(header, description)
    start = header.getvalue()
    whole = hashlib.sha256(start)
    whole.update(pixels.data)
    head = hashlib.sha256(start)
    head.update(pixels[: HEAD - len(start)].data)
    name = shard_name(number)
    with store.writing(name) as file:
        file.write(start)
        file.write(pixels.data)
    return Shard(name, len(images), len(start) + pixels.size, whole.hexdigest(), head.hexdigest())
