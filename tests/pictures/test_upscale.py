"""One picture file in, one out: Python and the command line give the same, for every kind of image of the docs."""

import dataclasses
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms

import amortized_sr
from amortized_sr import PictureFile, PictureOptions, SizeRequest, Upscaler, upscale_file
from amortized_sr.compute import Bounds, Compute
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.formats import FORMATS
from amortized_sr.image_io.profile import srgb_profile
from amortized_sr.image_io.reading import read_image
from amortized_sr.model import AmortizedSR

ROOT = Path(__file__).resolve().parents[2]
VALUES = np.random.default_rng(0).integers(0, 256, (9, 11, 4), dtype=np.uint8)
COLOURS = np.ascontiguousarray(VALUES[..., :3])
PICTURE = Image.fromarray(COLOURS)
FRAMES = [PICTURE, PICTURE.rotate(180), PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def upscaler(small_weights) -> Upscaler:
    return Upscaler.from_pretrained(small_weights, "cpu")


def animation(name: str, **options: object) -> None:
    FRAMES[0].save(name, save_all=True, append_images=FRAMES[1:], duration=[50, 120, 70], loop=2, **options)


def palette(name: str, **options: object) -> None:
    PICTURE.quantize(16).save(name, **options)


def named_transparent(name: str) -> None:
    Image.fromarray(VALUES[..., 0] & 3).save(name, transparency=1)


def thumbnail(name: str) -> None:
    with tifffile.TiffWriter(name) as writer:
        writer.write(COLOURS, photometric="rgb", metadata=None)
        writer.write(COLOURS[::2, ::2], photometric="rgb", metadata=None, subfiletype=1)


def ground(name: str) -> None:
    tags = [(42113, 2, 0, "7", True), (33550, 12, 3, (30.0, 30.0, 0.0), True)]
    tifffile.imwrite(name, VALUES[..., 0] & np.uint16(7), metadata=None, extratags=tags)


# The start of a row in the table of docs/upscale.md, and files of that kind.
KINDS = {
    "1 bit, grey": {
        "one.png": lambda name: PICTURE.convert("1").save(name),
        "grey.jpg": lambda name: PICTURE.convert("L").save(name),
    },
    "palette": {"palette.png": palette, "transparent.png": lambda name: palette(name, transparency=3)},
    "RGB, RGBA": {
        "rgb.png": PICTURE.save,
        "rgba.png": Image.fromarray(VALUES).save,
        "veil.webp": lambda name: Image.fromarray(VALUES).save(name, lossless=True),
        "la.png": Image.fromarray(VALUES[..., :2].copy()).save,
        "named.png": named_transparent,
        "profile.png": lambda name: PICTURE.save(name, icc_profile=srgb_profile()),
        "neutral.png": Image.fromarray(np.repeat(VALUES[..., :1], 3, axis=2)).save,
    },
    "16 bit": {
        "grey16.png": lambda name: Path(name).write_bytes(imagecodecs.png_encode(VALUES[..., 0] * np.uint16(257))),
        "rgba16.png": lambda name: Path(name).write_bytes(imagecodecs.png_encode(VALUES * np.uint16(251))),
        "rgb16.tif": lambda name: tifffile.imwrite(name, COLOURS * np.uint16(257), photometric="rgb"),
    },
    "floating point": {"float.tif": lambda name: tifffile.imwrite(name, COLOURS / np.float32(200), photometric="rgb")},
    "CMYK": {
        "cmyk.tif": lambda name: PICTURE.convert("CMYK").save(name),
        "ycbcr.tif": lambda name: PICTURE.convert("YCbCr").save(name),
        "lab.tif": lambda name: Image.new("LAB", (11, 9), (120, 140, 90)).save(name),
    },
    "animated": {
        "animated.gif": animation,
        "animated.webp": lambda name: animation(name, lossless=True),
        "animated.png": animation,
        "animated.avif": animation,
    },
    "phones": {
        "phone.jpg": lambda name: PICTURE.save(name, "MPO", save_all=True, append_images=[PICTURE.resize((4, 3))])
    },
    "TIFF with thumbnails": {"thumbnail.tif": thumbnail},
    "GeoTIFF": {"ground.tif": ground},
    "HEIC": {"a.heic": lambda name: Path(name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))},
    "32-bit": {"integers.tif": lambda name: tifffile.imwrite(name, VALUES[..., 0].astype(np.int32))},
}
REFUSED = {"integers.tif", "a.heic"}
FILES = {name: make for files in KINDS.values() for name, make in files.items()}


def test_there_is_a_file_for_every_row_of_the_table():
    page = (ROOT / "docs" / "upscale.md").read_text()
    table = page.split("| in the file | becomes |\n|---|---|\n")[1].split("\n\n")[0]
    for row in table.splitlines():
        assert [start for start in KINDS if row.startswith(f"| {start}")], row


@pytest.mark.parametrize("name", sorted(FILES))
def test_python_gives_what_the_command_line_writes(cli, small_weights, name):
    FILES[name](name)
    output = "out.tif" if name == "float.tif" else "out.png"

    always = "-n", small_weights, "--device", "cpu", "--engine", "torch"
    code = cli("upscale", name, "-s", 3, "-o", output, *always).code

    format_ = "tif" if name == "float.tif" else None
    if name in REFUSED:
        assert code == 1
        with pytest.raises(ImageError, match=name):
            amortized_sr.upscale(name, 3.0, model=small_weights, device="cpu")
        return
    assert code == 0
    written = read_image(Path(output))
    in_memory = amortized_sr.upscale(name, 3.0, model=small_weights, device="cpu", format=format_)
    assert in_memory.content == Path(output).read_bytes()
    of_bytes = amortized_sr.upscale(Path(name).read_bytes(), 3.0, model=small_weights, device="cpu", format=format_)
    assert of_bytes.content == in_memory.content
    on_disk = amortized_sr.upscale(Path(name), 3.0, model=small_weights, device="cpu", output=f"python-{output}")
    for ours in (in_memory.read(), on_disk.read()):
        assert (ours.durations, ours.repeats, ours.metadata) == (written.durations, written.repeats, written.metadata)
        for frame, expected in zip(ours.frames, written.frames, strict=True):
            np.testing.assert_array_equal(frame, expected)


def test_the_comparison_above_can_fail(small_weights):
    PICTURE.save("a.png")
    first, second = (amortized_sr.upscale("a.png", s, model=small_weights, device="cpu").content for s in (3.0, 2.9))
    assert first != second


# --- what is returned ---


def test_a_picture_file_says_what_became_of_it(upscaler):
    Image.fromarray(VALUES).save("a.png")

    result = upscale_file(Path("a.png"), PictureOptions(SizeRequest(width=22)), upscaler, Path("b.jpg"))

    assert (result.path, result.content, result.format.name) == (Path("b.jpg"), None, "JPEG")
    assert (result.image_size, result.size, result.kind) == ((9, 11), (18, 22), "PNG RGBA 8 bit")
    assert result.notices == ("transparency is put on the background #ffffff; JPEG has none, choose PNG to keep it",)
    assert result.read().size == result.size


def test_a_picture_that_was_read_can_be_upscaled(upscaler):
    PICTURE.save("a.png")

    results = [upscale_file(source, PictureOptions(SizeRequest(2.0)), upscaler) for source in (
        read_image(Path("a.png")), Path("a.png"), Path("a.png").read_bytes(),
    )]  # fmt: skip

    assert len({result.content for result in results}) == 1


@pytest.mark.slow
def test_fallbacks_are_among_the_notices(upscaler, monkeypatch):
    PICTURE.save("a.png")
    real, failed = AmortizedSR.encode_part, []

    def tile(self, *part):
        if not failed:
            failed.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, *part)

    monkeypatch.setattr(AmortizedSR, "encode_part", tile)
    options = PictureOptions(SizeRequest(2.0))

    first, second = (upscale_file(Path("a.png"), options, upscaler) for _ in range(2))

    assert first.notices == ("not enough memory for a tile; using tiles of half the side",)
    assert second.notices == ()


def test_averaging_over_flips_is_a_matter_of_the_call(upscaler):
    PICTURE.save("a.png")
    options = PictureOptions(SizeRequest(2.0))

    plain, averaged, again = (
        upscale_file(Path("a.png"), dataclasses.replace(options, tta=tta), upscaler).content
        for tta in (False, True, False)
    )

    assert plain == again != averaged


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_large_output_is_written_while_it_is_drawn(upscaler, suffix):
    PICTURE.save("a.png")
    options = PictureOptions(SizeRequest(9.0), suffix)
    whole = upscale_file(Path("a.png"), options, upscaler).read().frames[0].astype(int)
    bounded = Upscaler(upscaler.trained, Compute("cpu", bounds=Bounds(strip_pixels=99 * 20)))

    streamed = upscale_file(Path("a.png"), options, bounded, whole_bytes=1000).read().frames[0].astype(int)

    assert np.abs(streamed - whole).max() <= 1


def test_a_file_is_saved_under_names_of_its_format_only(small_weights):
    PICTURE.save("a.png")
    result = amortized_sr.upscale("a.png", 2.0, model=small_weights, device="cpu")

    result.save("b.png")

    assert Path("b.png").read_bytes() == result.content
    with pytest.raises(ImageError, match=r"c\.jpg: the picture is a PNG file; end the name in \.png, or"):
        result.save("c.jpg")


@pytest.mark.parametrize(
    ("name", "mode"),
    [("rgb.png", "RGB"), ("rgba.png", "RGBA"), ("la.png", "LA"), ("grey.jpg", "L"), ("grey16.png", "I;16")],
)
def test_a_file_becomes_a_picture_of_pillows(small_weights, name, mode):
    FILES[name](name)
    result = amortized_sr.upscale(name, 2.0, model=small_weights, device="cpu")

    picture = result.to_pil()

    assert (picture.mode, picture.size) == (mode, (22, 18))
    np.testing.assert_array_equal(np.atleast_3d(np.array(picture)), result.read().frames[0])


def test_what_pillow_cannot_hold_is_a_sentence(small_weights):
    FILES["rgba16.png"]("a.png")

    with pytest.raises(ValueError, match="Pillow cannot hold 16 bits with 4 channels; use `read` for the pixels"):
        amortized_sr.upscale("a.png", 2.0, model=small_weights, device="cpu").to_pil()


@pytest.mark.parametrize("name", ["rgba16.png", "float.tif", "animated.gif", "rgb.png"])
def test_a_notebook_shows_a_picture_of_8_bits(small_weights, name):
    FILES[name](name)
    format_ = "tif" if name == "float.tif" else None

    shown = amortized_sr.upscale(name, 2.0, model=small_weights, device="cpu", format=format_)._repr_png_()

    image = read_image(Path("shown"), shown)
    assert (image.size, image.depth) == ((18, 22), "uint8")


def test_a_notebook_shows_no_huge_picture_by_itself():
    huge = PictureFile(None, b"", FORMATS["png"], (1, 1), (5000, 5000), "")
    assert huge._repr_png_() is None


# --- pictures of Pillow's, and tensors ---


@pytest.mark.parametrize(
    ("mode", "becomes"),
    [("1", "L"), ("L", "L"), ("LA", "LA"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("CMYK", "RGB"),
     ("YCbCr", "RGB"), ("I;16", "I;16"), ("F", "F")],
)  # fmt: skip
def test_a_picture_gives_a_picture_of_the_mode_that_holds_its_pixels(small_weights, mode, becomes):
    if mode == "I;16":
        picture = Image.fromarray(VALUES[..., 0] * np.uint16(257))
    elif mode == "F":
        picture = Image.fromarray(VALUES[..., 0] / np.float32(255))
    else:
        picture = (Image.fromarray(VALUES) if mode in ("LA", "RGBA") else PICTURE).convert(mode)

    result = amortized_sr.upscale(picture, 2.0, model=small_weights, device="cpu")

    assert (result.mode, result.size) == (becomes, (22, 18))
    name = "a.tif" if mode in ("CMYK", "F", "YCbCr") else "a.png"
    picture.save(name)
    format_ = "tif" if mode == "F" else "png"
    filed = amortized_sr.upscale(name, 2.0, model=small_weights, device="cpu", format=format_)
    np.testing.assert_array_equal(np.array(result), np.array(filed.to_pil()))


def test_a_transparent_palette_becomes_alpha(small_weights):
    palette("a.png", transparency=3)
    with Image.open("a.png") as picture:
        assert amortized_sr.upscale(picture, 2.0, model=small_weights, device="cpu").mode == "RGBA"


def test_a_profile_is_kept_and_decides_the_tones_as_in_a_file(small_weights):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    PICTURE.save("a.png", icc_profile=profile)
    with Image.open("a.png") as picture:
        result = amortized_sr.upscale(picture, 2.0, model=small_weights, device="cpu")

    assert result.info["icc_profile"] == profile


@pytest.mark.parametrize(("mode", "profile"), [("L", srgb_profile()), ("CMYK", srgb_profile()), ("CMYK", b"broken")])
def test_a_profile_that_is_not_for_the_colours_is_left_out_as_from_a_file(small_weights, mode, profile):
    picture = PICTURE.convert(mode)
    expected = np.array(amortized_sr.upscale(picture, 2.0, model=small_weights, device="cpu"))
    picture.info["icc_profile"] = profile

    result = amortized_sr.upscale(picture, 2.0, model=small_weights, device="cpu")

    assert "icc_profile" not in result.info
    np.testing.assert_array_equal(np.array(result), expected)


@pytest.mark.parametrize("mode", ["I", "HSV"])
def test_a_mode_that_cannot_be_kept_is_named(small_weights, mode):
    with pytest.raises(ValueError, match=f"mode {mode} cannot be kept; convert it to RGB, I;16 or F first"):
        amortized_sr.upscale(Image.new(mode, (4, 4)), 2.0, model=small_weights, device="cpu")


@pytest.mark.parametrize("source", [PICTURE, Path("a.png")])
def test_too_little_memory_is_a_sentence(small_weights, monkeypatch, source):
    def fail(*arguments: object) -> None:
        raise MemoryError

    PICTURE.save("a.png")
    monkeypatch.setattr("amortized_sr.pictures.frames.draw", fail)

    with pytest.raises(ImageError, match="not enough memory for 22x18 pixels; ask for a smaller size"):
        amortized_sr.upscale(source, 2.0, model=small_weights, device="cpu")


def test_a_tensor_gives_a_tensor(small_weights, upscaler):
    image = torch.rand(2, 3, 4, 5)

    result = amortized_sr.upscale(image, 2.5, model=small_weights, device="cpu")

    assert torch.equal(result, upscaler.upscale(image, 2.5))


def test_an_output_belongs_to_a_file(small_weights):
    with pytest.raises(ValueError, match="output and format are for image files"):
        amortized_sr.upscale(PICTURE, 2.0, model=small_weights, device="cpu", output="a.png")


def test_an_output_of_another_format_than_the_chosen_one_is_refused(small_weights):
    PICTURE.save("a.png")
    with pytest.raises(ImageError, match=r"b\.png: the name is not one of a JPEG file"):
        amortized_sr.upscale("a.png", 2.0, model=small_weights, device="cpu", output="b.png", format="jpg")
    assert not Path("b.png").exists()


# --- neutral pictures: three equal channels stay equal ---


def checker(size: int = 24) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)


def colourful(pixels: np.ndarray) -> int:
    return int(np.ptp(pixels[..., :3].astype(int), axis=2).max())


@pytest.mark.parametrize("scale", [0.7, 1.0, 4.0])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_neutral_picture_stays_neutral(cli, scale, dtype):
    values = (checker().astype(np.float64) / 255 * {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]).astype(dtype)
    tifffile.imwrite("a.tif", values, photometric="rgb")

    assert cli("upscale", "a.tif", "-s", scale, "-o", "b.tif", "--device", "cpu").code == 0

    result = read_image(Path("b.tif")).frames[0]
    assert result.shape[2] == 3
    assert len(np.unique(result[..., 0])) > (2 if scale != 1 else 1)
    assert (result[..., :1] == result).all()


def test_the_test_above_can_fail():
    """The network itself gives a fine pattern colours."""
    upscaler = Upscaler.from_pretrained(device="cpu")
    image = torch.from_numpy(checker()).permute(2, 0, 1)[None] / 255

    assert colourful((upscaler.upscale(image, 4.0)[0] * 255).permute(1, 2, 0).numpy()) > 20


def test_a_neutral_picture_is_drawn_as_the_same_in_grey(upscaler):
    Image.fromarray(checker()[..., 0]).save("grey.png")
    Image.fromarray(checker()).save("rgb.png")
    options = PictureOptions(SizeRequest(3.0))

    grey, rgb = (upscale_file(Path(f"{name}.png"), options, upscaler).read().frames[0] for name in ("grey", "rgb"))

    np.testing.assert_array_equal(np.repeat(grey, 3, axis=2), rgb)


@pytest.mark.parametrize("hidden", [(0, 0, 0), (255, 0, 90)])
def test_a_neutral_picture_with_transparency_stays_neutral_where_it_is_seen(upscaler, hidden):
    alpha = np.zeros((24, 24, 1), np.uint8)
    alpha[4:20, 4:20] = 255
    alpha[6:12, 6:12] = 100
    pixels = np.concatenate((np.where(alpha > 0, checker(), np.uint8(hidden)), alpha), axis=2).astype(np.uint8)
    Image.fromarray(pixels).save("a.png")

    for scale in (0.6, 3.0):
        result = upscale_file(Path("a.png"), PictureOptions(SizeRequest(scale)), upscaler).read().frames[0]
        assert result.shape[2] == 4
        assert colourful(result) == 0


def test_a_neutral_picture_gets_the_colour_of_its_background():
    pixels = np.concatenate((checker(), np.full((24, 24, 1), 255, np.uint8)), axis=2)
    pixels[:12, :, 3] = 0
    Image.fromarray(pixels).save("a.png")

    options = PictureOptions(SizeRequest(2.0), "bmp", background=(0, 255, 0))
    upscaler = Upscaler.from_pretrained(device="cpu")
    result = upscale_file(Path("a.png"), options, upscaler).read().frames[0].astype(int)

    assert np.abs(result[2, 2] - (0, 255, 0)).max() < 8
    assert colourful(result[34:44]) < 8


def test_one_coloured_pixel_anywhere_decides_for_the_whole_picture(upscaler):
    pixels = checker(80)
    pixels[79, 79] = (200, 30, 30)
    Image.fromarray(pixels).save("a.png")

    result = upscale_file(Path("a.png"), PictureOptions(SizeRequest(2.0)), upscaler).read().frames[0]

    expected = np.array(upscaler.upscale(Image.fromarray(pixels), 2.0))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("coloured", [False, True])
def test_all_pictures_of_an_animation_decide_together(upscaler, coloured):
    grey = Image.fromarray(checker())
    last = PICTURE.resize((24, 24)) if coloured else grey.rotate(90)
    grey.save("a.png", save_all=True, append_images=[last])

    first = upscale_file(Path("a.png"), PictureOptions(SizeRequest(2.0)), upscaler).read().frames[0]

    Image.fromarray(checker()[..., 0]).save("grey.png")
    as_grey = upscale_file(Path("grey.png"), PictureOptions(SizeRequest(2.0)), upscaler).read().frames[0]
    assert (first[..., :3] == as_grey).all() == (not coloured)
