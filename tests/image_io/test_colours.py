"""Colours that a file describes in other ways than by a profile are kept, become a profile, or are a notice."""

import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from png_files import chunk, png

from amortized_sr.image_io.formats import FORMATS
from amortized_sr.image_io.image_file import ImageFile, Output
from amortized_sr.image_io.metadata import fit_metadata
from amortized_sr.image_io.profile import srgb_profile, tone_gamma
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import write_frames, write_strips

ROW = b"\0" + bytes((200, 40, 40))
P3 = chunk(b"cICP", bytes((12, 13, 0, 1)))
PQ = chunk(b"cICP", bytes((9, 16, 0, 1)))
HLG = chunk(b"cICP", bytes((9, 18, 0, 1)))
NARROW = chunk(b"cICP", bytes((1, 13, 0, 0)))
P3_POINTS = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
LINEAR = chunk(b"gAMA", struct.pack(">I", 100_000))


def read(*extra: bytes) -> ImageFile:
    return read_image(Path("a.png"), png(1, 1, 8, 2, ROW, *extra))


def shown(profile: bytes, colour: tuple[int, int, int]) -> tuple[int, ...]:
    """A colour of a profile as numbers of sRGB."""
    picture = Image.new("RGB", (1, 1), colour)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB")).getpixel((0, 0))


def rewritten(image: ImageFile, name: str) -> tuple[ImageFile, list[str]]:
    """An image written in a format and read again, and the notices of writing."""
    notices: list[str] = []
    metadata = fit_metadata(image.metadata, FORMATS[name], image.size, image.size, notices)
    output = Output(FORMATS[name], image.size, image.frames[0].shape[2], image.depth, metadata)
    with tempfile.NamedTemporaryFile() as file:
        write_strips(file, output, iter(image.frames))
        file.seek(0)
        return read_image(Path("b"), file.read()), notices


@pytest.mark.parametrize("extra", [P3, P3_POINTS], ids=["cICP", "cHRM"])
def test_display_p3_without_a_profile_gets_one_with_the_right_colours(extra):
    image = read(extra)

    assert image.notices == []
    assert image.metadata.profile is not None
    # Known pairs of Display P3 and sRGB; what sRGB cannot show is clipped.
    assert np.abs(np.subtract(shown(image.metadata.profile, (200, 40, 40)), (218, 0, 25))).max() <= 2
    assert np.abs(np.subtract(shown(image.metadata.profile, (128, 128, 128)), (128, 128, 128))).max() <= 1


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "avif", "tif"])
def test_display_p3_without_a_profile_keeps_its_colours_in_every_format_that_holds_profiles(name):
    image = read(P3)

    again, notices = rewritten(image, name)

    assert notices == []
    assert again.metadata.profile == image.metadata.profile
    assert (b"cICP" in again.metadata.chunks) == (name == "png")


def test_a_linear_picture_gets_a_profile_with_its_tones():
    image = read(LINEAR)

    assert image.metadata.profile is not None
    assert tone_gamma(image.metadata.profile, "RGB") == pytest.approx(1 / 2.2, abs=0.03)
    assert np.abs(np.subtract(shown(image.metadata.profile, (55, 55, 55)), 128)).max() <= 1


def test_a_grey_gamma_that_is_not_that_of_srgb_is_a_notice_and_kept_in_a_png():
    image = read_image(Path("a.png"), png(1, 1, 8, 0, bytes(2), LINEAR))

    assert image.notices == ["the gamma of 1 is not applied; the tones are taken as those of sRGB"]
    assert b"gAMA" in rewritten(image, "png")[0].metadata.chunks


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"gAMA", struct.pack(">I", 45_455)),
        chunk(b"sRGB", b"\0") + LINEAR,
        chunk(b"cICP", bytes((1, 13, 0, 1))),
        chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        b"",
    ],
    ids=["gamma", "sRGB before gamma", "cICP", "cHRM", "nothing"],
)
def test_what_says_srgb_needs_no_profile(extra):
    image = read(extra)

    assert image.metadata.profile is None
    assert image.notices == []


@pytest.mark.parametrize("extra", [PQ, HLG, NARROW, P3, P3_POINTS + LINEAR, chunk(b"sRGB", b"\0")])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_png_keeps_the_chunks_about_its_colours(extra, depth):
    image = read_image(Path("a.png"), png(1, 1, depth, 2, ROW if depth == 8 else bytes(7), extra))

    again, notices = rewritten(image, "png")

    assert image.metadata.chunks
    assert again.metadata.chunks == image.metadata.chunks
    assert notices == []


@pytest.mark.parametrize(
    "extra",
    [PQ, chunk(b"mDCV", bytes(24)), chunk(b"cLLI", bytes(8)), chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0))],
    ids=["cICP", "mDCV", "cLLI", "aspect"],
)
def test_an_animated_png_keeps_the_chunks_that_stay_true(extra):
    image = read(extra)
    output = Output(FORMATS["png"], (1, 1), 3, "uint8", image.metadata)
    with tempfile.NamedTemporaryFile() as file:
        write_frames(file, output, [np.zeros((1, 1, 3), np.uint8), np.ones((1, 1, 3), np.uint8)], [50.0, 50.0], 0)
        file.seek(0)
        again = read_image(Path("b"), file.read())

    assert len(again.frames) == 2
    assert image.metadata.chunks
    assert again.metadata.chunks == image.metadata.chunks


@pytest.mark.parametrize(("extra", "name"), [(PQ, "PQ"), (HLG, "HLG")])
def test_hdr_is_a_notice_and_is_left_out_of_other_formats_with_another(extra, name):
    image = read(extra)

    assert image.notices == [
        f"the tones are those of HDR ({name}); they are processed as if they were of sRGB",
    ]
    assert rewritten(image, "tif")[1] == [f"the colour space {name} (cICP) is left out; choose PNG to keep it"]


def test_values_of_narrow_range_are_a_notice_where_they_cannot_be_named():
    assert rewritten(read(NARROW), "jpg")[1] == ["the colour space 1/13 (cICP) is left out; choose PNG to keep it"]


@pytest.mark.parametrize(
    ("codes", "profile", "noted"), [((1, 13), False, False), ((12, 13), True, False), ((9, 16), False, True)]
)
def test_the_numbers_of_an_avif_about_its_colours_are_read(codes, profile, noted):
    Image.new("RGB", (8, 8), (200, 40, 40)).save(buffer := io.BytesIO(), "AVIF")
    content = buffer.getvalue()
    place = content.index(b"colrnclx") + 8
    content = content[:place] + struct.pack(">HH", *codes) + content[place + 4 :]

    image = read_image(Path("a.avif"), content)

    assert (image.metadata.profile is not None) == profile
    assert bool(image.notices) == noted
    assert rewritten(image, "png")[0].metadata.chunks[b"cICP"] == bytes((*codes, 0, 1))


@pytest.mark.parametrize(
    "body",
    [
        b"x\0\0no zlib",
        b"x\0\1" + zlib.compress(srgb_profile()),
        b"no name",
        b"x\0\0" + zlib.compress(bytes(2 * 2**20)),
    ],
    ids=["not compressed", "unknown compression", "without a name", "huge"],
)
def test_a_profile_of_a_png_that_cannot_be_unpacked_is_left_out_with_a_notice(body):
    image = read(chunk(b"iCCP", body))

    assert image.metadata.profile is None
    assert image.notices == ["the colour profile cannot be read and is left out"]
    assert image.frames[0].tolist() == [[[200, 40, 40]]]


def test_a_profile_of_a_jpeg_that_lacks_a_segment_is_a_notice():
    Image.new("RGB", (8, 8)).save(buffer := io.BytesIO(), "JPEG", icc_profile=srgb_profile())
    # "The first of two segments", of which there is one.
    content = buffer.getvalue().replace(b"ICC_PROFILE\0\1\1", b"ICC_PROFILE\0\1\2")

    image = read_image(Path("a.jpg"), content)

    assert image.notices == ["the colour profile is damaged; the colours are taken as sRGB"]


@pytest.mark.parametrize(
    "extra",
    [chunk(b"cHRM", bytes(32)), chunk(b"cHRM", b"\xff" * 32), chunk(b"gAMA", struct.pack(">I", 1))],
    ids=["zeros", "large", "gamma"],
)
def test_numbers_that_make_no_colour_space_are_a_notice(extra):
    image = read(extra)

    assert image.metadata.profile is None
    assert image.notices == ["the colour profile is damaged; the colours are taken as sRGB"]


# --- the aspect of pixels ---


@pytest.mark.parametrize("name", ["png", "tif"])
def test_a_pixel_aspect_is_kept_where_there_is_a_place_for_it(name):
    aspect = struct.pack(">IIB", 2, 1, 0)

    again, notices = rewritten(read(chunk(b"pHYs", aspect)), name)

    assert again.metadata.chunks == {b"pHYs": aspect}
    assert notices == []


@pytest.mark.parametrize("name", ["jpg", "webp", "avif", "bmp"])
def test_a_pixel_aspect_is_a_notice_elsewhere(name):
    _, notices = rewritten(read(chunk(b"pHYs", struct.pack(">IIB", 2, 1, 0))), name)

    assert notices == ["the pixel aspect (2 by 1) is left out; choose PNG or TIFF to keep it"]


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "avif", "tif", "bmp"])
def test_a_resolution_that_differs_along_x_and_y_is_kept(name):
    again, notices = rewritten(read(chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1))), name)

    assert again.metadata.dpi == pytest.approx((300, 150), abs=0.5)
    assert notices == []


def test_the_pixel_aspect_of_a_jpeg_is_read():
    Image.new("RGB", (8, 8)).save(buffer := io.BytesIO(), "JPEG")
    content = buffer.getvalue().replace(b"JFIF\0\1\1\0\0\1\0\1", b"JFIF\0\1\1\0\0\2\0\1")

    assert read_image(Path("a.jpg"), content).metadata.chunks == {b"pHYs": struct.pack(">IIB", 2, 1, 0)}


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("resolution", [(1, 0.5), (72, 36)])
def test_the_pixel_aspect_of_a_tiff_is_read_whatever_its_numbers(dtype, resolution):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.ones((4, 5), dtype), resolution=resolution, resolutionunit="NONE", metadata=None)

    assert read_image(Path("a.tif"), buffer.getvalue()).metadata.chunks == {b"pHYs": struct.pack(">IIB", 2, 1, 0)}


def test_cmyk_keeps_its_pixel_aspect():
    Image.new("CMYK", (8, 8)).save(buffer := io.BytesIO(), "TIFF", x_resolution=2, y_resolution=1, resolution_unit=1)

    assert read_image(Path("a.tif"), buffer.getvalue()).metadata.chunks == {b"pHYs": struct.pack(">IIB", 2, 1, 0)}


def test_square_pixels_are_not_worth_a_word():
    assert read(chunk(b"pHYs", struct.pack(">IIB", 1, 1, 0))).metadata.chunks == {}
