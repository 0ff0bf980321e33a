"""Chunks of a PNG file, checked before decoding: damage beside the pixels must not cost the picture."""

import struct
import zlib
from pathlib import Path

from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from amortized_sr.image_io.errors import ImageError

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# What stays true of a picture of another size, colours and the pixel aspect, and how many bytes each has.
_KEPT = {b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32, b"pHYs": 9}
_SIZES = {**_KEPT, b"tRNS": 1}
# Programs that know no animations do not need them, but here they hold pixels.
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")


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
