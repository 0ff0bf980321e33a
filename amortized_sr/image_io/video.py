"""MP4 files: H.264, encoded while the pictures come. Loads PyAV (the extra `video`) when it is used."""

import importlib.util
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from amortized_sr.image_io.errors import ImageError

LONGEST_SIDE = 4096
"""Longest side of a film in pixels: the encoder holds about 20 pictures, which are then 0.5 GB."""

# One thread, because the threads of x264 decide where it looks for motion; few pictures in advance bound its memory.
_ENCODER = {
    "crf": "18",
    "preset": "medium",
    "threads": "1",
    "x264-params": "rc-lookahead=10:threads=1:lookahead-threads=1",
}
# No version of the writing library, no time.
_CONTAINER = {"fflags": "+bitexact"}

# Codes of ITU-T H.273, and of the range of video levels.
_BT709, _NARROW = 1, 1


def check_video(path: Path) -> None:
    """Check that MP4 files can be written here; an `ImageError` if not."""
    if importlib.util.find_spec("av") is None:
        problem = "MP4 films need the package av, which is not installed"
        raise ImageError(path, problem, 'pip install "amortized-sr[video]"')


def write_video(file: BinaryIO, pictures: Iterable[Image.Image], durations: Sequence[int]) -> None:
    """Write pictures as an MP4 file; the same pictures make the same bytes.

    Args:
        file: Opened for writing and reading.
        pictures: Of one size; a few are in memory at a time. An odd side is made even by repeating its last pixels,
            because H.264 halves the resolution of colours.
        durations: How long each is shown, in milliseconds; their common divisor is the time of a frame.
    """
    import av

    step = math.gcd(*durations)
    number = 0
    with av.open(file, "w", format="mp4", options=_CONTAINER) as container:
        stream = container.add_stream("libx264", rate=Fraction(1000, step), options=_ENCODER)
        context = stream.codec_context
        context.pix_fmt, context.thread_count = "yuv420p", 1
        # Players guess colours that a file does not name, by the size of its pictures.
        context.color_range, context.colorspace = _NARROW, _BT709
        context.color_primaries, context.color_trc = _BT709, _BT709
        for picture, duration in zip(pictures, durations, strict=True):
            even = _even(picture.convert("RGB"))
            if number == 0:
                context.width, context.height = even.size
            rgb = av.VideoFrame.from_image(even)
            for _ in range(duration // step):
                frame = rgb.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_NARROW, threads=1)
                frame.pts = number
                number += 1
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _even(picture: Image.Image) -> Image.Image:
    """Return a picture with even sides."""
    width, height = picture.width + picture.width % 2, picture.height + picture.height % 2
    if (width, height) == picture.size:
        return picture
    result = Image.new("RGB", (width, height))
    # Shifted copies below the picture itself.
    for left, top in ((1, 1), (1, 0), (0, 1), (0, 0)):
        result.paste(picture, (left * (width - picture.width), top * (height - picture.height)))
    return result
