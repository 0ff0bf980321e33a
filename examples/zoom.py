"""Encode a picture once, then draw ever smaller windows of it as an animation.

python examples/zoom.py [PICTURE] [--at Y X] [--frames 24] [--size 192] [-o zoom.webp]
"""

import argparse
from pathlib import Path

from PIL import Image

from amortized_sr import Upscaler
from amortized_sr.coords import Window

DEEPEST = 16
"""The last window is so many times narrower than the picture."""


def window_around(y: float, x: float, width: float) -> Window:
    """Return the window of `width` (2 is the whole image) around a point, moved to where it lies inside the image."""
    top, left = (min(max(middle - width / 2, -1.0), 1.0 - width) for middle in (y, x))
    return top, left, top + width, left + width


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?", type=Path, default=Path(__file__).parent / "kitten_64.png")
    parser.add_argument("--at", nargs=2, type=float, default=(0.045, -0.17), metavar=("Y", "X"), help="from -1 to 1")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", type=int, default=192, help="side of the animation in pixels")
    parser.add_argument("-o", "--output", type=Path, default=Path("zoom.webp"))
    arguments = parser.parse_args()
    if arguments.frames < 2:
        parser.error(f"--frames must be at least 2, got {arguments.frames}")

    function = Upscaler.from_pretrained().encode(arguments.picture)  # the only run of the encoder
    frames: list[Image.Image] = []
    for number in range(arguments.frames):
        width = 2 * DEEPEST ** (-number / (arguments.frames - 1))
        window = window_around(*arguments.at, width)
        frames.append(function.render((arguments.size, arguments.size), window))
    frames[0].save(arguments.output, save_all=True, append_images=frames[1:], duration=60, quality=85)
    print(f"wrote {arguments.output}: {len(frames)} frames, the last one shows 1/{DEEPEST} of the width")


if __name__ == "__main__":
    main()
