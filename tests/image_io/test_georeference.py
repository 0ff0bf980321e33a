"""A picture of the ground keeps its place on the earth, and pixels without data stay without."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from amortized_sr.image_io.formats import FORMATS
from amortized_sr.image_io.image_file import ImageFile, Metadata, Output
from amortized_sr.image_io.metadata import fit_metadata
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import write_strips
from amortized_sr.pictures.drawing import draw
from amortized_sr.upscaler import Upscaler

PIXEL_SIZE, TIE_POINTS, MATRIX, KEYS, DOUBLES, TEXTS, GDAL, NODATA = (
    33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113,
)  # fmt: skip
ASCII, SHORT, DOUBLE = 2, 3, 12
IS_AREA, IS_POINT = 1, 2


def tiff(values: np.ndarray, nodata: str | None = None, geo: bool = True, raster: int = IS_AREA, **options) -> bytes:
    tags = [] if nodata is None else [(NODATA, ASCII, 0, nodata, True)]
    if geo:
        keys = (1, 1, 0, 2, 1024, 0, 1, 1, 1025, 0, 1, raster)
        tags += [
            (PIXEL_SIZE, DOUBLE, 3, (30.0, 20.0, 0.0), True),
            (TIE_POINTS, DOUBLE, 12, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0, 8.0, 4.0, 0.0, 500_240.0, 3_999_920.0, 0.0), True),
            (KEYS, SHORT, len(keys), keys, True),
            (TEXTS, ASCII, 0, "WGS 84 / UTM zone 33N|", True),
        ]  # fmt: skip
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, metadata=None, extratags=[*tags, *options.pop("extra", [])], **options)
    return buffer.getvalue()


def heights(dtype: str = "float32", absent: float = -9999) -> np.ndarray:
    values = np.add.outer(np.arange(24), np.arange(32)).astype(dtype) + np.dtype(dtype).type(100)
    values[6:14, 8:20] = absent
    return values


def enlarged(image: ImageFile, name: str, scale: int) -> tuple[bytes, list[str]]:
    """An image with every pixel repeated, as a file of a format."""
    size = image.size[0] * scale, image.size[1] * scale
    notices: list[str] = []
    metadata = fit_metadata(image.metadata, FORMATS[name], image.size, size, notices)
    pixels = image.frames[0].repeat(scale, axis=0).repeat(scale, axis=1)
    output = Output(FORMATS[name], size, pixels.shape[2], image.depth, metadata)
    with tempfile.NamedTemporaryFile() as file:
        write_strips(file, output, iter([pixels]))
        file.seek(0)
        return file.read(), notices


def ground(content: bytes, x: float, y: float) -> list[tuple[float, float]]:
    """The place on the earth of a corner of pixels, by each tie point, by the rules of GeoTIFF."""
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tags = file.pages.first.tags
        width, height, _ = tags.valueof(PIXEL_SIZE)
        points = np.reshape(tags.valueof(TIE_POINTS), (-1, 6))
        start = 0.5 if tags.valueof(KEYS)[-1] == IS_POINT else 0
    return [(p[3] + (x - start - p[0]) * width, p[4] - (y - start - p[1]) * height) for p in points]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("raster", [IS_AREA, IS_POINT])
def test_corners_of_pixels_stay_at_their_place_on_the_earth(dtype, raster):
    content = tiff(np.ones((24, 32), dtype), raster=raster)

    again, notices = enlarged(read_image(Path("a.tif"), content), "tif", 3)

    assert notices == []
    for x, y in ((0, 0), (32, 24), (5, 7)):
        np.testing.assert_allclose(ground(again, 3 * x, 3 * y), ground(content, x, y))
    with tifffile.TiffFile(io.BytesIO(again)) as file:
        assert file.pages.first.tags.valueof(TEXTS) == "WGS 84 / UTM zone 33N|"


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "avif", "bmp"])
def test_other_formats_lose_the_georeference_with_a_notice(name):
    image = read_image(Path("a.tif"), tiff(np.ones((24, 32), np.uint8)))

    _, notices = enlarged(image, name, 2)

    assert notices == ["the georeference is left out; choose TIFF to keep it"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tags_that_cannot_be_kept_true_are_a_notice(dtype):
    extra = [(MATRIX, DOUBLE, 16, tuple(np.eye(4).ravel().tolist()), True), (GDAL, ASCII, 0, "<GDALMetadata/>", True)]

    image = read_image(Path("a.tif"), tiff(np.ones((4, 5), dtype), geo=False, extra=extra))

    assert image.notices == ["the TIFF tags ModelTransformation, GDAL_METADATA are left out"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_turned_picture_loses_its_georeference_with_a_notice(dtype):
    image = read_image(Path("a.tif"), tiff(np.ones((4, 5), dtype), extra=[(274, SHORT, 1, 6, True)]))

    assert image.notices == ["the georeference is left out, because the picture is stored turned"]
    assert image.metadata.geo == {}


# --- nodata ---


@pytest.mark.parametrize(
    ("dtype", "nodata", "absent"),
    [("float32", "-9999", -9999), ("float32", "nan", np.nan), ("float32", "-3.40282346638529e+38", -3.4028235e38),
     ("uint16", "0", 0), ("uint8", "255", 255), ("uint8", " 0\0", 0)],
)  # fmt: skip
def test_pixels_without_data_are_transparent_and_are_written_back(dtype, nodata, absent):
    values = heights(dtype, absent)
    content = tiff(values, nodata)

    image = read_image(Path("a.tif"), content)
    again, notices = enlarged(image, "tif", 2)

    assert image.alpha
    assert image.notices == notices == []
    np.testing.assert_array_equal(
        image.frames[0][..., 1] == 0, np.isnan(values) if absent != absent else values == absent
    )
    assert np.isfinite(image.frames[0]).all()
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(again)), values.repeat(2, axis=0).repeat(2, axis=1))
    with tifffile.TiffFile(io.BytesIO(again)) as file:
        assert file.pages.first.tags.valueof(NODATA) == nodata.strip(" \0")


def test_pixels_without_data_do_not_change_the_heights_around(small_weights):
    """Without a mask the drawing would reach from about -10,400 to 9,800."""
    image = read_image(Path("a.tif"), tiff(heights(), "-9999"))
    size = 48, 64

    drawn = np.concatenate(list(draw(Upscaler.from_pretrained(small_weights), image.frames[0], size)))
    again, _ = write(drawn, image.metadata)

    values = tifffile.imread(io.BytesIO(again))
    np.testing.assert_array_equal(values == -9999, heights().repeat(2, axis=0).repeat(2, axis=1) == -9999)
    there = values[values != -9999]
    assert there.min() > 60
    assert there.max() < 260


def write(pixels: np.ndarray, metadata: Metadata) -> tuple[bytes, list[str]]:
    return enlarged(ImageFile([pixels], "TIFF", "L", metadata), "tif", 1)


def test_a_colour_is_without_data_if_all_its_channels_are():
    values = np.array([[[0, 0, 0], [0, 5, 0]]], np.uint8)

    image = read_image(Path("a.tif"), tiff(values, "0", photometric="rgb"))

    assert image.frames[0].tolist() == [[[0, 0, 0, 0], [0, 5, 0, 255]]]
    assert tifffile.imread(io.BytesIO(enlarged(image, "tif", 1)[0])).tolist() == values.tolist()


def test_an_alpha_channel_and_a_value_without_data_hide_both():
    values = np.array([[[0, 0, 0, 255], [1, 2, 3, 0], [1, 2, 3, 9]]], np.uint16)

    image = read_image(Path("a.tif"), tiff(values, "0", photometric="rgb", extrasamples=["unassalpha"]))

    assert image.frames[0][..., 3].tolist() == [[0, 0, 9]]
    assert image.metadata.nodata is None


@pytest.mark.parametrize("nodata", ["-9999", "1e9", "none"])
def test_a_value_that_no_pixel_can_have_is_a_notice(nodata):
    image = read_image(Path("a.tif"), tiff(np.ones((4, 5), np.uint16), nodata, geo=False))

    assert image.notices == [f"the nodata value {nodata!r} is no value of these pixels and is left out"]
    assert not image.alpha


def test_a_number_of_a_palette_is_no_colour_without_data():
    palette = Image.fromarray(heights("uint8", 0)).convert("P")
    palette.save(buffer := io.BytesIO(), "TIFF", tiffinfo={NODATA: "0"})

    image = read_image(Path("a.tif"), buffer.getvalue())

    assert image.notices == ["the nodata value, a number of the palette, is left out"]
    assert not image.alpha


def test_other_formats_show_pixels_without_data_as_transparent_with_a_notice():
    image = read_image(Path("a.tif"), tiff(heights("uint16", 0), "0", geo=False))

    content, notices = enlarged(image, "png", 1)

    assert notices == ["pixels of the nodata value 0 become transparent; choose TIFF to keep it"]
    np.testing.assert_array_equal(read_image(Path("a.png"), content).frames[0][..., 1] == 0, heights("uint16", 0) == 0)


def test_a_picture_without_such_tags_has_none():
    Image.new("L", (4, 4)).save(buffer := io.BytesIO(), "TIFF")

    metadata = read_image(Path("a.tif"), buffer.getvalue()).metadata

    assert (metadata.geo, metadata.nodata) == ({}, None)
