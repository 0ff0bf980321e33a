"""Compare what compresses the rows of a PNG file: time, and size of the stream.

Protocol: the example picture of 64x64, enlarged with the bundled weights to 256x256 and 1024x1024; rows as differences
from the rows above, as `image_io/png.py` writes them; one thread; medians of runs in turn. libdeflate, whose streams
cannot be flushed between strips, compresses the picture at once.

    python scripts/bench_png.py [--runs 9]
"""

import argparse
import statistics
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import imagecodecs
import numpy as np
from isal import isal_zlib
from PIL import Image

from amortized_sr import Upscaler

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "kitten_64.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    upscaler = Upscaler.from_pretrained()
    cases: dict[str, Callable[[np.ndarray], bytes]] = {
        "zlib 1": lambda rows: stream(zlib, rows, 1),
        "zlib 6": lambda rows: stream(zlib, rows, 6),
        "ISA-L 1": lambda rows: stream(isal_zlib, rows, 1),
        "ISA-L 3": lambda rows: stream(isal_zlib, rows, 3),
        "libdeflate 1": lambda rows: bytes(imagecodecs.deflate_encode(rows.tobytes(), level=1, raw=True)),
    }
    print(f"{'':14}{'size':>6}{'ms':>8}{'MB/s':>7}{'share':>8}")
    for side in (256, 1024):
        picture = np.asarray(upscaler.upscale(Image.open(EXAMPLE).convert("RGB"), size=(side, side)))
        rows = picture.reshape(side, -1).copy()
        rows[1:] -= picture.reshape(side, -1)[:-1]
        times: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(arguments.runs):
            for name, compress in cases.items():
                begin = time.perf_counter()
                compress(rows)
                times[name].append(time.perf_counter() - begin)
        for name, compress in cases.items():
            median = statistics.median(times[name])
            share = len(compress(rows)) / rows.nbytes
            print(f"{name:14}{side:6}{median * 1e3:8.2f}{rows.nbytes / median / 1e6:7.0f}{share:8.3f}")


def stream(library: ModuleType, rows: np.ndarray, level: int) -> bytes:
    """Return rows as a part of a deflate stream that others may follow."""
    encoder = library.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return encoder.compress(rows.data) + encoder.flush(zlib.Z_FULL_FLUSH)


if __name__ == "__main__":
    main()
