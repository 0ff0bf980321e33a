"""PNG files: checking their chunks before they are read, and writing them strip by strip.

Damage beside the pixels must not cost the picture. What is written has 8 or 16 bits and any size, and takes the memory
of a few strips: Pillow and libpng's other wrappers want the whole picture at once. The format makes the rest easy: a
PNG is a list of chunks, the pixels are one zlib stream, and a deflate stream may be put together from parts that were
compressed at the same time, each ending on a byte's border.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from isal import isal_zlib
from jaxtyping import UInt8
from PIL.PngImagePlugin import MAX_TEXT_CHUNK, putchunk

from amortized_sr.image_io.background import in_background
from amortized_sr.image_io.errors import ImageError
from amortized_sr.image_io.image_file import Metadata, Output, Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# What stays true of a picture of another size, colours and the pixel aspect, and how many bytes each has.
_KEPT = {b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"pHYs": 9}
_SIZES = {**_KEPT, b"tRNS": 1}
# Programs that know no animations do not need them, but here they hold pixels.
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_UP = 2
_INCH = 0.0254
# Signature and IHDR, which comes first.
_HEADER_BYTES = 8 + 12 + 13


def check_chunks(path: Path, content: bytes, notices: list[str]) -> tuple[bytes, dict[bytes, bytes]]:
    """Return a PNG without its damaged ancillary chunks, and its chunks about colours and the pixel aspect."""
    if content[12:16] == b"CgBI":
        raise ImageError(path, "PNG files in Apple's form for apps (CgBI) cannot be read", "convert it to a plain PNG")
    # A view's parts are no copies.
    view, chunks, damaged, start = memoryview(content), dict[bytes, bytes](), False, 8
    kept = [view[:start]]
    while start + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, start)
        stop = start + 12 + length
        body = content[start + 8 : stop - 4] if name[0] & 32 and name not in _ANIMATION else None
        if body is not None and stop <= len(content) and _is_damaged(name, body, content[stop - 4 : stop]):
            damaged = True
            what = "colour profile" if name == b"iCCP" else f"{name.decode('latin-1')!r} chunk"
            notices.append(f"the {what} cannot be read and is left out")
        else:
            kept.append(view[start:stop])
            if body is not None and name in _KEPT:
                chunks[name] = body
        start = stop
    return b"".join((*kept, view[start:])) if damaged else content, chunks


def _is_damaged(name: bytes, body: bytes, checksum: bytes) -> bool:
    if zlib.crc32(name + body).to_bytes(4, "big") != checksum or len(body) < _SIZES.get(name, 0):
        return True
    if name != b"iCCP":
        return False
    stream = body[body.find(b"\0") + 1 :]
    try:
        inflated = zlib.decompressobj().decompress(stream[1:], MAX_TEXT_CHUNK + 1)
    except zlib.error:
        return True
    return stream[:1] != b"\0" or len(inflated) > MAX_TEXT_CHUNK


def write_png(file: BinaryIO, output: Output, strips: Iterator[Pixels]) -> None:
    """Write a PNG file of rows from the top to the bottom, in strips of any height; the file needs no seeking."""
    height, width = output.size
    kind = {"uint8": 8, "uint16": 16}[output.depth], _COLOUR_TYPES[output.channels]
    file.write(SIGNATURE)
    putchunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, *kind, 0, 0, 0))
    _describe(file, output.metadata)
    putchunk(file, b"IDAT", b"\x78\x01")
    checksum = 1

    def filtered() -> Iterator[UInt8[np.ndarray, "rows bytes"]]:
        nonlocal checksum
        for rows in _filter(strips):
            checksum = zlib.adler32(rows.data, checksum)
            yield rows

    for compressed in in_background(partial(_compress, level=output.compression), filtered(), most=2):
        putchunk(file, b"IDAT", compressed)
    # An empty last block ends the stream.
    putchunk(file, b"IDAT", b"\x03\x00" + struct.pack(">I", checksum))
    putchunk(file, b"IEND", b"")


def with_metadata(file: BinaryIO, content: bytes, metadata: Metadata) -> None:
    """Write a PNG that was made without metadata, and them."""
    file.write(content[:_HEADER_BYTES])
    _describe(file, metadata)
    file.write(content[_HEADER_BYTES:])


def _describe(file: BinaryIO, metadata: Metadata) -> None:
    if metadata.profile is not None:
        putchunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.profile))
    for kind, body in metadata.chunks.items():
        # A profile and sRGB exclude each other.
        if kind != b"sRGB" or metadata.profile is None:
            putchunk(file, kind, body)
    if metadata.dpi is not None and b"pHYs" not in metadata.chunks:
        putchunk(file, b"pHYs", struct.pack(">IIB", *(round(dpi / _INCH) for dpi in metadata.dpi), 1))
    if metadata.exif is not None:
        putchunk(file, b"eXIf", metadata.exif.removeprefix(b"Exif\0\0"))
    texts = {keyword: text.encode("utf-8", "replace") for keyword, text in metadata.text.items()}
    if metadata.xmp is not None:
        texts["XML:com.adobe.xmp"] = metadata.xmp
    for keyword, text in texts.items():
        putchunk(file, b"iTXt", keyword.encode("latin-1", "replace")[:79] + b"\0\0\0\0\0" + text)


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
    # At the lowest effort ISA-L takes a quarter of zlib's time, and its files are smaller. It has no high ones.
    library = isal_zlib if level == 1 else zlib
    stream = library.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(rows.data) + stream.flush(zlib.Z_FULL_FLUSH)
