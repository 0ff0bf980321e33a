"""Writing TIFF files tile by tile: 8 and 16 bits and floats, of any size, in the memory of a few rows of tiles."""

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from amortized_sr.coords import Size
from amortized_sr.image_io.formats import Depth
from amortized_sr.image_io.georeference import NODATA, unmask_nodata
from amortized_sr.image_io.image_file import Metadata, Pixels
from amortized_sr.image_io.metadata import pixel_aspect

_TILE = 256

# A plain TIFF addresses 4 GiB; incompressible pixels grow a little.
_PLAIN_BYTES = 3 * 2**30

# How much is compressed at once, by all cores; tifffile's own 256 MiB would be most of the memory used here.
_BUFFER_BYTES = 2**25

_BYTE, _ASCII, _SHORT, _DOUBLE = 1, 2, 3, 12
_DESCRIPTION, _SOFTWARE, _TIME = 0x010E, 0x0131, 0x0132


def write_tiff(
    file: BinaryIO, size: Size, channels: int, depth: Depth, strips: Iterator[Pixels], metadata: Metadata, level: int
) -> None:
    """Write a TIFF file, a BigTIFF if it might not fit into a plain one.

    Args:
        file: Where to write; must be able to seek.
        size: `(height, width)` of the picture.
        channels: 1 to 4.
        depth: How a channel is stored.
        strips: The picture's rows from the top to the bottom, in strips of any height.
        metadata: What to say about the picture; of the EXIF data, the plain texts are kept.
        level: Effort of the compression, 0 (none) to 9.
    """
    import tifffile

    if metadata.nodata is not None and channels in (2, 4):
        strips, channels = _unmasked(strips, metadata.nodata), channels - 1
    count = size[0] * size[1] * channels * np.dtype(depth).itemsize
    texts = _texts(metadata.exif)
    # Differences of neighbours compress better; of floats, a rearrangement of their bytes.
    predictor = 0 if level == 0 else 3 if depth == "float32" else 2
    with tifffile.TiffWriter(file, bigtiff=count > _PLAIN_BYTES) as writer:
        options: dict[str, Any] = {}
        if metadata.dpi is not None:
            options = {"resolution": metadata.dpi, "resolutionunit": "INCH"}
        elif aspect := pixel_aspect(metadata.chunks):
            options = {"resolution": aspect, "resolutionunit": "NONE"}
        writer.write(
            _tiles(strips, size),
            shape=(*size, channels) if channels > 1 else size,
            dtype=depth,
            photometric="minisblack" if channels < 3 else "rgb",
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            planarconfig="contig" if channels > 1 else None,
            tile=(_TILE, _TILE),
            compression="zlib" if level else None,
            compressionargs={"level": level} if level else None,
            predictor=predictor or None,
            iccprofile=metadata.profile,
            description=texts.pop(_DESCRIPTION, None),
            software=texts.pop(_SOFTWARE, False),
            datetime=texts.pop(_TIME, b"").decode() or None,
            extratags=_extra_tags(metadata, texts),
            metadata=None,
            maxworkers=os.cpu_count(),
            buffersize=_BUFFER_BYTES,
            **options,
        )


def _tiles(strips: Iterator[Pixels], size: Size) -> Iterator[Pixels]:
    """Yield the picture's tiles from left to right and top to bottom; those at its edges are smaller."""
    for band in _bands(strips, _TILE):
        for left in range(0, size[1], _TILE):
            yield np.ascontiguousarray(band[:, left : left + _TILE])


def _unmasked(strips: Iterator[Pixels], nodata: str) -> Iterator[Pixels]:
    for strip in strips:
        yield unmask_nodata(strip, nodata)


def _bands(strips: Iterator[Pixels], height: int) -> Iterator[Pixels]:
    """Yield the same rows in strips of `height`, the last one of what is left."""
    waiting: list[Pixels] = []
    for strip in strips:
        waiting.append(strip)
        if sum(map(len, waiting)) >= height:
            rows = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            whole = len(rows) // height * height
            for top in range(0, whole, height):
                yield rows[top : top + height]
            waiting = [rows[whole:]] if whole < len(rows) else []
    if waiting:
        yield np.concatenate(waiting)


def _texts(exif: bytes | None) -> dict[int, bytes]:
    if exif is None:
        return {}
    parsed = Image.Exif()
    parsed.load(exif)
    # Their bytes as they were, whatever the encoding: Pillow reads them as Latin-1.
    return {tag: value.encode("latin-1") for tag, value in parsed.items() if isinstance(value, str)}


def _extra_tags(metadata: Metadata, texts: dict[int, bytes]) -> list[tuple[int, int, int, Any, bool]]:
    tags: list[tuple[int, int, int, Any, bool]] = [(tag, _ASCII, 0, text, True) for tag, text in texts.items()]
    if metadata.xmp is not None:
        tags.append((700, _BYTE, len(metadata.xmp), metadata.xmp, True))
    if metadata.nodata is not None:
        tags.append((NODATA, _ASCII, 0, metadata.nodata, True))
    for tag, value in metadata.geo.items():
        kind = _ASCII if isinstance(value, str) else _SHORT if isinstance(value[0], int) else _DOUBLE
        tags.append((tag, kind, 0 if isinstance(value, str) else len(value), value, True))
    return tags
