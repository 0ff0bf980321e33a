"""What is written is what was given, in every format, in strips of any height, with everything said about it."""

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from amortized_sr.image_io.formats import FORMATS
from amortized_sr.image_io.image_file import Metadata, Output
from amortized_sr.image_io.profile import srgb_profile
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import write_frames, write_strips


def noise(height: int, width: int, channels: int, depth: str) -> np.ndarray:
    generator = np.random.default_rng(height * 1000 + width)
    if depth == "float32":
        return generator.normal(0.5, 0.5, (height, width, channels)).astype(np.float32)
    return generator.integers(0, np.iinfo(depth).max + 1, (height, width, channels), dtype=depth)


def cut(pixels: np.ndarray, heights: list[int]) -> Iterator[np.ndarray]:
    row = 0
    while row < len(pixels):
        height = heights[row % len(heights)]
        yield pixels[row : row + height]
        row += height


def written(pixels: np.ndarray, name: str, heights: list[int], metadata: Metadata | None = None, **options) -> bytes:
    output = Output(
        FORMATS[name], pixels.shape[:2], pixels.shape[2], pixels.dtype.name, metadata or Metadata(), **options
    )
    with tempfile.NamedTemporaryFile() as file:
        write_strips(file, output, cut(pixels, heights))
        file.seek(0)
        return file.read()


KINDS = [("png", "uint8"), ("png", "uint16"), ("tif", "uint8"), ("tif", "uint16"), ("tif", "float32")]


@pytest.mark.parametrize(("name", "depth"), KINDS)
@settings(max_examples=12)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 4),
    heights=st.lists(st.integers(1, 15), min_size=1, max_size=4),
    compression=st.integers(0, 9),
)
def test_streamed_formats_give_back_every_kind_of_pixels(name, depth, height, width, channels, heights, compression):
    pixels = noise(height, width, channels, depth)

    content = written(pixels, name, heights, compression=compression)

    read = read_image(Path("a"), content)
    np.testing.assert_array_equal(read.frames[0], pixels)


@pytest.mark.parametrize(("name", "depth"), KINDS)
def test_pictures_of_several_tiles_and_many_strips_come_back(name, depth):
    pixels = noise(600, 530, 3, depth)

    np.testing.assert_array_equal(read_image(Path("a"), written(pixels, name, [100, 7])).frames[0], pixels)


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(1000, 1), (1, 1000), (300, 257), (257, 300), (2, 1)])
def test_a_tiff_of_one_column_or_with_a_tile_of_one_column_comes_back(size, depth):
    pixels = (np.arange(size[0] * size[1]) % 251).reshape(*size, 1).astype(depth)

    np.testing.assert_array_equal(read_image(Path("a"), written(pixels, "tif", [70])).frames[0], pixels)


def test_the_same_strips_give_the_same_bytes():
    pixels = noise(300, 200, 3, "uint8")

    assert written(pixels, "png", [13]) == written(pixels, "png", [13])
    assert written(pixels, "tif", [13]) == written(pixels, "tif", [50])


def test_a_png_can_be_written_into_a_pipe():
    pixels = noise(30, 20, 4, "uint8")
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source:
        with os.fdopen(writing, "wb") as pipe:
            write_strips(pipe, Output(FORMATS["png"], (30, 20), 4, "uint8", Metadata()), cut(pixels, [7]))
        content = source.read()

    np.testing.assert_array_equal(read_image(Path("a"), content).frames[0], pixels)


@pytest.mark.parametrize(("name", "channels"), [("webp", 3), ("webp", 4), ("bmp", 1), ("bmp", 3)])
def test_the_other_lossless_formats_give_back_their_pixels(name, channels):
    pixels = noise(20, 30, channels, "uint8")

    content = written(pixels, name, [7])

    shown = read_image(Path("a"), content).frames[0]
    visible = pixels[..., 3:] > 0 if channels == 4 else True  # WebP drops the colour of what cannot be seen.
    np.testing.assert_array_equal(shown * visible, pixels * visible)


@pytest.mark.parametrize("name", ["jpg", "webp", "avif"])
def test_a_lower_quality_gives_a_smaller_file(name):
    pixels = noise(64, 64, 3, "uint8")

    assert len(written(pixels, name, [64], quality=20)) < len(written(pixels, name, [64], quality=90))


@pytest.mark.parametrize("name", ["png", "tif"])
def test_more_effort_gives_a_smaller_file(name):
    pixels = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 256, 3)) // np.uint8(3)

    assert len(written(pixels, name, [64], compression=9)) < len(written(pixels, name, [64], compression=0)) / 5


def full_metadata() -> Metadata:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    # UTF-8, though EXIF only knows ASCII.
    exif[0x8298] = "© größe".encode()
    exif[0x8769] = {0x829A: 0.01}
    return Metadata(srgb_profile(), exif.tobytes(), b"<x:xmpmeta/>", (300.0, 300.0), {"Title": "größe 猫"})


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "avif"])
def test_metadata_comes_back(name):
    given_, pixels = full_metadata(), noise(16, 16, 3, "uint8")

    read = read_image(Path("a"), written(pixels, name, [16], given_)).metadata

    assert read.profile == given_.profile
    assert read.xmp == given_.xmp
    kept = Image.Exif()
    kept.load(read.exif)
    assert kept[0x010F] == "maker"
    assert kept.get_ifd(0x8769)[0x829A] == pytest.approx(0.01)
    assert kept[0x8298].encode("latin-1").decode() == "© größe"
    assert read.dpi == pytest.approx((300, 300), abs=0.1)
    if name == "png":
        assert read.text == given_.text


def test_a_tiff_keeps_profile_xmp_resolution_and_plain_texts():
    content = written(noise(16, 16, 3, "uint16"), "tif", [16], full_metadata())

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tags = file.pages.first.tags
        assert tags.valueof(271) == "maker"
        assert tags.valueof(33432) == "© größe"
        assert tags.valueof(700) == b"<x:xmpmeta/>"
        assert tags.valueof(282) == (300, 1)
        assert tags.valueof(34675) == srgb_profile()


@pytest.mark.parametrize("name", ["png", "tif", "webp"])
def test_a_file_says_nothing_that_it_was_not_given(name):
    content = written(noise(16, 16, 3, "uint8"), name, [16])

    assert read_image(Path("a"), content).metadata == Metadata()
    assert b"tifffile" not in content


@pytest.mark.parametrize("name", ["png", "webp", "avif"])
def test_an_animation_comes_back_with_its_durations(name):
    frames = [np.full((8, 9, 4), shade, np.uint8) for shade in (250, 100, 30)]
    output = Output(FORMATS[name], (8, 9), 4, "uint8", full_metadata())

    with tempfile.NamedTemporaryFile() as file:
        write_frames(file, output, frames, [40.0, 120.0, 300.0], 0)
        file.seek(0)
        read = read_image(Path("a"), file.read())

    assert read.durations == [40, 120, 300]
    assert read.metadata.xmp == b"<x:xmpmeta/>"
    assert read.metadata.dpi == pytest.approx((300, 300), abs=0.1)
    assert read.metadata.profile == srgb_profile()
    assert read.metadata.text == (full_metadata().text if name == "png" else {})
    for frame, expected in zip(read.frames, frames, strict=True):
        assert np.abs(frame.astype(int) - expected).max() <= 6


def test_a_tiff_that_might_pass_four_gigabytes_is_a_bigtiff(monkeypatch):
    monkeypatch.setattr("amortized_sr.image_io.tiff._PLAIN_BYTES", 1000)
    pixels = noise(40, 30, 3, "uint8")

    content = written(pixels, "tif", [7])

    assert content[:4] == b"II+\0"
    np.testing.assert_array_equal(read_image(Path("a"), content).frames[0], pixels)
