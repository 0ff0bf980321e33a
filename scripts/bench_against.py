"""Time this checkout against an earlier commit: pictures in process, one picture as a process, a folder as a process.

Protocol: both versions run in turn, each time in a process of its own; the earlier one lies in a temporary worktree. In
process: encode and render a random picture to a float tensor, median of 15 calls after five unmeasured ones, then the
median over the runs. The earlier version computes in fp32; this one keeps freed memory, as its command line does.
Processes: from start to exit with the precision of their choice, PNG files in and out. The folder holds parts of
photographs, shrunk by 2 to 6.

    python scripts/bench_against.py REVISION [--model photo-tiny] [--runs 5] [--images 1000] [--photos FOLDER]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from amortized_sr.benchmark.machine import describe_machine

_ROOT = Path(__file__).parents[1]

_IN_PROCESS = """
import statistics, sys, time, torch
import amortized_sr
from amortized_sr import Upscaler
if hasattr(amortized_sr, "keep_freed_memory"):
    amortized_sr.keep_freed_memory()
model, precision, side, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
upscaler = Upscaler.from_pretrained(model, device="cpu", precision=precision)
image, times = torch.rand(1, 3, side, side), []
with torch.inference_mode():
    for _ in range(20):
        begin = time.perf_counter()
        upscaler.encode(image).render((size, size))
        times.append(time.perf_counter() - begin)
print(statistics.median(times[5:]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision")
    parser.add_argument("--model", default="photo-tiny")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument(
        "--photos", type=Path, default=_ROOT / "examples", help="folder of JPEG files of 400 pixels or more"
    )
    arguments = parser.parse_args()
    print(f"{describe_machine()}\n")
    print("| job | before, s | now, s | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        git = ["git", "-C", str(_ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(before), arguments.revision], check=True)
        try:
            _measure(before, Path(folder), arguments)
        finally:
            subprocess.run([*git, "remove", "--force", str(before)], check=True)


def _measure(before: Path, folder: Path, arguments: argparse.Namespace) -> None:
    for side, size in ((256, 1024), (256, 947), (32, 1024)):
        for precision in ("fp32", "bf16"):
            commands = {
                where: ["-c", _IN_PROCESS, arguments.model, chosen, str(side), str(size)]
                for where, chosen in ((before, "fp32"), (_ROOT, precision))
            }
            times = _in_turn(commands, arguments.runs, lambda where, command: float(_run(where, command)))
            _print_row(f"{side} -> {size} in process, {precision}", times)
    random, photographs = np.random.default_rng(0), sorted(arguments.photos.glob("*.jpg"))
    one, many = folder / "one.png", folder / "many"
    _part_of_a_photograph(random, photographs).save(one)
    upscale = ["-m", "amortized_sr", "upscale", "-q", "--overwrite", "-n", arguments.model]
    command = [*upscale, str(one), "-s", "8", "-o", str(folder / "large.png")]
    _print_row("64 -> 512, a process", _in_turn(dict.fromkeys((before, _ROOT), command), arguments.runs, _timed))
    many.mkdir()
    for number in range(arguments.images):
        _part_of_a_photograph(random, photographs).save(many / f"{number:05d}.png")
    command = [*upscale, str(many), "-s", "4", "-o", str(folder / "outputs")]
    times = _in_turn(dict.fromkeys((before, _ROOT), command), min(arguments.runs, 3), _timed)
    _print_row(f"{arguments.images:,} pictures, 64 -> 256, a process", times)


def _in_turn(commands: dict[Path, list[str]], runs: int, measure: Callable[[Path, list[str]], float]) -> list[float]:
    """Return the median of what each command takes, by its checkout; the first run of each is not counted."""
    times: dict[Path, list[float]] = {where: [] for where in commands}
    for run in range(runs + 1):
        for where, command in commands.items():
            seconds = measure(where, command)
            if run:
                times[where].append(seconds)
    return [statistics.median(values) for values in times.values()]


def _run(where: Path, command: list[str]) -> str:
    environment = {**os.environ, "PYTHONPATH": str(where)}
    return subprocess.run(
        [sys.executable, *command], check=True, env=environment, cwd=where, stdout=subprocess.PIPE, text=True
    ).stdout


def _timed(where: Path, command: list[str]) -> float:
    begin = time.perf_counter()
    _run(where, command)
    return time.perf_counter() - begin


def _part_of_a_photograph(random: np.random.Generator, photographs: list[Path]) -> Image.Image:
    """Return a picture of 64x64 pixels."""
    photograph = Image.open(photographs[random.integers(len(photographs))])
    side = int(random.integers(128, min(384, *photograph.size)))
    left, top = (int(random.integers(0, limit - side)) for limit in photograph.size)
    return photograph.crop((left, top, left + side, top + side)).resize((64, 64), Image.Resampling.LANCZOS)


def _print_row(job: str, times: list[float]) -> None:
    before, now = times
    print(f"| {job} | {before:.4f} | {now:.4f} | {now / before:.2f} |", flush=True)


if __name__ == "__main__":
    main()
