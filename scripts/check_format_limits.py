"""Write and read back the largest picture that each output format is said to hold.

For each format a row and a column of the longest side (`formats.FORMATS`), of each depth, are written by the package's
writer and read by its reader; first and last pixels must be those that were written. One pixel more must be refused
before it is written. `--area` also tries the most pixels of the formats that are held in memory, as one flat picture,
and may take minutes and gigabytes per format. A table row is printed for each; the exit code is 1 if any fails.

    python scripts/check_format_limits.py [--area] [--format FORMAT]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np

from amortized_sr.choices import FormatName
from amortized_sr.image_io import MAX_OUTPUT_PIXELS, ImageError
from amortized_sr.image_io.formats import FORMATS, Depth, check_size
from amortized_sr.image_io.image_file import Metadata, Output, Pixels
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import write_strips

# Rows of a strip times columns.
_STRIP = 2**22


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", choices=get_args(FormatName), action="append", dest="formats")
    parser.add_argument("--area", action="store_true")
    arguments = parser.parse_args()
    failed = False
    for name in arguments.formats or get_args(FormatName):
        longest = FORMATS[name].longest
        sizes = [(1, longest), (longest, 1)]
        if arguments.area and not FORMATS[name].streams:
            width = min(longest, 2**14)
            sizes = [(min(longest, MAX_OUTPUT_PIXELS // width), width)]
        for size in sizes:
            for depth in FORMATS[name].depths:
                begin = time.perf_counter()
                problem = attempt(name, size, depth)
                failed = failed or problem is not None
                height, width = size
                seconds = time.perf_counter() - begin
                print(f"| {name} | {depth} | {width}x{height} | {problem or 'ok'} | {seconds:.1f} s |", flush=True)
    sys.exit(failed)


def attempt(name: FormatName, size: tuple[int, int], depth: Depth) -> str | None:
    """Write and read a grey picture of a size; return what goes wrong."""
    height, width = size
    check_size("largest", FORMATS[name], size)
    if 1 in size:
        try:
            check_size("larger", FORMATS[name], (height + (width == 1), width + (height == 1)))
        except ImageError:
            pass
        else:
            return "one pixel more is not refused"
    output = Output(FORMATS[name], size, 1, depth, Metadata())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"largest.{name}"
        try:
            with path.open("x+b") as file:
                write_strips(file, output, strips(size, depth))
            pixels = read_image(path, max_pixels=2**33).frames[0]
        except (ImageError, OSError, ValueError, MemoryError) as error:
            return str(error)
    if pixels.shape[:2] != size:
        return f"{pixels.shape[1]}x{pixels.shape[0]} pixels came back"
    for row, column in ((0, 0), (-1, -1)):
        written = shade(row % height, column % width)
        # AVIF and JPEG lose something.
        if abs(float(pixels[row, column, 0]) - written) > 8:
            return f"pixel {row}, {column} is {pixels[row, column, 0]}, not {written}"
    return None


def shade(row: int, column: int) -> int:
    """Return a pixel's grey, 20 to 120, that changes slowly."""
    return 20 + (row + column) // 64 % 100


def strips(size: tuple[int, int], depth: Depth) -> Iterator[Pixels]:
    """Yield a picture of a size."""
    rows = max(1, _STRIP // size[1])
    for top in range(0, size[0], rows):
        stop = min(size[0], top + rows)
        places = np.arange(top, stop, dtype=np.int64)[:, None] + np.arange(size[1], dtype=np.int64)
        yield (20 + places // 64 % 100).astype(depth)[..., None]


if __name__ == "__main__":
    main()
