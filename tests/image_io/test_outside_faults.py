"""Faults of files from outside: damaged chunks, formats that are not read, pages that are none, noisy libraries."""

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from png_files import chunk, png

from amortized_sr.image_io import ImageError
from amortized_sr.image_io.reading import read_image


def picture(height: int = 32, width: int = 32, dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (height, width, 3)).astype(dtype)


def refusal(content: bytes, name: str = "a") -> str:
    with pytest.raises(ImageError) as caught:
        read_image(Path(name), content)
    return str(caught.value)


# --- damaged chunks beside the pixels of a PNG ---

BODIES = {
    b"tEXt": b"Title\0A title",
    b"zTXt": b"Title\0\0" + zlib.compress(b"A title"),
    b"iTXt": b"Title\0\0\0\0\0A title",
    b"iCCP": b"x\0\0" + zlib.compress(bytes(200)),
    b"eXIf": b"MM\0*\0\0\0\x08\0\0\0\0\0\0",
    b"pHYs": struct.pack(">IIB", 11811, 11811, 1),
    b"gAMA": struct.pack(">I", 100_000),
    b"tIME": bytes(7),
    b"prVt": b"private",
}


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", BODIES)
def test_a_damaged_chunk_beside_the_pixels_is_left_out_with_a_notice(kind, depth):
    pixels = bytes((1, 2, 3)) if depth == 8 else bytes((0, 1, 0, 2, 0, 3))
    content = png(1, 1, depth, 2, b"\0" + pixels, chunk(kind, BODIES[kind], damaged=True))

    image = read_image(Path("a.png"), content)

    what = "colour profile" if kind == b"iCCP" else f"'{kind.decode()}' chunk"
    assert image.notices == [f"the {what} cannot be read and is left out"]
    assert image.frames[0].tolist() == [[[1, 2, 3]]]
    assert image.metadata == read_image(Path("a.png"), png(1, 1, depth, 2, b"\0" + pixels)).metadata


@pytest.mark.parametrize("kind", [b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"cICP"])
def test_a_chunk_that_is_too_short_is_left_out_with_a_notice(kind):
    image = read_image(Path("a.png"), png(1, 1, 8, 2, bytes(4), chunk(kind, b"")))

    assert image.notices == [f"the '{kind.decode()}' chunk cannot be read and is left out"]


def test_a_damaged_chunk_after_the_pixels_is_left_out_with_a_notice():
    whole = png(1, 1, 8, 2, bytes(4))
    content = whole[:-12] + chunk(b"tEXt", BODIES[b"tEXt"], damaged=True) + whole[-12:]

    image = read_image(Path("a.png"), content)

    assert image.notices == ["the 'tEXt' chunk cannot be read and is left out"]
    assert image.metadata.text == {}


@pytest.mark.parametrize("damaged", [b"IHDR", b"PLTE", b"fcTL"])
def test_a_damaged_chunk_that_the_pixels_need_is_an_error(damaged):
    if damaged == b"fcTL":
        Image.new("L", (2, 2)).save(
            buffer := io.BytesIO(), "PNG", save_all=True, append_images=[Image.new("L", (2, 2), 9)]
        )
        content = buffer.getvalue()
    else:
        content = png(1, 1, 8, 3, bytes(2), chunk(b"PLTE", bytes(3)))
    place = content.index(damaged)
    (length,) = struct.unpack_from(">I", content, place - 4)
    changed = bytearray(content)
    changed[place + 4 + length] ^= 1

    assert refusal(bytes(changed))


def test_a_sound_png_is_not_copied():
    """Images have hundreds of megabytes."""
    from amortized_sr.image_io.png import check_chunks

    content = png(1, 1, 8, 2, bytes(4), chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", bytes(10_000_000)))

    tracemalloc.start()
    kept, _ = check_chunks(Path("a.png"), content, [])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept is content
    assert most < 1_000_000


# --- images of formats that are not read ---


def twelve_bit_jpeg() -> bytes:
    return bytes(imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint16), bitspersample=12))


NAMED: dict[str, tuple[Callable[[], bytes], str]] = {
    "HEIC": (lambda: b"\0\0\0\x18ftypheic" + bytes(60), "HEIC images cannot be read"),
    "HEIF": (lambda: b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(60), "HEIC images cannot be read"),
    "JPEG XL": (lambda: bytes(imagecodecs.jpegxl_encode(picture())), "JPEG XL images cannot be read"),
    "JPEG 2000": (lambda: bytes(imagecodecs.jpeg2k_encode(picture())), "JPEG 2000 images cannot be read"),
    "QOI": (lambda: bytes(imagecodecs.qoi_encode(picture())), "QOI images cannot be read"),
    "TGA": (lambda: saved("TGA"), "Targa (TGA) images cannot be read"),
    "ICO": (lambda: saved("ICO"), "Windows icon (ICO) images cannot be read"),
    "DDS": (lambda: saved("DDS"), "DDS images cannot be read"),
    "12-bit JPEG": (twelve_bit_jpeg, "12-bit JPEG images cannot be read"),
    "CgBI": (
        lambda: b"\x89PNG\r\n\x1a\n" + chunk(b"CgBI", bytes(4)) + png(1, 1, 8, 2, bytes(4))[8:],
        "PNG files in Apple's form for apps (CgBI) cannot be read",
    ),
}


def saved(name: str) -> bytes:
    Image.fromarray(picture()).save(buffer := io.BytesIO(), name)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", NAMED)
def test_an_image_of_a_format_that_is_not_read_is_called_by_name(kind):
    make, named = NAMED[kind]

    message = refusal(make())

    assert named in message
    assert "; convert it to " in message


def test_an_old_targa_file_is_called_by_its_suffix():
    content = saved("TGA").removesuffix(b"TRUEVISION-XFILE.\0")

    assert "Targa (TGA) images cannot be read" in refusal(content, "a.tga")


# --- pages of a TIFF ---


def pages(*arrays: np.ndarray, types: list[int], old: bool = False) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for array, kind in zip(arrays, types, strict=True):
            writer.write(
                array,
                photometric="rgb",
                subfiletype=0 if old else kind,
                extratags=[(255, 3, 1, kind, True)] if old else None,
                metadata=None,
            )
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(("types", "old"), [([0, 1, 1], False), ([1, 0, 1], False), ([1, 2, 2], True)])
def test_thumbnails_and_copies_of_lower_resolution_are_no_pages(dtype, types, old):
    full = types.index(1 if old else 0)
    arrays = [picture(32, 32, dtype) if i == full else picture(8, 8, dtype) for i in range(3)]

    image = read_image(Path("a.tif"), pages(*arrays, types=types, old=old))

    np.testing.assert_array_equal(image.frames[0], arrays[full])
    assert image.notices == []


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("types", [[0, 0], [0, 2], [0, 1, 0]])
def test_a_tiff_of_several_whole_pages_is_refused(dtype, types):
    content = pages(*(picture(16, 16, dtype) for _ in types), types=types)

    assert "TIFF files of several pages are not supported; extract the pages first" in refusal(content)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_mask_of_a_picture_is_no_page_but_a_notice(dtype):
    content = pages(picture(16, 16, dtype), picture(16, 16, dtype), types=[0, 1])
    reduced, mask = (struct.pack("<HHII", 254, 4, 1, kind) for kind in (1, 4))
    assert content.count(reduced) == 1

    image = read_image(Path("a.tif"), content.replace(reduced, mask))

    assert image.notices == ["the page that masks the picture is left out"]


def closed_in_a_circle(dtype: str, count: int) -> bytes:
    """A TIFF of pages of which the last names the first as the next."""
    content = bytearray(pages(*(picture(16, 16, dtype) for _ in range(count)), types=[0, *[1] * (count - 1)]))
    first = start = struct.unpack_from("<I", content, 4)[0]
    link = 0
    for _ in range(count):
        (entries,) = struct.unpack_from("<H", content, start)
        link = start + 2 + 12 * entries
        (start,) = struct.unpack_from("<I", content, link)
    struct.pack_into("<I", content, link, first)
    return bytes(content)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("count", [1, 2])
def test_pages_that_follow_each_other_in_a_circle_end(dtype, count):
    """In a process of its own, because a reader that follows them takes all memory."""
    script = """
import sys
from pathlib import Path
from amortized_sr.image_io.reading import read_image
print(read_image(Path("a.tif"), sys.stdin.buffer.read()).size)
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        input=closed_in_a_circle(dtype, count),
        capture_output=True,
        timeout=20,
        check=True,
    )

    assert result.stdout == b"(16, 16)\n"


# --- libraries that write to the terminal ---


@pytest.mark.slow
def test_c_libraries_do_not_write_to_the_terminal(tmp_path):
    """In a process of its own, whose standard error is looked at."""
    for name in ("webp", "lerc"):
        tifffile.imwrite(tmp_path / f"{name}.tif", picture(), compression=name, photometric="rgb", metadata=None)
    smooth = np.tile(np.arange(96, dtype=np.uint8).reshape(32, 3), (64, 1, 1))
    tifffile.imwrite(tmp_path / "cut.tif", smooth, compression="zlib", photometric="rgb", metadata=None)
    content = bytearray((tmp_path / "cut.tif").read_bytes())
    content[-60:] = b"\xff" * 60
    (tmp_path / "cut.tif").write_bytes(content)
    (tmp_path / "interlaced.png").write_bytes(png(1, 1, 16, 0, b"\0\1\2", interlaced=True))
    (tmp_path / "text.tif").write_bytes(b"II*\0" + bytes(40))
    # Pillow logs it as an error.
    Image.new("RGB", (4, 4)).save(tmp_path / "samples.tif")
    samples = struct.pack("<HHI", 277, 3, 1)
    content = (tmp_path / "samples.tif").read_bytes()
    assert content.count(samples) == 1
    place = content.index(samples) + 8
    (tmp_path / "samples.tif").write_bytes(content[:place] + b"\0\x08" + content[place + 2 :])
    script = """
import sys
from pathlib import Path
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.reading import read_image
for name in sys.argv[1:]:
    try:
        print(read_image(Path(name)).kind)
    except ImageError as error:
        print(error.problem)
"""
    names = ["webp.tif", "lerc.tif", "cut.tif", "interlaced.png", "text.tif", "samples.tif"]

    result = subprocess.run(
        [sys.executable, "-c", script, *names], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert result.stderr == ""
    webp, lerc, cut, interlaced, text, samples = result.stdout.splitlines()
    assert webp == "this TIFF is compressed as WebP, which cannot be read"
    assert lerc == "this TIFF is compressed as LERC, which cannot be read"
    assert "the file is damaged" in cut
    assert interlaced == "PNG L 16 bit"
    assert "not an image" in samples or "the file is damaged" in samples
    assert "not an image" in text or "the file is damaged" in text


def test_the_remedy_for_a_compression_that_cannot_be_read_names_others():
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, picture(), compression="webp", photometric="rgb")

    assert refusal(buffer.getvalue()).endswith("convert it to ZIP or LZW")


# --- the ground ---


def test_reading_and_writing_images_load_no_torch():
    script = "import amortized_sr.image_io, amortized_sr.image_io.metadata, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
