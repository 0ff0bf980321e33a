"""What a file says about its picture: kept as far as it is still true of a picture of another size."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast, final

from PIL import Image

from amortized_sr.image_io.image_file import Metadata
from amortized_sr.image_io.opening import DAMAGE
from amortized_sr.image_io.profile import profile_problem

if TYPE_CHECKING:
    from typing import IO

    import tifffile

ORIENTATION = 0x0112
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_XMP, _PROFILE = 700, 34675

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

# What a JPEG segment can hold. More is not a description.
_MAX_BYTES = 65_000


# Texts of a PNG that are read as something else: XMP, and EXIF data as ImageMagick writes it, orientation included.
_OTHER_TEXTS = ("XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1")

# Of a PNG whose colours are sRGB, nearly.
_USUAL_GAMMA = 1 / 2.2

# As an attribute and as an element.
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))\s*[2-8]")


def read_metadata(image: Image.Image, mode: str, notices: list[str]) -> Metadata:
    """Return what an open file says about its picture.

    Args:
        image: An image that Pillow has opened.
        mode: The mode that a profile must be for.
        notices: Gets a sentence for everything that is left out.
    """
    gamma = image.info.get("gamma")
    if gamma and abs(gamma - _USUAL_GAMMA) > 0.01 and not {"icc_profile", "srgb"} & image.info.keys():
        notices.append(f"the gamma of {gamma:g} is left out; the colours are taken as sRGB")
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    text = {key: str(value) for key, value in getattr(image, "text", {}).items() if key not in _OTHER_TEXTS}
    return Metadata(
        profile=usable_profile(image.info.get("icc_profile"), mode, notices),
        exif=_read_exif(image.getexif, notices),
        xmp=_read_xmp(xmp.encode() if isinstance(xmp, str) else xmp, notices),
        dpi=_read_dpi(image.info.get("dpi")) or _exif_dpi(image.getexif),
        text=text if _small("text", "".join(text.values()).encode(), notices) else {},
    )


def read_tiff_metadata(file: "tifffile.TiffFile", mode: str, notices: list[str]) -> Metadata:
    """Return what an open TIFF says about its first picture, whose pixels Pillow may not be able to read.

    Args:
        file: The file.
        mode: The mode that a profile must be for.
        notices: Gets a sentence for everything that is left out.
    """
    page = file.pages.first
    if is_foreign(file):
        notices.append("EXIF data and resolution are left out; they are not read of a big-endian BigTIFF")
    xmp = page.tags.valueof(_XMP)

    def load() -> Image.Exif:
        tags = Image.Exif()
        tags.bigtiff, tags.endian = file.is_bigtiff, file.byteorder
        tags.load_from_fp(cast("IO[bytes]", file.filehandle), page.offset)
        return tags

    return Metadata(
        exif=None if is_foreign(file) else _read_exif(load, notices),
        profile=usable_profile(page.tags.valueof(_PROFILE), mode, notices),
        xmp=_read_xmp(xmp if isinstance(xmp, bytes) else None, notices),
        dpi=None if is_foreign(file) else _exif_dpi(load),
    )


def is_foreign(file: "tifffile.TiffFile") -> bool:
    """Return whether a TIFF is of the form that Pillow knows nothing of: BigTIFF with the high bytes first."""
    return file.is_bigtiff and file.byteorder == ">"


def _exif_dpi(load: Callable[[], Image.Exif]) -> tuple[float, float] | None:
    try:
        tags = load()
        inches = {2: 1.0, 3: 2.54}[tags.get(_RESOLUTION_UNIT, 2)]
        return _read_dpi((tags[_X_RESOLUTION] * inches, tags[_Y_RESOLUTION] * inches))
    except DAMAGE:
        return None


def _read_xmp(xmp: bytes | None, notices: list[str]) -> bytes | None:
    """Return XMP whose orientation, if it names one, is that of the pixels once they are turned."""
    return _small("XMP", None if xmp is None else _XMP_ORIENTATION.sub(rb"\g<1>1", xmp), notices)


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


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; what cannot be read is upright."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except DAMAGE:
        return 1
    return value if value in range(1, 9) else 1


def usable_profile(profile: object, mode: str, notices: list[str]) -> bytes | None:
    """Return a colour profile if it can be used for pictures of a mode."""
    if not isinstance(profile, bytes) or not profile:
        return None
    problem = profile_problem(profile, mode)
    if problem is not None:
        notices.append(f"the colour profile {problem}; the colours are taken as sRGB")
        return None
    return profile


def _read_exif(load: Callable[[], Image.Exif], notices: list[str]) -> bytes | None:
    try:
        kept = _copied(load())
        # TIFF has a form for it, and a file that breaks it could not be written.
        if _DATE in kept and not _DATE_FORM.fullmatch(str(kept[_DATE])):
            notices.append(f"the date {kept[_DATE]!r} is none and left out")
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
