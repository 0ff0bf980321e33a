"""Writing TIFF files tile by tile: 8 and 16 bits and floats, of any size, in the memory of a few rows of tiles."""

import itertools
import math
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from isal import isal_zlib

from amortized_sr.image_io.background import in_background
from amortized_sr.image_io.georeference import NODATA, unmask_nodata
from amortized_sr.image_io.image_file import Metadata, Output, Pixels
from amortized_sr.image_io.metadata import XMP, parse_exif, pixel_aspect

_TILE = 256

# A plain TIFF addresses 4 GiB; incompressible pixels grow a little.
_PLAIN_BYTES = 3 * 2**30

# How much is compressed at once, by all cores; tifffile's own 256 MiB would be most of the memory used here.
_BUFFER_BYTES = 2**24

_BYTE, _ASCII, _SHORT, _DOUBLE = 1, 2, 3, 12
_DESCRIPTION, _SOFTWARE, _TIME = 0x010E, 0x0131, 0x0132


def write_tiff(file: BinaryIO, output: Output, strips: Iterator[Pixels]) -> None:
    """Write a TIFF file of rows from the top to the bottom, in strips of any height.

    It is a BigTIFF if it might not fit into a plain one. Of the EXIF data, the plain texts are kept. The file must be
    able to seek.
    """
    import tifffile

    metadata, channels, level = output.metadata, output.channels, output.compression
    nodata = metadata.nodata
    if nodata is not None and channels in (2, 4):
        strips, channels = (unmask_nodata(strip, nodata) for strip in strips), channels - 1
    count = math.prod(output.size) * channels * np.dtype(output.depth).itemsize
    texts, aspect = _texts(metadata.exif), pixel_aspect(metadata.chunks)
    # Differences of neighbours compress better; of floats, a rearrangement of their bytes.
    predictor = 3 if output.depth == "float32" else 2
    tiles = _tiles(strips, output.size[1])
    tiles_held = _BUFFER_BYTES // (_TILE**2 * channels * np.dtype(output.depth).itemsize)
    with tifffile.TiffWriter(file, bigtiff=count > _PLAIN_BYTES) as writer:
        writer.write(
            in_background(_compress, tiles, tiles_held) if level == 1 else tiles,
            shape=(*output.size, channels) if channels > 1 else output.size,
            dtype=output.depth,
            photometric="minisblack" if channels < 3 else "rgb",
            extrasamples=["unassalpha"] if channels in (2, 4) else None,
            planarconfig="contig" if channels > 1 else None,
            tile=(_TILE, _TILE),
            compression="zlib" if level else None,
            compressionargs={"level": level} if level else None,
            predictor=predictor if level else None,
            resolution=metadata.dpi or aspect,
            resolutionunit="INCH" if metadata.dpi else "NONE" if aspect else None,
            iccprofile=metadata.profile,
            description=texts.pop(_DESCRIPTION, None),
            software=texts.pop(_SOFTWARE, False),
            datetime=texts.pop(_TIME, b"").decode() or None,
            extratags=_extra_tags(metadata, texts),
            metadata=None,
            maxworkers=os.cpu_count(),
            buffersize=_BUFFER_BYTES,
        )


def _tiles(strips: Iterator[Pixels], width: int) -> Iterator[Pixels]:
    """Yield the picture's tiles from left to right and top to bottom; those at its edges are smaller."""
    rows = itertools.chain.from_iterable(strips)
    while band := list(itertools.islice(rows, _TILE)):
        pixels = np.stack(band)
        for left in range(0, width, _TILE):
            yield np.ascontiguousarray(pixels[:, left : left + _TILE])


def _compress(pixels: Pixels) -> bytes:
    """Return a tile's differences of neighbours, or floats' rearranged bytes, compressed at the lowest effort.

    ISA-L takes a fifth of the time of the library that tifffile asks, which does the higher efforts.
    """
    tile = np.zeros((_TILE, _TILE, *pixels.shape[2:]), pixels.dtype)
    tile[: pixels.shape[0], : pixels.shape[1]] = pixels
    if tile.dtype == np.float32:
        import imagecodecs

        tile = imagecodecs.floatpred_encode(tile, axis=-2)
    else:
        tile[:, 1:] -= tile[:, :-1].copy()
    return isal_zlib.compress(tile.data, 1)


def _texts(exif: bytes | None) -> dict[int, bytes]:
    # Their bytes as they were, whatever the encoding: Pillow reads them as Latin-1.
    return {tag: value.encode("latin-1") for tag, value in parse_exif(exif).items() if isinstance(value, str)}


def _extra_tags(metadata: Metadata, texts: dict[int, bytes]) -> list[tuple[int, int, int, Any, bool]]:
    tags: list[tuple[int, int, int, Any, bool]] = [(tag, _ASCII, 0, text, True) for tag, text in texts.items()]
    if metadata.xmp is not None:
        tags.append((XMP, _BYTE, len(metadata.xmp), metadata.xmp, True))
    if metadata.nodata is not None:
        tags.append((NODATA, _ASCII, 0, metadata.nodata, True))
    for tag, value in metadata.geo.items():
        kind = _ASCII if isinstance(value, str) else _SHORT if isinstance(value[0], int) else _DOUBLE
        tags.append((tag, kind, 0 if isinstance(value, str) else len(value), value, True))
    return tags
