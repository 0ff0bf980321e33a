"""Metadata of a picture: kept as far as it stays true of a picture of another size."""

import contextlib
import dataclasses
import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, cast, final

from PIL import Image

from amortized_sr.coords import Size
from amortized_sr.image_io.colours import lost_colours, usable_profile
from amortized_sr.image_io.formats import Format
from amortized_sr.image_io.georeference import NODATA, read_geo, resize_geo
from amortized_sr.image_io.image_file import GeoTags, Metadata
from amortized_sr.image_io.opening import DAMAGE
from amortized_sr.image_io.orientation import ORIENTATION, upright_xmp

if TYPE_CHECKING:
    from typing import IO

    import tifffile

_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_XMP, _PROFILE, _PRIMARIES = 700, 34675, 319
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

# The limit of a JPEG segment. More is not a description.
_MAX_BYTES = 65_000

# Texts of a PNG that are read as something else: XMP, and EXIF data as ImageMagick writes it, orientation included.
_OTHER_TEXTS = ("XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1")


def read_metadata(
    image: Image.Image, mode: str, chunks: dict[bytes, bytes], notices: list[str], orientation: int = 1
) -> Metadata:
    """Return the metadata of an open file.

    Args:
        image: An image that Pillow has opened.
        mode: The mode that a profile must be for.
        chunks: What the file says about colours, as PNG chunks.
        notices: Gets a sentence for everything that is left out.
        orientation: Of a TIFF before it was decoded; Pillow turns its pixels itself.
    """
    info, tags = image.info, getattr(image, "tag_v2", {}).get
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    text = {key: str(value) for key, value in getattr(image, "text", {}).items() if key not in _OTHER_TEXTS}
    # A profile of which segments are missing is there, but None.
    icc = (info["icc_profile"] or b"") if "icc_profile" in info else None
    geo, nodata = _read_tags(tags, orientation, notices)
    density = info.get("jfif_density") if info.get("jfif_unit") == 0 else _tiff_density(tags)
    return Metadata(
        profile=usable_profile(icc, mode, notices, chunks),
        exif=_read_exif(image.getexif, notices),
        xmp=_read_xmp(xmp.encode() if isinstance(xmp, str) else xmp, notices),
        dpi=_read_dpi(info.get("dpi")) or _exif_dpi(image.getexif),
        text=text if _small("text", "".join(text.values()).encode(), notices) else {},
        chunks=_kept_chunks(chunks, density),
        geo=geo,
        nodata=nodata,
    )


def read_tiff_metadata(file: "tifffile.TiffFile", page: "tifffile.TiffPage", mode: str, notices: list[str]) -> Metadata:
    """Return the metadata of a page of an open TIFF, whose pixels Pillow may not be able to read.

    Args:
        file: The file.
        page: The page.
        mode: The mode that a profile must be for.
        notices: Gets a sentence for everything that is left out.
    """
    if is_foreign(file):
        notices.append("EXIF data and resolution are left out; they are not read from a big-endian BigTIFF")
    tags = page.tags.valueof
    xmp = tags(_XMP)
    geo, nodata = _read_tags(tags, tags(ORIENTATION, 1), notices)

    def load() -> Image.Exif:
        exif = Image.Exif()
        exif.bigtiff, exif.endian = file.is_bigtiff, file.byteorder
        exif.load_from_fp(cast("IO[bytes]", file.filehandle), page.offset)
        return exif

    return Metadata(
        exif=None if is_foreign(file) else _read_exif(load, notices),
        profile=usable_profile(tags(_PROFILE), mode, notices),
        xmp=_read_xmp(xmp if isinstance(xmp, bytes) else None, notices),
        dpi=None if is_foreign(file) else _exif_dpi(load),
        chunks=_kept_chunks({}, _tiff_density(tags)),
        geo=geo,
        nodata=nodata,
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


def is_foreign(file: "tifffile.TiffFile") -> bool:
    """Return whether a TIFF is of the form that Pillow does not know: BigTIFF with the high bytes first."""
    return file.is_bigtiff and file.byteorder == ">"


def _read_tags(tags: Callable[[int], object], orientation: int, notices: list[str]) -> tuple[GeoTags, str | None]:
    """Return the GeoTIFF tags of a page, and its nodata value, as it is spelled."""
    # A profile says more than the tags about colours, which some programs write beside it.
    names = [
        name for tag, name in _LOST_TAGS.items() if tags(tag) is not None and (tag > _PRIMARIES or not tags(_PROFILE))
    ]
    if names:
        notices.append(f"the TIFF tags {', '.join(names)} are left out")
    text = tags(NODATA)
    nodata = text.strip(" \0") if isinstance(text, str) else ""
    return read_geo(tags, orientation, notices), nodata or None


def _exif_dpi(load: Callable[[], Image.Exif]) -> tuple[float, float] | None:
    try:
        tags = load()
        inches = {2: 1.0, 3: 2.54}[tags.get(_RESOLUTION_UNIT, 2)]
        return _read_dpi((tags[_X_RESOLUTION] * inches, tags[_Y_RESOLUTION] * inches))
    except DAMAGE:
        return None


def _tiff_density(tags: Callable[[int], object]) -> object:
    """Return a TIFF's pixels per length if it names no unit."""
    return (tags(_X_RESOLUTION), tags(_Y_RESOLUTION)) if tags(_RESOLUTION_UNIT) == _NO_UNIT else None


def _kept_chunks(chunks: dict[bytes, bytes], density: object) -> dict[bytes, bytes]:
    """Return chunks to keep: the resolution (pHYs) is one only if it is an aspect, pixels per unknown unit."""
    if density is not None:
        with contextlib.suppress(*DAMAGE):
            # tifffile gives pairs of integers, Pillow fractions.
            x, y = (n[0] / n[1] if isinstance(n, tuple) else float(n) for n in density)  # pyright: ignore[reportGeneralTypeIssues]
            chunks = {**chunks, b"pHYs": struct.pack(">IIB", round(x), round(y), 0)}
    return {name: body for name, body in chunks.items() if name != b"pHYs" or pixel_aspect(chunks)}


def pixel_aspect(chunks: dict[bytes, bytes]) -> tuple[int, int] | None:
    """Return pixels along x and y per unknown unit, or None for square pixels."""
    x, y, unit = struct.unpack(">IIB", chunks.get(b"pHYs", bytes(9))[:9])
    return (x, y) if unit == 0 and x != y and x and y else None


def _read_xmp(xmp: bytes | None, notices: list[str]) -> bytes | None:
    return _small("XMP", None if xmp is None else upright_xmp(xmp), notices)


def with_resolution(exif: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Return EXIF data that tells the resolution too, for formats that have no other place for it."""
    known = Image.Exif()
    if exif is not None:
        known.load(exif)
    told = _copied(known)
    told[_X_RESOLUTION], told[_Y_RESOLUTION], told[_RESOLUTION_UNIT] = *dpi, 2
    return told.tobytes()


def has_details(exif: bytes) -> bool:
    """Return whether EXIF data tells of the camera or the place, beyond the main texts."""
    known = Image.Exif()
    known.load(exif)
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
