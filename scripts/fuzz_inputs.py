"""Read files that were changed at random: each must give a picture or a sentence, soon, in bounded memory.

Small files of every format and kind that can be read are made, and changed at random places: bytes, spans, lengths,
ends. The same seed gives the same files. They are read in processes of 500 files, so that a crash, a hang or a
traceback is found and counted, with the file kept if `--keep` says where.

    python scripts/fuzz_inputs.py [--files 20000] [--seed 0] [--keep FOLDER]
"""

import argparse
import io
import json
import random
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageCms

from amortized_sr.image_io import ImageError
from amortized_sr.image_io.reading import read_image

_BLOCK = 500
# Of a process that reads a block; the slowest file alone may take this long.
_SECONDS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--block", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.block is not None:
        read_block(arguments.seed, arguments.block, min(_BLOCK, arguments.files - arguments.block))
        return
    outcomes: Counter[str] = Counter()
    slowest, largest, begin = 0.0, 0.0, time.perf_counter()
    for first in range(0, arguments.files, _BLOCK):
        command = [sys.executable, __file__, "--seed", str(arguments.seed), "--files", str(arguments.files)]
        try:
            done = subprocess.run(
                [*command, "--block", str(first)], capture_output=True, text=True, check=False, timeout=_SECONDS
            )
            facts = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
            wrong = f"exit code {done.returncode}, {done.stderr[-2000:]}"
        except subprocess.TimeoutExpired:
            facts, wrong = None, "did not end"
        if facts is None:
            outcomes["process died or hung"] += 1
            print(f"block {first}: {wrong}", file=sys.stderr)
            continue
        outcomes.update(facts["outcomes"])
        slowest, largest = max(slowest, facts["slowest"]), max(largest, facts["memory"])
        for number in facts["wrong"]:
            print(f"file {number}: see the traceback with read_image", file=sys.stderr)
            if arguments.keep is not None:
                (arguments.keep / f"{number}.bin").write_bytes(changed_file(arguments.seed, number)[1])
    print(f"{arguments.files} files, seed {arguments.seed}, {time.perf_counter() - begin:.0f} s")
    for outcome, count in sorted(outcomes.items()):
        print(f"  {outcome}: {count}")
    print(f"  slowest file: {slowest:.2f} s; largest resident set of a process: {largest:.0f} MB")


def read_block(seed: int, first: int, count: int) -> None:
    """Read a block of the files in this process, and print the outcomes."""
    outcomes: Counter[str] = Counter()
    slowest, wrong = 0.0, []
    for number in range(first, first + count):
        kind, content = changed_file(seed, number)
        begin = time.perf_counter()
        try:
            read_image(Path(kind), content)
            outcomes["read"] += 1
        except ImageError as error:
            outcomes["refused with a sentence" if "\n" not in str(error) else "refused with more than a line"] += 1
        except Exception:
            outcomes["traceback"] += 1
            wrong.append(number)
        slowest = max(slowest, time.perf_counter() - begin)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"outcomes": outcomes, "slowest": slowest, "memory": memory, "wrong": wrong}))


def changed_file(seed: int, number: int) -> tuple[str, bytes]:
    """Return a changed file, and its kind before."""
    chance = random.Random(f"{seed} {number}")
    names = sorted(_WHOLE)
    kind = names[number % len(names)]
    content = bytearray(_WHOLE[kind])
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        _CHANGES[chance.randrange(len(_CHANGES))](content, chance)
    return kind, bytes(content)


def _change_bytes(content: bytearray, chance: random.Random) -> None:
    # Headers decide more than pixels, so half of the changes go there.
    end = len(content) if chance.random() < 0.5 else min(len(content), 200)
    if end:
        content[chance.randrange(end)] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))


def _change_length(content: bytearray, chance: random.Random) -> None:
    if len(content) > 8:
        place = chance.randrange(len(content) - 4)
        value = chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000, chance.randrange(2**32)))
        content[place : place + 4] = value.to_bytes(4, chance.choice(("big", "little")))


def _cut_end(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content) + 1) :]


def _repeat_span(content: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(content) + 1)
    span = content[begin : begin + chance.randrange(1, 64)]
    content[begin:begin] = span * chance.randrange(1, 4)


def _remove_span(content: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(content) + 1)
    del content[begin : begin + chance.randrange(1, 32)]


_CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _change_bytes,
    _change_bytes,
    _change_bytes,
    _change_length,
    _change_length,
    _cut_end,
    _repeat_span,
    _remove_span,
)


def _whole_files() -> dict[str, bytes]:
    """Return a small file of every format and kind."""
    values = np.random.default_rng(0).integers(0, 256, (12, 16, 4), dtype=np.uint8)
    picture = Image.fromarray(values)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    exif[0x8769], exif[0x8825] = {0x829A: 0.01}, {1: "N"}
    described = exif.tobytes()

    def saved(mode: str, name: str, **options: Any) -> bytes:  # noqa: ANN401 (Pillow's)
        image = picture.convert("RGB").convert(mode) if mode not in ("RGBA", "LA") else picture.convert(mode)
        image.save(buffer := io.BytesIO(), name, **options)
        return buffer.getvalue()

    def tiff(array: np.ndarray, **options: Any) -> bytes:  # noqa: ANN401 (tifffile's)
        buffer: BinaryIO = io.BytesIO()
        tifffile.imwrite(buffer, array, **options)
        buffer.seek(0)
        return buffer.read()

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    def thumbnail() -> bytes:
        buffer: BinaryIO = io.BytesIO()
        with tifffile.TiffWriter(buffer) as writer:
            writer.write(values[..., :3], photometric="rgb", metadata=None)
            writer.write(values[::2, ::2, :3], photometric="rgb", metadata=None, subfiletype=1)
        buffer.seek(0)
        return buffer.read()

    several = {"save_all": True, "append_images": [picture.convert("RGB").rotate(180)], "duration": 50}
    deep = values.astype(np.uint16) * 257
    ground = [
        (42113, 2, 0, "7", True),
        (33550, 12, 3, (30.0, 30.0, 0.0), True),
        (33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), True),
        (34735, 3, 8, (1, 1, 0, 1, 1025, 0, 1, 2), True),
    ]
    files = {
        f"{name} {mode}": saved(mode, name, icc_profile=profile, exif=described)
        for name in ("PNG", "WEBP", "TIFF")
        for mode in ("RGB", "RGBA")
    }
    files |= {f"PNG {mode}": saved(mode, "PNG") for mode in ("1", "L", "LA", "P")}
    files |= {f"TIFF {mode}": saved(mode, "TIFF") for mode in ("1", "CMYK", "LAB")}
    files |= {
        f"TIFF {how}": saved("RGB", "TIFF", compression=how) for how in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")
    }
    files |= {f"JPEG {mode}": saved(mode, "JPEG", icc_profile=profile, exif=described) for mode in ("RGB", "L", "CMYK")}
    files |= {"JPEG progressive": saved("RGB", "JPEG", progressive=True), "AVIF": saved("RGBA", "AVIF", exif=described)}
    files |= {f"animated {name}": saved("RGB", name, **several) for name in ("PNG", "GIF", "WEBP", "AVIF")}
    files |= {
        "GIF": saved("P", "GIF"),
        "BMP": saved("RGB", "BMP"),
        "BMP P": saved("P", "BMP"),
        "PPM": saved("RGB", "PPM"),
    }
    files |= {f"PNG 16 bit {n}": bytes(imagecodecs.png_encode(np.ascontiguousarray(deep[..., :n]))) for n in (3, 4)}
    files |= {
        "TIFF 16 bit": tiff(deep[..., :3], photometric="rgb", compression="zlib", predictor=2),
        "TIFF 16 bit tiles": tiff(deep, photometric="rgb", tile=(16, 16), compression="lzw"),
        "TIFF float": tiff(values.astype(np.float32), photometric="rgb", compression="zlib", predictor=3),
        "BigTIFF": tiff(deep[..., 0], bigtiff=True),
        "TIFF of a thumbnail": thumbnail(),
        "GeoTIFF": tiff(values.astype(np.float32)[..., 0], metadata=None, extratags=ground),
        "GeoTIFF 8 bit": tiff(values[..., :3], photometric="rgb", metadata=None, extratags=ground),
        "animated PNG, over": saved("RGBA", "PNG", **several, blend=1, disposal=2),
    }
    bodies = {
        b"gAMA": bytes(4),
        b"cHRM": bytes(32),
        b"cICP": bytes((12, 13, 0, 1)),
        b"pHYs": struct.pack(">IIB", 2, 1, 0),
    }
    chunks = b"".join(chunk(*pair) for pair in bodies.items())
    files |= {f"{name}, chunks": files[name][:33] + chunks + files[name][33:] for name in ("PNG RGB", "PNG 16 bit 3")}
    return files


_WHOLE = _whole_files()


if __name__ == "__main__":
    main()
