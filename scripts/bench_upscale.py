"""Time and memory of `amortized-sr upscale`: huge outputs, a folder of small images, and where the time goes.

Protocol: bundled weights `photo-tiny`, CPU, by default in the precision that is chosen there. Huge outputs are whole
processes (start, weights, encoding, drawing, compressing, fsync), one run each; peak memory is the process' largest
resident set. The folder is done in this process after one warm-up, and by a loop that enlarges with Pillow's Lanczos
filter and uses the same reader and writer; medians of three runs in turn. Stages are medians of seven runs. Freed
memory is kept, as by the command line.

    python scripts/bench_upscale.py [--sizes 4096 8192 16384] [--images 1000] [--precision auto]
"""

import argparse
import contextlib
import io
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from PIL import Image

from amortized_sr.batch.inputs import Input
from amortized_sr.batch.options import BatchOptions
from amortized_sr.batch.plan import BatchPlan, Job
from amortized_sr.batch.report import Report
from amortized_sr.batch.run import run
from amortized_sr.benchmark.machine import describe_machine
from amortized_sr.choices import Precision
from amortized_sr.compute import Compute
from amortized_sr.devices import choose_precision
from amortized_sr.freed_memory import keep_freed_memory
from amortized_sr.image_io.atomic import replacing
from amortized_sr.image_io.depths import quantised
from amortized_sr.image_io.formats import FORMATS
from amortized_sr.image_io.image_file import Metadata, Output
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import write_strips
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.sizes import SizeRequest
from amortized_sr.upscaler import Upscaler

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "kitten_1024.jpg"
PNG = FORMATS["png"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[4096, 8192, 16384])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--precision", choices=get_args(Precision), default="auto")
    arguments = parser.parse_args()
    keep_freed_memory()
    print(f"{describe_machine()}; precision {choose_precision(arguments.precision, torch.device('cpu'))}\n")
    with tempfile.TemporaryDirectory() as folder:
        measure_huge(Path(folder), arguments.sizes, arguments.precision)
        measure_folder(Path(folder), arguments.images, arguments.precision)
        measure_stages(Path(folder), arguments.precision)


def measure_huge(folder: Path, sizes: list[int], precision: Precision) -> None:
    source = folder / "source.png"
    with Image.open(EXAMPLE) as kitten:
        kitten.convert("RGB").resize((512, 512)).save(source)
    print("| 512x512 to | file | seconds | Mpixel/s | peak memory, MB | file, MB |\n|---|---|---|---|---|---|")
    for size in sizes:
        for suffix, name in (("tif", "BigTIFF" if 3 * size**2 > 3 * 2**30 else "TIFF"), ("png", "PNG")):
            place = folder / f"large.{suffix}"
            command = [sys.executable, "-m", "amortized_sr", "upscale", str(source), "--size", f"{size}x{size}"]
            command += ["--precision", precision]
            begin = time.perf_counter()
            memory = _peak([*command, "-o", str(place), "-q", "--device", "cpu"])
            seconds = time.perf_counter() - begin
            written = place.stat().st_size / 1e6
            print(f"| {size}x{size} | {name} | {seconds:.1f} | {size**2 / 1e6 / seconds:.1f} | {memory:.0f} | ", end="")
            print(f"{written:.1f} |", flush=True)
            place.unlink()
    print()


# A process counts the pages of the one that it came from, and this one has torch in memory.
_LAUNCHER = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def _peak(command: list[str]) -> float:
    """Run a command, and return its largest resident set in MB (of 1,000,000 bytes)."""
    done = subprocess.run([sys.executable, "-c", _LAUNCHER, *command], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return int(done.stdout) * 1024 / 1e6


def measure_folder(folder: Path, count: int, precision: Precision) -> None:
    with Image.open(EXAMPLE) as kitten:
        picture = kitten.convert("RGB").resize((512, 512))
    jobs = []
    for number in range(count):
        path = folder / f"{number}.png"
        left, top = number * 37 % 448, number * 91 % 448
        picture.crop((left, top, left + 64, top + 64)).save(path)
        jobs.append(Job(Input(path, Path(path.name)), folder / f"{number}_x4.png"))
    compute = Compute("cpu", precision=precision)
    options = BatchOptions(PictureOptions(SizeRequest(scale=4)), "photo-tiny", compute, overwrite=True)
    plan = BatchPlan(jobs, manifest_folder=None, failures=[], notes=[])

    def upscale() -> None:
        report = Report(as_json=False, quiet=True, verbose=False)
        with contextlib.redirect_stdout(io.StringIO()):
            run(plan, options, report, limit_threads=True)

    def lanczos() -> None:
        for job in jobs:
            pixels = read_image(job.source.path).frames[0]
            large = np.array(Image.fromarray(pixels).resize((256, 256), Image.Resampling.LANCZOS))
            with replacing(job.output_path) as file:
                write_strips(file, Output(PNG, (256, 256), 3, "uint8", Metadata()), iter([large]))

    upscale()
    print(f"| {count} images of 64x64 to 256x256, PNG | seconds | images/s |\n|---|---|---|")
    cases: dict[str, Callable[[], None]] = {"`upscale`": upscale, "loop with Pillow's Lanczos filter": lanczos}
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(3):
        for name, case in cases.items():
            begin = time.perf_counter()
            case()
            times[name].append(time.perf_counter() - begin)
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"| {name} | {median:.1f} | {count / median:.0f} |")
    print()


def measure_stages(folder: Path, precision: Precision) -> None:
    upscaler = Upscaler.from_pretrained("photo-tiny", "cpu", precision=precision)
    print("| milliseconds | decode | encode (network) | render | quantise | write PNG |\n|---|---|---|---|---|---|")
    for small in (32, 256):
        source, place = folder / "small.png", folder / "drawn.png"
        with Image.open(EXAMPLE) as kitten:
            kitten.convert("RGB").resize((small, small)).save(source)
        runs = [list(_stages(upscaler, source, place)) for _ in range(8)][1:]
        medians = [1000 * statistics.median(stage) for stage in zip(*runs, strict=True)]
        print(f"| {small} -> 1024 | " + " | ".join(f"{value:.1f}" for value in medians) + " |")
    print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6:.0f} MB")


def _stages(upscaler: Upscaler, source: Path, place: Path) -> Iterator[float]:
    """Yield the seconds of each stage."""
    clock = time.perf_counter
    begin = clock()
    pixels = read_image(source).frames[0]
    yield clock() - begin
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div_(255)
    begin = clock()
    function = upscaler.encode(image)
    yield clock() - begin
    begin = clock()
    with torch.inference_mode():
        drawn = function.render((1024, 1024))
    yield clock() - begin
    begin = clock()
    result = quantised(drawn.numpy(), "uint8")
    yield clock() - begin
    begin = clock()
    with replacing(place) as file:
        write_strips(file, Output(PNG, (1024, 1024), 3, "uint8", Metadata()), iter([result]))
    yield clock() - begin


if __name__ == "__main__":
    main()
