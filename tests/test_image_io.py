import io
import random
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from amortized_sr import upscale
from amortized_sr.image_io import MAX_OUTPUT_PIXELS, ImageError, check_output, read_picture, replacing, write_picture
from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

EVERY_FORMAT = [
    ("PNG", {}),
    ("JPEG", {}),
    ("WEBP", {"lossless": True}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("BMP", {}),
    ("GIF", {}),
    ("PPM", {}),
]


def noise(height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG file from scratch, for what Pillow does not write; `rows` with their filter bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def refusal(path: Path) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(ImageError) as caught:
        read_picture(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Let every write beyond `size` bytes fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- reading what is supported ---


def test_a_grey_file_is_read_as_grey_with_its_values(tmp_path):
    values = np.arange(256, dtype=np.uint8).reshape(8, 32)
    Image.fromarray(values).save(tmp_path / "a.png")

    picture = read_picture(tmp_path / "a.png")

    assert picture.mode == "L"
    np.testing.assert_array_equal(picture, values)


def test_a_colour_file_is_read_as_rgb_with_its_values(tmp_path):
    noise(5, 7).save(tmp_path / "a.png")

    picture = read_picture(tmp_path / "a.png")

    assert picture.mode == "RGB"
    np.testing.assert_array_equal(picture, noise(5, 7))


def test_a_one_bit_file_is_read_as_black_and_white(tmp_path):
    bits = np.array([[True, False, True], [False, False, True]])
    Image.fromarray(bits).save(tmp_path / "a.png")

    picture = read_picture(tmp_path / "a.png")

    assert picture.mode == "L"
    np.testing.assert_array_equal(picture, np.where(bits, 255, 0))


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_an_opaque_palette_file_is_read_as_the_colours_of_its_palette(tmp_path, suffix):
    palette = noise(6, 6).quantize(16)
    palette.save(tmp_path / f"a{suffix}")

    picture = read_picture(tmp_path / f"a{suffix}")

    assert picture.mode == "RGB"
    np.testing.assert_array_equal(picture, palette.convert("RGB"))


@pytest.mark.parametrize("depth", [2, 4])
def test_grey_of_two_and_four_bits_is_spread_over_the_whole_range(tmp_path, depth):
    (tmp_path / "a.png").write_bytes(png(2, 1, depth, 0, bytes([0, 0b0011_0000 if depth == 2 else 0x0F])))

    assert read_picture(tmp_path / "a.png").getextrema() == (0, 255)


def test_the_content_decides_the_format_and_not_the_name(tmp_path):
    noise(4, 4).save(tmp_path / "a.jpg", format="PNG")

    np.testing.assert_array_equal(read_picture(tmp_path / "a.jpg"), noise(4, 4))


def test_the_first_picture_of_a_phones_jpeg_is_read(tmp_path):
    noise(8, 8).save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))])

    assert read_picture(tmp_path / "a.jpg").size == (8, 8)


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
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_exif_orientation_is_applied(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise(3, 5).save(tmp_path / f"a{suffix}", exif=exif)

    picture = read_picture(tmp_path / f"a{suffix}")

    np.testing.assert_array_equal(picture, UPRIGHT[orientation](np.array(noise(3, 5))))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_the_colour_profile_goes_through_upscaling_into_the_output(tmp_path, small_weights, suffix):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise(4, 4).save(tmp_path / "in.png", icc_profile=profile)

    write_picture(upscale(tmp_path / "in.png", 2.0, model=small_weights).to_pil(), tmp_path / f"out{suffix}")

    with Image.open(tmp_path / f"out{suffix}") as output:
        assert output.info["icc_profile"] == profile


def test_an_output_has_no_colour_profile_if_the_input_had_none(tmp_path, small_weights):
    noise(4, 4).save(tmp_path / "in.png")

    write_picture(upscale(tmp_path / "in.png", 2.0, model=small_weights).to_pil(), tmp_path / "out.png")

    with Image.open(tmp_path / "out.png") as output:
        assert "icc_profile" not in output.info


def test_a_format_that_cannot_hold_the_colour_profile_says_so(tmp_path):
    picture = noise(4, 4)
    picture.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    with pytest.raises(ImageError, match=r"BMP cannot hold the picture's colour profile; choose PNG"):
        write_picture(picture, tmp_path / "out.bmp")


# --- refusing, by name, what would be damaged ---


def grey16() -> Image.Image:
    return Image.fromarray(np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000)


def save_gif_of_two_frames(path: Path) -> None:
    Image.new("L", (4, 4)).save(path, save_all=True, append_images=[Image.new("L", (4, 4), 255)])


UNSUPPORTED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "RGBA": ("a.png", lambda path: Image.new("RGBA", (4, 4)).save(path), "transparency (mode RGBA)"),
    "LA": ("a.png", lambda path: Image.new("LA", (4, 4)).save(path), "transparency (mode LA)"),
    "P with a transparent colour": (
        "a.png",
        lambda path: noise(4, 4).quantize(8).save(path, transparency=0),
        "transparency (mode P)",
    ),
    "GIF with a transparent colour": (
        "a.gif",
        lambda path: noise(4, 4).quantize(8).save(path, transparency=0),
        "transparency (mode P)",
    ),
    "RGB with a transparent colour": (
        "a.png",
        lambda path: noise(4, 4).save(path, transparency=(1, 2, 3)),
        "transparency (mode RGB)",
    ),
    "16 bit grey PNG": ("a.png", lambda path: grey16().save(path), "16 bit"),
    "16 bit grey TIFF": ("a.tif", lambda path: grey16().save(path), "16 bit"),
    "16 bit colour PNG": ("a.png", lambda path: path.write_bytes(png(2, 1, 16, 2, bytes(13))), "16 bit"),
    "16 bit colour PNG with alpha": ("a.png", lambda path: path.write_bytes(png(2, 1, 16, 6, bytes(17))), "16 bit"),
    "16 bit grey PGM": ("a.pgm", lambda path: path.write_bytes(b"P5\n2 2\n65535\n" + bytes(8)), "16 bit"),
    "16 bit colour PPM": ("a.ppm", lambda path: path.write_bytes(b"P6\n2 2\n65535\n" + bytes(24)), "16 bit"),
    "10 bit colour PPM": ("a.ppm", lambda path: path.write_bytes(b"P6\n2 2\n1023\n" + bytes(24)), "10 bit"),
    "32 bit integers": ("a.tif", lambda path: Image.new("I", (4, 4)).save(path), "32 bit"),
    "floating point": ("a.tif", lambda path: Image.new("F", (4, 4)).save(path), "floating point"),
    "CMYK JPEG": ("a.jpg", lambda path: Image.new("CMYK", (4, 4)).save(path), "mode CMYK"),
    "CMYK TIFF": ("a.tif", lambda path: Image.new("CMYK", (4, 4)).save(path), "mode CMYK"),
    "LAB": ("a.tif", lambda path: Image.new("LAB", (4, 4)).save(path), "mode LAB"),
    "10 bit AVIF": (
        "a.avif",
        lambda path: path.write_bytes(imagecodecs.avif_encode(np.zeros((16, 16, 3), np.uint16), bitspersample=10)),
        "10 bit AVIF",
    ),
    "animated GIF": ("a.gif", save_gif_of_two_frames, "animations"),
    "TIFF of two pages": (
        "a.tif",
        lambda path: noise(4, 4).save(path, save_all=True, append_images=[noise(4, 4)]),
        "several pages",
    ),
}


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_a_kind_that_would_be_damaged_is_refused_by_name(tmp_path, kind):
    name, create, named = UNSUPPORTED[kind]
    create(tmp_path / name)

    message = refusal(tmp_path / name)

    assert named in message
    assert "; " in message


def test_transparency_is_put_on_a_background_if_one_is_given(tmp_path):
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "a.png")

    assert read_picture(tmp_path / "a.png", background=(10, 20, 30)).getpixel((0, 0)) == (10, 20, 30)


# --- refusing what is no picture ---


def test_a_missing_file_is_named(tmp_path):
    assert "no such file" in refusal(tmp_path / "no.png")


def test_a_file_below_a_file_is_missing(tmp_path):
    noise(2, 2).save(tmp_path / "a.png")

    assert "no such file" in refusal(tmp_path / "a.png" / "b.png")


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    assert "name too long" in refusal(tmp_path / f"{'n' * 300}.png")


def test_a_directory_is_refused_with_the_way_to_name_its_files(tmp_path):
    assert f"is a directory, not an image file; name the files in it, for example {tmp_path}/*.png" in refusal(tmp_path)


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "a.png").touch()

    assert "the file is empty" in refusal(tmp_path / "a.png")


def test_text_named_png_is_not_an_image(tmp_path):
    (tmp_path / "a.png").write_text("This is a text.\n" * 50)

    assert "not an image in a known format" in refusal(tmp_path / "a.png")


def test_a_vector_file_is_not_opened_by_another_program(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n")

    assert "not an image in a known format" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif", ".bmp", ".ppm"])
def test_a_truncated_file_is_called_damaged(tmp_path, suffix):
    noise(64, 64).save(tmp_path / f"a{suffix}")
    whole = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(whole[: len(whole) // 2])

    assert "the file is damaged" in refusal(tmp_path / f"a{suffix}")


def test_a_header_that_announces_gigabytes_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(png(100_000, 100_000, 8, 2, bytes(1000)))

    assert f"announces more than {Image.MAX_IMAGE_PIXELS:,} pixels" in refusal(tmp_path / "a.png")


def test_a_jpeg_with_text_for_a_number_in_its_exif_data_is_read_and_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "hello"
    # The tag 0x010E (description) becomes 0x0100 (width).
    noise(4, 8).save(tmp_path / "a.jpg", exif=exif.tobytes().replace(b"\x01\x0e\x00\x02", b"\x01\x00\x00\x02"))

    assert read_picture(tmp_path / "a.jpg").size == (4, 8)


def test_a_tiff_with_an_empty_second_directory_is_called_damaged(tmp_path):
    noise(4, 4).save(tmp_path / "a.tif")
    whole = (tmp_path / "a.tif").read_bytes()
    (entries,) = struct.unpack_from("<H", whole, 8)
    following = 10 + 12 * entries
    linked = whole[:following] + struct.pack("<I", len(whole)) + whole[following + 4 :] + bytes(6)
    (tmp_path / "a.tif").write_bytes(linked)

    assert "the file is damaged (Missing dimensions)" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize(("name", "options"), EVERY_FORMAT, ids=lambda value: str(value))
def test_a_file_with_changed_bytes_gives_a_picture_or_a_sentence(tmp_path, name, options):
    """Nothing else: no other exception, no warning."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "hello"
    extra = {"exif": exif} if name in ("PNG", "JPEG", "WEBP", "TIFF") else {}
    picture = noise(12, 16).quantize(16) if name == "GIF" else noise(12, 16)
    picture.save(buffer := io.BytesIO(), name, **options, **extra)
    whole = buffer.getvalue()
    chance = random.Random(0)
    path = tmp_path / "a"
    outcomes = set()

    for _ in range(100):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(min(len(changed), 400))] = chance.choice([0, 1, 127, 255, chance.randrange(256)])
        path.write_bytes(changed)
        try:
            outcomes.add(read_picture(path).mode)
        except ImageError:
            outcomes.add("refused")

    assert "refused" in outcomes


# --- pictures and tensors ---


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_picture_survives_the_way_to_a_tensor_and_back(mode):
    picture = noise(16, 24).convert(mode)

    back = tensor_to_picture(picture_to_tensor(picture))

    assert back.mode == mode
    np.testing.assert_array_equal(back, picture)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_tensor_of_eight_bit_values_survives_the_way_to_a_picture_and_back(channels):
    image = torch.randint(0, 256, (1, channels, 16, 24)).float() / 255

    torch.testing.assert_close(picture_to_tensor(tensor_to_picture(image)), image, rtol=0, atol=0)


def test_rows_of_a_tensor_are_rows_of_the_picture():
    image = torch.zeros(1, 1, 2, 3)
    image[0, 0, 0, 2] = 1

    assert tensor_to_picture(image).getpixel((2, 0)) == 255


def test_values_out_of_range_are_clamped_and_not_wrapped():
    image = torch.tensor([-0.5, 1.5, 0.5]).reshape(1, 1, 1, 3)

    assert np.array(tensor_to_picture(image)).tolist() == [[0, 255, 128]]


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_a_picture_of_another_mode_is_refused_by_name(mode):
    with pytest.raises(ValueError, match=rf"mode {mode} is not supported yet; convert it to L or RGB first"):
        picture_to_tensor(Image.new(mode, (2, 2)))


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(ValueError, match="0x5 pixels is empty"):
        picture_to_tensor(Image.new("L", (0, 5)))


# --- writing ---


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".tiff", ".bmp", ".PNG"])
def test_a_lossless_format_gives_the_picture_back(tmp_path, suffix, mode):
    picture = noise(6, 9).convert(mode)

    write_picture(picture, tmp_path / f"a{suffix}")

    # WebP knows no grey.
    np.testing.assert_array_equal(read_picture(tmp_path / f"a{suffix}").convert(mode), picture)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_a_jpeg_is_written_close_to_the_picture(tmp_path, suffix):
    picture = noise(16, 16)

    write_picture(picture, tmp_path / f"a{suffix}")

    back = read_picture(tmp_path / f"a{suffix}")
    # With colour at half the resolution, as JPEG has it by default, this noise is off by more than 30.
    assert np.abs(np.array(back, float) - np.array(picture)).mean() < 5


@pytest.mark.parametrize("name", ["a.xyz", "a.gif"])
def test_a_type_that_cannot_be_written_is_refused_with_those_that_can(tmp_path, name):
    with pytest.raises(ImageError, match=r"cannot write files of type .*; use one of \.png \.jpg"):
        write_picture(noise(2, 2), tmp_path / name)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ImageError, match=f"the folder {tmp_path / 'no'} does not exist; create it first"):
        write_picture(noise(2, 2), tmp_path / "no" / "a.png")


def test_a_directory_is_not_overwritten_by_a_picture(tmp_path):
    (tmp_path / "a.png").mkdir()

    with pytest.raises(ImageError, match="is a directory"):
        write_picture(noise(2, 2), tmp_path / "a.png")


LONGEST = [(".webp", 16_383), (".jpg", 65_500), (".jpeg", 65_500), (".avif", 32_768)]


@pytest.mark.parametrize(("suffix", "longest"), LONGEST)
@pytest.mark.parametrize("tall", [False, True])
def test_a_picture_too_long_for_its_format_is_refused_and_the_longest_is_not(tmp_path, suffix, longest, tall):
    check_output(tmp_path / f"a{suffix}", (longest, 1) if tall else (1, longest))

    with pytest.raises(ImageError, match=rf"are more than .* can hold \({longest:,} a side\); choose PNG or TIFF"):
        check_output(tmp_path / f"a{suffix}", (longest + 1, 1) if tall else (1, longest + 1))


@pytest.mark.parametrize(("suffix", "longest"), [*LONGEST, (".png", 1_000_000)])
@pytest.mark.parametrize("tall", [False, True])
def test_the_longest_picture_that_is_not_refused_can_be_written_and_read(tmp_path, suffix, longest, tall):
    size = (1, longest) if tall else (longest, 1)
    write_picture(Image.new("L", size), tmp_path / f"a{suffix}")

    assert read_picture(tmp_path / f"a{suffix}").size == size


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("png", 4), ("bmp", 2)])
def test_the_script_that_tries_the_limits_of_formats_finds_them_right(name, count):
    """TIFF takes minutes; the others are tried above."""
    script = Path(__file__).parent.parent / "scripts" / "check_format_limits.py"

    done = subprocess.run([sys.executable, script, "--format", name], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| ok |") == count


def test_more_pixels_than_the_limit_are_refused(tmp_path):
    with pytest.raises(ImageError, match=f"above the limit of {MAX_OUTPUT_PIXELS:,}; ask for a smaller size"):
        check_output(tmp_path / "a.png", (MAX_OUTPUT_PIXELS // 1024 + 1, 1024))


def test_a_full_disk_gives_one_sentence_with_the_reason(tmp_path):
    with files_limited_to(100_000), pytest.raises(ImageError, match=r"cannot be written \(File too large\)"):
        write_picture(noise(300, 300), tmp_path / "a.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp"])
def test_a_full_disk_leaves_the_old_output_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_picture(Image.new("RGB", (2, 2)), path)
    before = path.read_bytes()

    with files_limited_to(100_000), pytest.raises(ImageError):
        write_picture(noise(300, 300), path)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_that_the_encoder_refuses_leaves_the_old_output_and_nothing_else(tmp_path):
    path = tmp_path / "a.png"
    write_picture(noise(2, 2), path)
    before = path.read_bytes()

    with pytest.raises(ImageError, match="pictures of mode F cannot be written; convert to L or RGB first"):
        write_picture(Image.new("F", (2, 2)), path)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_nothing_where_nothing_was(tmp_path):
    with files_limited_to(100_000), pytest.raises(ImageError):
        write_picture(noise(300, 300), tmp_path / "a.png")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_replacing_removes_its_temporary_file_whatever_ends_the_block(tmp_path, interruption):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write_half() -> None:
        with replacing(path) as file:
            file.write(b"half")
            file.flush()
            assert len(list(tmp_path.iterdir())) == 2
            raise interruption

    with pytest.raises(interruption):
        write_half()

    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_name_appears_only_when_its_file_is_complete(tmp_path):
    path = tmp_path / "a.bin"

    with replacing(path) as file:
        file.write(b"first half, ")
        file.flush()
        assert not path.exists()
        file.write(b"second half")

    assert path.read_bytes() == b"first half, second half"


@pytest.mark.parametrize("letter", ["a", "é", "猫", "🐈"])
def test_the_longest_name_that_a_file_system_takes_can_be_written(tmp_path, letter):
    path = tmp_path / f"{letter * (251 // len(letter.encode()))}.png"

    write_picture(noise(2, 2), path)

    np.testing.assert_array_equal(read_picture(path), noise(2, 2))
