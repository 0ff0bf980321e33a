"""Image files made from scratch, for what no library writes."""

import struct
import zlib


def chunk(kind: bytes, body: bytes, damaged: bool = False) -> bytes:
    """A chunk of a PNG; a damaged one has a wrong checksum."""
    checksum = zlib.crc32(kind + body) ^ damaged
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *extra: bytes, interlaced=False) -> bytes:
    """A PNG file; `rows` have their filter bytes, `extra` chunks stand before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    parts = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
