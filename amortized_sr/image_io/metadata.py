"""Metadata of a picture: kept as far as it stays true of a picture of another size."""

import dataclasses
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import final

from PIL import Image

from amortized_sr.coords import Size
from amortized_sr.image_io.colours import lost_colours, usable_profile
from amortized_sr.image_io.formats import Format
from amortized_sr.image_io.georeference import NODATA, read_geo, resize_geo
from amortized_sr.image_io.image_file import Metadata
from amortized_sr.image_io.opening import DAMAGE

_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
XMP, PROFILE, _PRIMARIES = 700, 34675, 319
_NO_UNIT = 1
# Colours in other ways than a profile, and functions from the old picture's pixels to the ground.
_LOST_TAGS = {
    301: "TransferFunction", 319: "PrimaryChromaticities", 34264: "ModelTransformation", 33920: "IntergraphMatrix",
    42112: "GDAL_METADATA", 50844: "RPCCoefficient",
}  # fmt: skip

# Document, description, maker, model, program, time, artist, computer, ratings, rights, Windows' title, comment,
# author, keywords and subject. Others describe the old file: its size, its compression.
_KEPT = (
    0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298,
    0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,
)  # fmt: skip
_DATE = 0x0132
_DATE_FORM = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
# Size of the picture, interoperability, and maker's notes, whose inner addresses would be wrong.
_LEFT_OUT = (0xA002, 0xA003, 0xA005, 0x927C)

# As an attribute and as an element. The pixels are upright.
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))\s*[2-8]")

# The limit of a JPEG segment. More is not a description.
_MAX_BYTES = 65_000

# Texts of a PNG that are read as something else: XMP, and EXIF data as ImageMagick writes it, orientation included.
_OTHER_TEXTS = ("XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1")


def read_metadata(
    image: Image.Image, mode: str, chunks: dict[bytes, bytes], notices: list[str], orientation: int = 1
) -> Metadata:
    """Return the metadata of an image that Pillow has opened.

    `orientation` is a TIFF's before it was decoded, because Pillow turns its pixels itself.
    """
    info, tags = image.info, getattr(image, "tag_v2", {}).get
    if info.get("jfif_unit") == 0:
        chunks = {**chunks, **_aspect_chunk(info.get("jfif_density"))}
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    metadata = collect_metadata(tags, image.getexif, info.get("icc_profile"), xmp, mode, orientation, notices, chunks)
    text = {key: str(value) for key, value in getattr(image, "text", {}).items() if key not in _OTHER_TEXTS}
    text = text if _small("text", "".join(text.values()).encode(), notices) else {}
    return dataclasses.replace(metadata, text=text, dpi=_read_dpi(info.get("dpi")) or metadata.dpi)


def collect_metadata(
    tags: Callable[[int], object],
    load_exif: Callable[[], Image.Exif],
    icc: object,
    xmp: object,
    mode: str,
    orientation: int,
    notices: list[str],
    chunks: dict[bytes, bytes],
) -> Metadata:
    """Return metadata from where they are in a file.

    `tags` returns the value of a TIFF tag or None, `load_exif` may fail, `icc` is what `usable_profile` takes, `mode`
    Pillow's name for the channels, and `chunks` are those of a PNG, or the same said by another format.
    """
    # A profile says more than the tags about colours, which some programs write beside it.
    lost = [name for tag, name in _LOST_TAGS.items() if tags(tag) is not None and not (tag <= _PRIMARIES and icc)]
    if lost:
        notices.append(f"the TIFF tags {', '.join(lost)} are left out")
    if tags(_RESOLUTION_UNIT) == _NO_UNIT:
        chunks = {**chunks, **_aspect_chunk((tags(_X_RESOLUTION), tags(_Y_RESOLUTION)))}
    packet, nodata = xmp.encode() if isinstance(xmp, str) else xmp, tags(NODATA)
    return Metadata(
        profile=usable_profile(icc, mode.removesuffix("A"), notices, chunks),
        exif=_read_exif(load_exif, notices),
        xmp=_small("XMP", _XMP_ORIENTATION.sub(rb"\g<1>1", packet), notices) if isinstance(packet, bytes) else None,
        dpi=_exif_dpi(load_exif),
        # A resolution that is no aspect is told as `dpi`.
        chunks={name: body for name, body in chunks.items() if name != b"pHYs" or pixel_aspect(chunks)},
        geo=read_geo(tags, orientation, notices),
        nodata=(nodata.strip(" \0") or None) if isinstance(nodata, str) else None,
    )


def fit_metadata(metadata: Metadata, format_: Format, image_size: Size, size: Size, notices: list[str]) -> Metadata:
    """Return what stays true in an output of another size; `notices` gets sentences for what its format cannot say."""
    aspect = pixel_aspect(metadata.chunks)
    if format_.name != "PNG":
        notices += lost_colours(metadata.chunks)
    if aspect and format_.name not in ("PNG", "TIFF"):
        notices.append(f"the pixel aspect ({aspect[0]:g} by {aspect[1]:g}) is left out; choose PNG or TIFF to keep it")
    if format_.name == "TIFF":
        return dataclasses.replace(metadata, geo=resize_geo(metadata.geo, image_size, size))
    if metadata.geo:
        notices.append("the georeference is left out; choose TIFF to keep it")
    if metadata.nodata is not None:
        notices.append(f"pixels of the nodata value {metadata.nodata} become transparent; choose TIFF to keep it")
    return dataclasses.replace(metadata, geo={}, nodata=None)


def _exif_dpi(load: Callable[[], Image.Exif]) -> tuple[float, float] | None:
    try:
        tags = load()
        inches = {2: 1.0, 3: 2.54}[tags.get(_RESOLUTION_UNIT, 2)]
        return _read_dpi((tags[_X_RESOLUTION] * inches, tags[_Y_RESOLUTION] * inches))
    except DAMAGE:
        return None


def _aspect_chunk(density: object) -> dict[bytes, bytes]:
    """Return the chunk that tells the aspect of pixels, of which there are so many per unknown unit along x and y."""
    try:
        # tifffile gives pairs of integers, Pillow fractions.
        x, y = (n[0] / n[1] if isinstance(n, tuple) else float(n) for n in density)  # pyright: ignore[reportGeneralTypeIssues]
        return {b"pHYs": struct.pack(">IIB", *Fraction(x / y).limit_denominator(1000).as_integer_ratio(), 0)}
    except DAMAGE:
        return {}


def pixel_aspect(chunks: dict[bytes, bytes]) -> tuple[int, int] | None:
    """Return pixels along x and y per unknown unit, or None for square pixels."""
    x, y, unit = struct.unpack(">IIB", chunks.get(b"pHYs", bytes(9))[:9])
    return (x, y) if unit == 0 and x != y and x and y else None


def parse_exif(exif: bytes | None) -> Image.Exif:
    """Return EXIF data as Pillow's mapping of tags."""
    parsed = Image.Exif()
    if exif is not None:
        parsed.load(exif)
    return parsed


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Return EXIF data that tells the resolution too, for formats that have no other place for it."""
    told = _copied(parse_exif(exif))
    told[_X_RESOLUTION], told[_Y_RESOLUTION], told[_RESOLUTION_UNIT] = *dpi, 2
    return told.tobytes()


def has_details(exif: bytes) -> bool:
    """Return whether EXIF data tells of the camera or the place, beyond the main texts."""
    known = parse_exif(exif)
    return bool(known.get_ifd(_EXIF_IFD) or known.get_ifd(_GPS_IFD))


def _read_exif(load: Callable[[], Image.Exif], notices: list[str]) -> bytes | None:
    try:
        kept = _copied(load())
        # TIFF has a form for dates, and a file that breaks it cannot be written.
        if _DATE in kept and not _DATE_FORM.fullmatch(str(kept[_DATE])):
            notices.append(f"the date {kept[_DATE]!r} is invalid and left out")
            del kept[_DATE]
        return _small("EXIF", kept.tobytes() if len(kept) else None, notices)
    except DAMAGE:
        notices.append("the EXIF data is damaged and left out")
        return None


def _copied(exif: Image.Exif) -> Image.Exif:
    """Return what is still true of a picture of another size."""
    copy = Image.Exif()
    for tag in _KEPT:
        if tag in exif:
            copy[tag] = _as_read(exif[tag])
    for place in (_EXIF_IFD, _GPS_IFD):
        values = {tag: _as_read(value) for tag, value in exif.get_ifd(place).items() if tag not in _LEFT_OUT}
        if values:
            copy[place] = values
    return copy


@final
class _Text(str):
    """A text of unknown encoding. Pillow reads its bytes as Latin-1 and would write a question mark for most."""

    __slots__ = ()

    def encode(self, encoding: str = "latin-1", errors: str = "strict") -> bytes:
        """Return the bytes that were read."""
        return super().encode("latin-1")


def _as_read(value: object) -> object:
    return _Text(value) if isinstance(value, str) else value


def _small(name: str, content: bytes | None, notices: list[str]) -> bytes | None:
    if content and len(content) > _MAX_BYTES:
        notices.append(f"the {name} data has {len(content):,} bytes and is left out")
        return None
    return content or None


def _read_dpi(dpi: object) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in dpi)  # pyright: ignore[reportGeneralTypeIssues]
    except DAMAGE:
        return None
    return (x, y) if 1 <= x <= 65_535 and 1 <= y <= 65_535 else None
