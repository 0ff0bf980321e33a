"""Writing PNG files row by row: 8 and 16 bits, of any size, in the memory of a few strips.

Pillow and libpng's other wrappers want the whole picture at once. The format makes the rest easy: a PNG is a list of
chunks, the pixels are one zlib stream, and a deflate stream may be put together from parts that were compressed at
the same time, each ending on a byte's border.
"""

import itertools
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

import numpy as np
from jaxtyping import UInt8

from amortized_sr.coords import Size
from amortized_sr.image_io.formats import Depth
from amortized_sr.image_io.image_file import Metadata, Pixels

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_UP = 2
_INCH = 0.0254


def write_png(
    file: BinaryIO, size: Size, channels: int, depth: Depth, strips: Iterator[Pixels], metadata: Metadata, level: int
) -> None:
    """Write a PNG file.

    Args:
        file: Where to write; needs no seeking.
        size: `(height, width)` of the picture.
        channels: 1 to 4.
        depth: `uint8` or `uint16`.
        strips: The picture's rows from the top to the bottom, in strips of any height.
        metadata: What to say about the picture.
        level: Effort of the compression, 0 to 9.
    """
    height, width = size
    bits = {"uint8": 8, "uint16": 16}[depth]
    file.write(b"\x89PNG\r\n\x1a\n")
    _write_chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, bits, _COLOUR_TYPES[channels], 0, 0, 0))
    for kind, body in _describe(metadata):
        _write_chunk(file, kind, body)
    _write_chunk(file, b"IDAT", b"\x78\x01")
    checksum = 1
    for filtered, compressed in _compress_ahead(strips, level):
        checksum = zlib.adler32(filtered.data, checksum)
        _write_chunk(file, b"IDAT", compressed)
    # An empty last block ends the stream.
    _write_chunk(file, b"IDAT", b"\x03\x00" + struct.pack(">I", checksum))
    _write_chunk(file, b"IEND", b"")


def _compress_ahead(strips: Iterator[Pixels], level: int) -> Iterator[tuple[UInt8[np.ndarray, "rows bytes"], bytes]]:
    """Yield each strip filtered and compressed, while the next ones are being made."""
    filtered = _filter(strips)
    first, second = next(filtered), next(filtered, None)
    if second is None:
        yield first, _compress(first, level)
        return
    waiting: deque[tuple[UInt8[np.ndarray, "rows bytes"], Future[bytes]]] = deque()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for rows in itertools.chain((first, second), filtered):
            waiting.append((rows, pool.submit(_compress, rows, level)))
            while len(waiting) > 2 or waiting[0][1].done():
                done, future = waiting.popleft()
                yield done, future.result()
                if not waiting:
                    break
        for done, future in waiting:
            yield done, future.result()


def _filter(strips: Iterator[Pixels]) -> Iterator[UInt8[np.ndarray, "rows bytes"]]:
    """Yield each strip as differences from the rows above, which for enlarged pictures is the best filter."""
    above: UInt8[np.ndarray, " bytes"] | None = None
    for strip in strips:
        # PNG's numbers begin with the high byte.
        values = strip.astype(">u2") if strip.dtype == np.uint16 else strip
        rows = np.ascontiguousarray(values).view(np.uint8).reshape(len(strip), -1)
        result = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        result[:, 0] = _UP
        result[0, 1:] = rows[0] if above is None else rows[0] - above
        np.subtract(rows[1:], rows[:-1], out=result[1:, 1:])
        above = rows[-1]
        yield result


def _compress(rows: UInt8[np.ndarray, "rows bytes"], level: int) -> bytes:
    stream = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(rows.data) + stream.flush(zlib.Z_FULL_FLUSH)


def _describe(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    if metadata.profile is not None:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.profile)
    # A profile and sRGB exclude each other.
    yield from ((kind, body) for kind, body in metadata.chunks.items() if kind != b"sRGB" or not metadata.profile)
    if metadata.dpi is not None and b"pHYs" not in metadata.chunks:
        yield b"pHYs", struct.pack(">IIB", *(round(dpi / _INCH) for dpi in metadata.dpi), 1)
    if metadata.exif is not None:
        yield b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")
    if metadata.xmp is not None:
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp
    for keyword, text in metadata.text.items():
        yield b"iTXt", keyword.encode("latin-1", "replace")[:79] + b"\0\0\0\0\0" + text.encode("utf-8", "replace")


def _write_chunk(file: BinaryIO, kind: bytes, body: bytes) -> None:
    # A chunk's length has 31 bits; a strip of this package's is far below.
    file.write(struct.pack(">I", len(body)) + kind)
    file.write(body)
    file.write(struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))))
