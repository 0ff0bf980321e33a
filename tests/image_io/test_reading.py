"""Every kind of image file becomes pixels by a rule that only looks at its header, or is refused by name."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from png_files import chunk, png

from amortized_sr.image_io import ImageError
from amortized_sr.image_io.image_file import ImageFile
from amortized_sr.image_io.profile import srgb_profile, tone_gamma
from amortized_sr.image_io.reading import read_image


def noise(height: int = 6, width: int = 9, channels: int = 3, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


def picture(mode: str) -> Image.Image:
    return Image.fromarray(noise()).convert(mode)


def saved(save: Callable[[Path], object], name: str, folder: Path, **options) -> ImageFile:
    save(folder / name)
    return read_image(folder / name, **options)


def refusal(path: Path, **options) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


# --- modes: row 19 ---

MODES = [
    ("1", "a.png", "PNG 1 8 bit", 1),
    ("L", "a.png", "PNG L 8 bit", 1),
    ("LA", "a.png", "PNG LA 8 bit", 2),
    ("P", "a.png", "PNG P 8 bit", 3),
    ("P", "a.gif", "GIF P 8 bit", 3),
    ("RGB", "a.png", "PNG RGB 8 bit", 3),
    ("RGBA", "a.png", "PNG RGBA 8 bit", 4),
    ("RGBA", "a.tif", "TIFF RGBA 8 bit", 4),
    ("RGBA", "a.webp", "WEBP RGBA 8 bit", 4),
    ("RGBA", "a.avif", "AVIF RGBA 8 bit", 4),
    ("CMYK", "a.jpg", "JPEG CMYK 8 bit", 3),
    ("CMYK", "a.tif", "TIFF CMYK 8 bit", 3),
    ("YCbCr", "a.tif", "TIFF YCbCr 8 bit", 3),
    ("LAB", "a.tif", "TIFF LAB 8 bit", 3),
]


@pytest.mark.parametrize(("mode", "name", "kind", "channels"), MODES)
def test_each_mode_becomes_what_the_rule_says(tmp_path, mode, name, kind, channels):
    image = picture("RGB").convert(mode) if mode != "LAB" else Image.new("LAB", (9, 6), (128, 128, 128))
    if mode == "RGBA":
        image.putalpha(100)

    read = saved(image.save, name, tmp_path)

    assert read.kind == kind
    assert read.frames[0].shape == (6, 9, channels)
    assert read.depth == "uint8"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_pixels_of_a_kept_mode_are_unchanged(tmp_path, mode):
    image = picture("RGBA").convert(mode)

    read = saved(image.save, "a.png", tmp_path)

    expected = np.array(image.convert("L") if mode == "1" else image)
    np.testing.assert_array_equal(read.frames[0], expected.reshape(6, 9, -1))


def test_a_colour_named_transparent_becomes_alpha(tmp_path):
    image = Image.fromarray(np.full((2, 2, 3), (1, 2, 3), np.uint8))
    image.putpixel((0, 0), (9, 9, 9))

    read = saved(lambda path: image.save(path, transparency=(1, 2, 3)), "a.png", tmp_path)

    assert read.frames[0][..., 3].tolist() == [[255, 0], [0, 0]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("named", [0, 1])
def test_a_grey_named_transparent_becomes_alpha_at_every_depth(tmp_path, depth, named):
    row = {1: 0b01 << 6, 2: 0b0001 << 4, 4: 0x01, 8: 0x0001}[depth].to_bytes(2 if depth == 8 else 1)
    (tmp_path / "a.png").write_bytes(png(2, 1, depth, 0, b"\0" + row, chunk(b"tRNS", struct.pack(">H", named))))

    grey = 255 // (2**depth - 1)
    alpha = [0, 255] if named == 0 else [255, 0]
    assert read_image(tmp_path / "a.png").frames[0].tolist() == [[[0, alpha[0]], [grey, alpha[1]]]]


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_palette_with_a_transparent_colour_becomes_rgba(tmp_path, suffix):
    image = picture("RGB").quantize(8)

    read = saved(lambda path: image.save(path, transparency=3), f"a{suffix}", tmp_path)

    assert read.kind == f"{suffix[1:].upper()} P 8 bit"
    transparent = read.frames[0][..., 3] == 0
    np.testing.assert_array_equal(transparent, np.array(image) == 3)


def test_cmyk_of_adobe_is_not_inverted(tmp_path):
    white = Image.new("CMYK", (8, 8), (0, 0, 0, 0))

    read = saved(lambda path: white.save(path, quality=95), "a.jpg", tmp_path)

    assert read.frames[0].min() > 250
    assert read.notices == ["CMYK without a usable colour profile; its inks are converted as plain ones"]
    assert read.metadata.profile == srgb_profile()


REFUSED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "32 bit integers": ("a.tif", lambda path: Image.new("I", (4, 4)).save(path), "32 bit"),
    "16 bit PGM": ("a.pgm", lambda path: path.write_bytes(b"P5\n2 2\n65535\n" + bytes(8)), "16 bit PPM"),
    "16 bit PPM": ("a.ppm", lambda path: path.write_bytes(b"P6\n2 2\n65535\n" + bytes(24)), "16 bit PPM"),
    "10 bit AVIF": (
        "a.avif",
        lambda path: path.write_bytes(imagecodecs.avif_encode(np.zeros((16, 16, 3), np.uint16), bitspersample=10)),
        "10 bit AVIF",
    ),
    "signed TIFF": ("a.tif", lambda path: tifffile.imwrite(path, np.zeros((4, 4), np.int16)), "16 bit signed integers"),
    "signed 8 bit TIFF": (
        "a.tif",
        lambda path: tifffile.imwrite(path, np.zeros((4, 4), np.int8)),
        "8 bit signed integers",
    ),
    "five channels": (
        "a.tif",
        lambda path: tifffile.imwrite(path, np.zeros((9, 8, 5), np.uint16), photometric="rgb", planarconfig="contig"),
        "5 channels cannot be kept",
    ),
    "16 bit CMYK": (
        "a.tif",
        lambda path: tifffile.imwrite(path, np.zeros((4, 4, 4), np.uint16), photometric="separated"),
        "16 bit SEPARATED",
    ),
    "TIFF of two pages": (
        "a.tif",
        lambda path: picture("RGB").save(path, save_all=True, append_images=[picture("RGB")]),
        "several pages",
    ),
    "deep TIFF of two pages": ("a.tif", lambda path: tifffile.imwrite(path, np.zeros((2, 9, 9), np.uint16)), "pages"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_kept_is_refused_by_name(tmp_path, kind):
    name, create, named = REFUSED[kind]
    create(tmp_path / name)

    message = refusal(tmp_path / name)

    assert named in message
    assert "; " in message


# --- depth: row 20 ---


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("top", [65_535, 200])
def test_sixteen_bits_of_a_png_are_kept_even_if_all_are_dark(tmp_path, channels, top):
    values = noise(channels=channels, dtype=np.uint16) % top
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(values if channels > 1 else values[..., 0]))

    read = read_image(tmp_path / "a.png")

    assert read.depth == "uint16"
    np.testing.assert_array_equal(read.frames[0], values)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sixteen_bits_of_a_tiff_are_kept(tmp_path, channels, planar, byteorder):
    values = noise(channels=channels, dtype=np.uint16)
    shown = np.moveaxis(values, 2, 0) if planar == "separate" and channels > 1 else values
    tifffile.imwrite(
        tmp_path / "a.tif",
        shown[..., 0] if channels == 1 else shown,
        photometric="rgb" if channels > 1 else "minisblack",
        planarconfig=planar if channels > 1 else None,
        extrasamples=["unassalpha"] if channels == 4 else None,
        byteorder=byteorder,
        compression="zlib",
    )

    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").frames[0], values)


def test_a_colour_named_transparent_in_sixteen_bits_becomes_alpha(tmp_path):
    rows = b"\0" + struct.pack(">6H", 1, 2, 3, 500, 600, 700)
    (tmp_path / "a.png").write_bytes(png(2, 1, 16, 2, rows, chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))))

    assert read_image(tmp_path / "a.png").frames[0].tolist() == [[[1, 2, 3, 0], [500, 600, 700, 65535]]]


def test_colours_multiplied_by_alpha_are_divided_by_it(tmp_path):
    values = np.array([[[100, 200, 300, 32768], [0, 0, 0, 0]]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["assocalpha"])

    pixel, nothing = read_image(tmp_path / "a.tif").frames[0][0].tolist()

    assert pixel == [200, 400, 600, 32768]
    assert nothing == [0, 0, 0, 0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_floats_are_kept_as_they_are(tmp_path, dtype, channels):
    values = np.linspace(-0.5, 1.5, 54 * channels).reshape(6, 9, channels).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif", values if channels > 1 else values[..., 0],
        photometric="rgb" if channels > 1 else "minisblack",
    )  # fmt: skip

    read = read_image(tmp_path / "a.tif")

    assert read.depth == "float32"
    np.testing.assert_array_equal(read.frames[0], values.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_where_the_smallest_value_is_white_it_becomes_the_largest(tmp_path, dtype):
    white = 1 if dtype == np.float32 else np.iinfo(dtype).max
    values = np.array([[0, white]], dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")

    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").frames[0][..., 0], values[:, ::-1])


def test_values_that_are_not_finite_are_replaced_with_a_notice(tmp_path):
    values = np.array([[np.nan, np.inf, -np.inf, 0.25]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values)

    read = read_image(tmp_path / "a.tif")

    assert read.frames[0][0, :, 0].tolist() == [0.0, 1.0, 0.0, 0.25]
    assert read.notices == ["values that are not finite became 0 (NaN, -inf) and 1 (inf)"]


# --- orientation: row 21 ---

UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["png", "webp", "tif", "16 bit png", "16 bit tif"])
def test_every_orientation_is_made_upright_and_its_tag_removed(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "kept"
    suffix = kind.split()[-1]
    path = tmp_path / f"a.{suffix}"
    values = noise(3, 5)
    if kind == "16 bit png":
        values = noise(3, 5, dtype=np.uint16)
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        path.write_bytes(png(5, 3, 16, 2, rows, chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))))
    elif kind == "16 bit tif":
        values = noise(3, 5, dtype=np.uint16)
        tifffile.imwrite(path, values, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    else:
        Image.fromarray(values).save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))

    read = read_image(path)

    np.testing.assert_array_equal(read.frames[0], UPRIGHT[orientation](values))
    if kind != "16 bit tif":
        kept = Image.Exif()
        kept.load(read.metadata.exif)
        assert dict(kept) == {0x010E: "kept"}


def test_an_orientation_that_makes_no_sense_is_none(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 77

    read = saved(lambda path: picture("RGB").save(path, exif=exif), "a.png", tmp_path)

    np.testing.assert_array_equal(read.frames[0], noise())


# --- colour profiles: row 22 ---


def test_a_usable_profile_is_kept(tmp_path):
    read = saved(lambda path: picture("RGB").save(path, icc_profile=srgb_profile()), "a.png", tmp_path)

    assert read.metadata.profile == srgb_profile()
    assert read.notices == []


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (b"no profile at all", "is damaged"),
        (srgb_profile()[:200], "is damaged"),
        (srgb_profile() + bytes(5 * 2**20), "has 5,243,468 bytes"),
        (ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), "is for Lab and the picture is RGB"),
    ],
    ids=["text", "cut", "huge", "of another space"],
)
def test_a_profile_that_cannot_be_used_is_left_out_with_a_notice(tmp_path, profile, said):
    read = saved(lambda path: picture("RGB").save(path, icc_profile=profile), "a.webp", tmp_path)

    assert read.metadata.profile is None
    assert read.notices == [f"the colour profile {said}; the colours are taken as sRGB"]
    assert read.frames[0].shape == (6, 9, 3)


def test_the_profile_of_cmyk_is_used_and_replaced_by_srgb(tmp_path):
    """A profile of another space is not used."""
    read = saved(lambda path: picture("CMYK").save(path, icc_profile=srgb_profile()), "a.jpg", tmp_path)

    assert read.metadata.profile == srgb_profile()
    assert "its inks are converted as plain ones" in " ".join(read.notices)


def test_srgb_needs_no_change_of_tone():
    assert tone_gamma(srgb_profile(), "RGB") == 1.0


# --- metadata: row 23 ---


def test_exif_is_kept_without_what_would_be_wrong(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif[0x0100] = 9  # Width of the old picture.
    exif[0x8769] = {0x829A: 0.01, 0xA002: 9, 0x927C: b"maker's secrets"}
    exif[0x8825] = {1: "N"}

    read = saved(lambda path: picture("RGB").save(path, exif=exif), "a.jpg", tmp_path)

    kept = Image.Exif()
    kept.load(read.metadata.exif)
    assert dict(kept.get_ifd(0x8825)) == {1: "N"}
    assert set(kept.get_ifd(0x8769)) == {0x829A}
    assert kept[0x010F] == "maker"
    assert 0x0100 not in kept


@pytest.mark.parametrize("text", ["© 2020 Jürgen".encode(), "Jürgen".encode("latin-1"), b"plain"])
def test_texts_of_exif_keep_their_bytes_whatever_the_encoding(tmp_path, text):
    exif = Image.Exif()
    exif[0x8298] = text
    exif[0x4746] = 4
    exif[0x9C9B] = "Titel".encode("utf-16le")

    read = saved(lambda path: picture("RGB").save(path, exif=exif), "a.jpg", tmp_path)

    kept = Image.Exif()
    kept.load(read.metadata.exif)
    assert kept[0x8298].encode("latin-1") == text
    assert kept[0x4746] == 4
    assert kept[0x9C9B] == "Titel".encode("utf-16le")


def test_text_xmp_and_resolution_are_kept(tmp_path):
    texts = chunk(b"tEXt", b"Title\0A title") + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")
    resolution = chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1))
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 0, bytes(2), texts, resolution))

    metadata = read_image(tmp_path / "a.png").metadata

    assert metadata.text == {"Title": "A title"}
    assert metadata.xmp == b"<x/>"
    assert metadata.dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_texts_xmp_and_resolution_of_a_deep_tiff_are_kept(tmp_path, dtype, bigtiff):
    ascii_, bytes_ = 2, 1
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.ones((4, 5, 3), dtype),
        bigtiff=bigtiff,
        photometric="rgb",
        description="a description",
        software="a program",
        datetime="2020:01:02 03:04:05",
        resolution=(100, 50),
        resolutionunit="CENTIMETER",
        extratags=[
            (0x013B, ascii_, 0, "an artist", True),
            (0x8298, ascii_, 0, "all rights", True),
            (700, bytes_, 22, b'<x tiff:Orientation="6"', True),
            (274, 3, 1, 6, True),
        ],
    )

    read = read_image(tmp_path / "a.tif")

    kept = Image.Exif()
    kept.load(read.metadata.exif)
    assert dict(kept) == {
        0x010E: "a description",
        0x0131: "a program",
        0x0132: "2020:01:02 03:04:05",
        0x013B: "an artist",
        0x8298: "all rights",
    }
    assert read.metadata.dpi == pytest.approx((254, 127))
    assert read.metadata.xmp is not None
    assert b'tiff:Orientation="1"' in read.metadata.xmp
    assert read.size == (5, 4)


def test_a_big_endian_bigtiff_is_read_without_what_pillow_would_have_to_read(tmp_path):
    values = noise(dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, bigtiff=True, byteorder=">", photometric="rgb", software="a program")
    tifffile.imwrite(tmp_path / "b.tif", noise(), bigtiff=True, byteorder=">", photometric="rgb")

    read = read_image(tmp_path / "a.tif")

    np.testing.assert_array_equal(read.frames[0], values)
    assert read.notices == ["EXIF data and resolution are left out; they are not read from a big-endian BigTIFF"]
    assert "a big-endian BigTIFF of 8 bits cannot be read" in refusal(tmp_path / "b.tif")


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_channels_of_eight_bits_that_are_no_transparency_are_told_of(tmp_path, channels):
    colours = 1 if channels == 2 else 3
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise(channels=channels),
        photometric="minisblack" if channels == 2 else "rgb",
        planarconfig="contig",
        extrasamples=[0] * (channels - colours),
    )

    read = read_image(tmp_path / "a.tif")

    np.testing.assert_array_equal(read.frames[0], noise(channels=channels)[..., :colours])
    assert read.notices == ["further channels are not transparency and were left out"]


def test_huge_xmp_of_a_deep_tiff_is_left_out_with_a_notice(tmp_path):
    xmp = bytes(70_000)
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 5), np.uint16), extratags=[(700, 1, len(xmp), xmp, True)])

    read = read_image(tmp_path / "a.tif")

    assert read.metadata.xmp is None
    assert read.notices == ["the XMP data has 70,000 bytes and is left out"]


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(40)])
def test_damaged_exif_data_does_not_matter(tmp_path, exif):
    read = saved(lambda path: picture("RGB").save(path, exif=exif), "a.webp", tmp_path)

    assert read.metadata.exif is None
    assert read.frames[0].shape == (6, 9, 3)


def test_huge_metadata_is_left_out_with_a_notice(tmp_path):
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 0, bytes(2), chunk(b"tEXt", b"Title\0" + b"A" * 100_000)))

    read = read_image(tmp_path / "a.png")

    assert read.metadata.text == {}
    assert read.notices == ["the text data has 100,000 bytes and is left out"]


def test_a_bomb_of_text_is_refused(tmp_path):
    bomb = chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(50_000_000)))
    (tmp_path / "a.png").write_bytes(png(1, 1, 8, 0, bytes(2), bomb))

    assert "the file is damaged (Decompressed data too large" in refusal(tmp_path / "a.png")


# --- animations: row 24 ---


@pytest.mark.parametrize(("name", "options"), [("a.gif", {}), ("a.webp", {"lossless": True}), ("a.png", {})])
def test_an_animation_is_read_picture_by_picture_with_durations(tmp_path, name, options):
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    frames = [Image.new("RGB", (4, 3), colour) for colour in colours]
    save = {"save_all": True, "append_images": frames[1:], "duration": [50, 120, 300], "loop": 0}

    read = saved(lambda path: frames[0].save(path, **save, **options), name, tmp_path)

    assert read.durations == [50, 120, 300]
    assert [tuple(frame[0, 0, :3]) for frame in read.frames] == colours
    assert read.repeats == 0


def test_pictures_that_are_laid_over_others_are_read_as_they_look(tmp_path):
    below = Image.new("RGBA", (4, 4), (255, 0, 0, 255))
    above = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    above.putpixel((1, 1), (0, 255, 0, 255))

    read = saved(
        lambda path: below.save(path, save_all=True, append_images=[above], blend=1, duration=100), "a.png", tmp_path
    )

    assert tuple(read.frames[1][0, 0]) == (255, 0, 0, 255)
    assert tuple(read.frames[1][1, 1]) == (0, 255, 0, 255)


def test_an_animation_of_too_many_pixels_is_refused(tmp_path):
    frames = [Image.new("L", (100, 100), shade) for shade in range(20)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])

    assert "more than 150,000 pixels" in refusal(tmp_path / "a.gif", max_pixels=150_000)


def test_the_first_picture_of_a_phones_jpeg_is_read(tmp_path):
    picture("RGB").save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))])

    assert len(read_image(tmp_path / "a.jpg").frames) == 1


# --- limits and damage: rows 2 to 7, 10 ---


@pytest.mark.parametrize(
    "content",
    [
        png(20_000, 10_000, 8, 2, bytes(1000)),
        png(20_000, 10_000, 16, 2, bytes(1000)),
        b"BM" + struct.pack("<IHHIIiiHHIIIIII", 54, 0, 0, 54, 40, 20_000, 10_000, 1, 24, 0, 0, 0, 0, 0, 0),
        b"P6 20000 10000 255\n",
    ],
    ids=["PNG", "PNG of 16 bit", "BMP", "PPM"],
)
def test_a_bomb_is_refused_from_its_header(tmp_path, content):
    (tmp_path / "a").write_bytes(content)

    message = refusal(tmp_path / "a")

    assert (
        "the header announces more than 89,478,485 pixels; crop the image first or raise the limit of pixels" in message
    )


def test_a_float_tiff_bomb_is_refused_from_its_header(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((7, 9), np.float32), compression="zlib")
    small = struct.pack("<HHII", 256, 4, 1, 9)  # ImageWidth
    content = (tmp_path / "a.tif").read_bytes()
    assert content.count(small) == 1
    (tmp_path / "a.tif").write_bytes(content.replace(small, struct.pack("<HHII", 256, 4, 1, 2_000_000_000)))

    assert "announces more than" in refusal(tmp_path / "a.tif")


def test_the_limit_of_pixels_can_be_raised_and_lowered(tmp_path):
    picture("RGB").save(tmp_path / "a.png")

    assert "more than 53 pixels" in refusal(tmp_path / "a.png", max_pixels=53)
    assert read_image(tmp_path / "a.png", max_pixels=54).size == (6, 9)


@pytest.mark.slow
def test_between_the_limit_and_twice_the_limit_a_higher_one_is_needed(tmp_path):
    Image.new("L", (10_000, 9_000)).save(tmp_path / "a.png")

    assert "announces more than" in refusal(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", max_pixels=90_000_000).size == (9_000, 10_000)


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\nshowpage\n",
        b"%PDF-1.4\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"\xd7\xcd\xc6\x9a" + bytes(60),
        b"\x89PNG\r\n\x1a\n",
        b"This is a text.\n" * 50,
    ],
    ids=["EPS", "PDF", "SVG", "WMF", "signature of PNG", "text"],
)
def test_what_is_no_image_of_a_known_format_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)

    message = refusal(tmp_path / "a.png")

    assert "not an image in a known format" in message or "the file is damaged" in message


def test_a_width_of_zero_is_refused(tmp_path):
    for width, height, depth in ((0, 4, 8), (4, 0, 8), (0, 4, 16)):
        (tmp_path / "a.png").write_bytes(png(width, height, depth, 2, bytes(4)))
        refusal(tmp_path / "a.png")


def test_a_cut_file_is_refused_and_taken_if_that_is_allowed(tmp_path):
    Image.fromarray(noise(64, 64)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) * 2 // 3])

    assert "the file is damaged" in refusal(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg", allow_truncated=True).size == (64, 64)
    assert "the file is damaged" in refusal(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_cut_file_of_16_bits_is_refused_and_says_that_leaving_out_cannot_help(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    values = noise(64, 64, dtype=np.uint16)
    if suffix == ".tif":
        tifffile.imwrite(path, values, photometric="rgb")
    else:
        path.write_bytes(imagecodecs.png_encode(values))
    path.write_bytes(path.read_bytes()[: values.nbytes * 2 // 3])

    assert refusal(path).endswith("; get it again")
    assert refusal(path, allow_truncated=True).endswith("; missing pixels can be left grey in files of 8 bits only")


def test_the_content_decides_the_format_and_not_the_name(tmp_path):
    picture("RGB").save(tmp_path / "a.png", format="TIFF")

    np.testing.assert_array_equal(read_image(tmp_path / "a.png").frames[0], noise())


def test_bytes_can_be_read_without_a_file():
    picture("RGB").save(buffer := io.BytesIO(), "PNG")

    np.testing.assert_array_equal(read_image(Path("stdin"), buffer.getvalue()).frames[0], noise())


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_every_picture_of_an_animation_is_made_upright(tmp_path, suffix):
    exif = Image.Exif()
    exif[274] = 6
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue")]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50, exif=exif.tobytes(), lossless=True)

    assert [frame.shape[:2] for frame in read_image(path).frames] == [(24, 16), (24, 16)]


@pytest.mark.parametrize("form", [b'tiff:Orientation="6"', b"tiff:Orientation='6'"])
def test_an_orientation_in_xmp_is_applied_once(tmp_path, form):
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" ' + form + b"/></rdf:RDF></x:xmpmeta>"
    )
    picture("RGB").save(tmp_path / "a.jpg", xmp=xmp)
    with Image.open(tmp_path / "a.jpg") as image:
        turned = image.getexif().get(274) == 6

    read = read_image(tmp_path / "a.jpg")

    assert read.size == ((9, 6) if turned else (6, 9))
    assert read.metadata.xmp is not None
    assert b"6" not in read.metadata.xmp.split(b"Orientation")[1][:4]


@pytest.mark.parametrize("extra", [0, 2])
def test_only_a_channel_that_is_said_to_be_alpha_is_transparency(tmp_path, extra):
    values = np.random.default_rng(0).integers(0, 65536, (6, 9, 4), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[extra])

    read = read_image(tmp_path / "a.tif")

    np.testing.assert_array_equal(read.frames[0], values[..., : 3 if extra == 0 else 4])
    assert len(read.notices) == (extra == 0)
