"""Pictures of an animated PNG are composed by the rules of the specification."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from png_files import chunk

from amortized_sr.image_io.reading import read_image

BLUE, RED, CLEAR = (0, 0, 255, 255), (255, 0, 0, 128), (0, 0, 0, 0)
NONE, BACKGROUND, PREVIOUS = 0, 1, 2
SOURCE, OVER = 0, 1
Part = tuple[np.ndarray, int, int, int, int]  # Pixels, top, left, disposal, blend.


def apng(size: tuple[int, int], parts: list[Part], default: bool = False, extra: bytes = b"") -> bytes:
    """An animated PNG; with `default`, the first picture is not part of the animation."""
    channels = parts[0][0].shape[2]
    header = struct.pack(">IIBBBBB", size[1], size[0], 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [chunk(b"IHDR", header), extra, chunk(b"acTL", struct.pack(">II", len(parts), 0))]
    sequence = 0
    if default:
        chunks.append(chunk(b"IDAT", zlib.compress(bytes(size[0] * (1 + channels * size[1])))))
    for number, (pixels, top, left, disposal, blend) in enumerate(parts):
        height, width = pixels.shape[:2]
        control = struct.pack(">IIIIIHHBB", sequence, width, height, left, top, 50, 1000, disposal, blend)
        rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
        chunks.append(chunk(b"fcTL", control))
        sequence += 1
        if number == 0 and not default:
            chunks.append(chunk(b"IDAT", rows))
        else:
            chunks.append(chunk(b"fdAT", struct.pack(">I", sequence) + rows))
            sequence += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join((*chunks, chunk(b"IEND", b"")))


def flat(height: int, width: int, colour: tuple[int, ...]) -> np.ndarray:
    return np.full((height, width, len(colour)), colour, np.uint8)


def read(content: bytes) -> list[np.ndarray]:
    return read_image(Path("a.png"), content).frames


def composed(size: tuple[int, int], parts: list[Part]) -> list[np.ndarray]:
    """The same by the specification's formulas, in floats."""
    canvas, frames = np.zeros((*size, 4)), []
    for number, (pixels, top, left, disposal, blend) in enumerate(parts):
        before, place = canvas.copy(), np.s_[top : top + pixels.shape[0], left : left + pixels.shape[1]]
        above, below = pixels / 255.0, canvas[place]
        if blend == OVER:
            alpha = above[..., 3:] + below[..., 3:] * (1 - above[..., 3:])
            colour = above[..., :3] * above[..., 3:] + below[..., :3] * below[..., 3:] * (1 - above[..., 3:])
            above = np.concatenate(
                (np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 0), alpha), axis=2
            )
        canvas[place] = above
        frames.append(canvas * 255)
        canvas = canvas.copy()
        if disposal == PREVIOUS and number:
            canvas = before
        elif disposal in (BACKGROUND, PREVIOUS):
            canvas[place] = 0
    return frames


def test_a_half_transparent_picture_over_an_opaque_one_gives_opaque_pixels():
    below, above = Image.new("RGBA", (16, 16), BLUE), Image.new("RGBA", (16, 16), RED)
    below.save(buffer := io.BytesIO(), "PNG", save_all=True, append_images=[above], blend=[0, 1], disposal=0)

    frames = read(buffer.getvalue())

    assert tuple(frames[1][0, 0]) == (128, 0, 127, 255)


def test_a_half_transparent_picture_that_replaces_another_is_half_transparent():
    frames = read(apng((2, 2), [(flat(2, 2, BLUE), 0, 0, NONE, SOURCE), (flat(2, 2, RED), 0, 0, NONE, SOURCE)]))

    assert (frames[1] == RED).all()


@pytest.mark.parametrize(("disposal", "behind"), [(NONE, (127, 0, 128, 255)), (BACKGROUND, CLEAR), (PREVIOUS, BLUE)])
def test_what_a_picture_leaves_behind_is_what_its_disposal_says(disposal, behind):
    half = flat(1, 1, (255, 0, 0, 127))
    parts = [
        (flat(2, 2, BLUE), 0, 0, NONE, SOURCE),
        (half, 0, 0, disposal, OVER),
        (flat(1, 1, BLUE), 1, 1, NONE, OVER),
    ]

    assert tuple(read(apng((2, 2), parts))[2][0, 0]) == behind


@pytest.mark.parametrize("disposal", [BACKGROUND, PREVIOUS])
def test_disposing_of_the_first_picture_leaves_nothing(disposal):
    parts = [(flat(2, 2, BLUE), 0, 0, disposal, SOURCE), (flat(1, 1, BLUE), 1, 1, NONE, OVER)]

    frames = read(apng((2, 2), parts))

    assert tuple(frames[1][0, 0]) == CLEAR
    assert tuple(frames[1][1, 1]) == BLUE


def test_places_that_no_picture_covers_are_transparent_even_without_alpha_in_the_file():
    parts = [(flat(2, 2, (0, 0, 255)), 0, 0, BACKGROUND, SOURCE), (flat(1, 1, (9, 9, 9)), 0, 0, NONE, SOURCE)]

    frames = read(apng((2, 2), parts))

    assert frames[1].tolist() == [[[9, 9, 9, 255], [0, 0, 0, 0]], [[0, 0, 0, 0], [0, 0, 0, 0]]]


def test_opaque_pictures_stay_rgb():
    parts = [(flat(2, 2, (0, 0, 255)), 0, 0, NONE, SOURCE), (flat(1, 1, (9, 9, 9)), 0, 0, NONE, OVER)]

    assert [frame.shape[2] for frame in read(apng((2, 2), parts))] == [3, 3]


def test_a_colour_named_transparent_lets_the_picture_below_through():
    named = chunk(b"tRNS", struct.pack(">3H", 9, 9, 9))
    parts = [(flat(1, 2, (0, 0, 255)), 0, 0, NONE, SOURCE), (flat(1, 1, (9, 9, 9)), 0, 0, NONE, OVER)]

    assert read(apng((1, 2), parts, extra=named))[1][0, 0].tolist() == [0, 0, 255, 255]


def test_a_picture_for_programs_without_animations_is_no_part_of_one():
    parts = [(flat(2, 2, BLUE), 0, 0, NONE, SOURCE), (flat(2, 2, RED), 0, 0, NONE, OVER)]

    frames = read(apng((2, 2), parts, default=True))

    assert len(frames) == 2
    assert tuple(frames[1][0, 0]) == (128, 0, 127, 255)


@st.composite
def animations(draw) -> tuple[tuple[int, int], list[Part], bool]:
    size = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    parts = []
    for number in range(draw(st.integers(2, 4))):
        top, left = (0, 0) if number == 0 else tuple(draw(st.integers(0, n - 1)) for n in size)
        room = size[0] - top, size[1] - left
        height, width = size if number == 0 else tuple(draw(st.integers(1, n)) for n in room)
        seed = np.random.default_rng(draw(st.integers(0, 99)))
        pixels = seed.choice([0, 1, 128, 255], (height, width, 4)).astype(np.uint8)
        parts.append((pixels, top, left, draw(st.sampled_from((0, 1, 2))), draw(st.sampled_from((0, 1)))))
    return size, parts, draw(st.booleans())


@settings(max_examples=60, deadline=None)
@given(animations())
def test_any_animation_looks_as_the_specification_says(animation):
    size, parts, default = animation

    frames = read(apng(size, parts, default))

    for frame, expected in zip(frames, composed(size, parts), strict=True):
        if frame.shape[2] == 3:
            frame = np.concatenate((frame, np.full_like(frame[..., :1], 255)), axis=2)
        # What cannot be seen may have any colour; rounding adds up.
        assert np.abs(frame[..., 3] - expected[..., 3]).max() <= 2
        seen = expected[..., 3:] > 20
        assert (np.abs(frame[..., :3] - expected[..., :3]) * seen).max() <= 12
