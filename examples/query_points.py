"""Print the colours of a picture at any points, between its pixels too.

python examples/query_points.py [PICTURE] [--point Y X]... [--cell 0]

Points are (y, x) from -1 to 1. With --cell, each answer is the colour over a region of that extent: 2 / 64 is a pixel
of an image of 64x64 pixels.
"""

import argparse
from pathlib import Path

import torch

from amortized_sr import Upscaler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?", type=Path, default=Path(__file__).parent / "kitten_64.png")
    parser.add_argument("--point", nargs=2, type=float, action="append", metavar=("Y", "X"), help="may be repeated")
    parser.add_argument("--cell", type=float, default=0.0, help="0 asks for points")
    arguments = parser.parse_args()

    function = Upscaler.from_pretrained().encode(arguments.picture)
    points = torch.tensor(arguments.point or [[0.045, -0.17], [0.0, 0.0], [0.0, 0.01]])
    cell = torch.tensor([arguments.cell, arguments.cell])
    colours = function(points, cell).clamp(0, 1)  # a smooth curve may overshoot black and white
    for (y, x), colour in zip(points.tolist(), colours.tolist(), strict=True):
        name = "".join(f"{round(255 * value):02x}" for value in colour)
        print(f"({y:+.3f}, {x:+.3f})  #{name}  {' '.join(f'{value:.4f}' for value in colour)}")


if __name__ == "__main__":
    main()
