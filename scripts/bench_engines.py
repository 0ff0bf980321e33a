"""Time whole processes of `amortized-sr upscale` with each engine, PNG to PNG: which one `auto` should take.

Protocol: a photograph in bundled weights `photo-tiny`, on the CPU; wall and CPU seconds from start to exit and the
largest resident set, engines in turn, medians of the runs after one unmeasured one. CPU seconds are those of all
threads; on a busy machine they say more. The last column is the engine that `auto` took.

    python scripts/bench_engines.py [--sizes 16 32 64 128 256 384 512 1024] [--scale 4] [--runs 5]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "kitten_1024.jpg"
ENGINES = ("torch", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[16, 32, 64, 128, 256, 384, 512, 1024])
    parser.add_argument("--scale", type=float, default=4)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, x{arguments.scale:g}; seconds wall / CPU / MiB\n")
    print(f"| input | {' | '.join(ENGINES)} | numpy / torch, wall / CPU | auto |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "small.png"
        for size in arguments.sizes:
            with Image.open(EXAMPLE) as kitten:
                kitten.convert("RGB").resize((size, size)).save(source)
            command = [sys.executable, "-m", "amortized_sr", "upscale", str(source), "-s", str(arguments.scale)]
            command += ["--device", "cpu", "--overwrite", "-v", "--memory", "4G"]
            measured: dict[str, list[tuple[float, float, float]]] = {engine: [] for engine in ENGINES}
            for run in range(arguments.runs + 1):
                for engine in ENGINES:
                    facts = measure([*command, "--engine", engine])
                    if run or arguments.runs == 0:
                        measured[engine].append(facts)
            medians = {
                name: [statistics.median(part) for part in zip(*runs, strict=True)] for name, runs in measured.items()
            }
            cells = [f"{wall:.2f} / {cpu:.2f} / {peak:.0f}" for wall, cpu, peak in medians.values()]
            ratios = [medians["numpy"][part] / medians["torch"][part] for part in (0, 1)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            taken = "numpy" if "by numpy" in told else "torch"
            print(f"| {size}x{size} | {' | '.join(cells)} | {ratios[0]:.2f} / {ratios[1]:.2f} | {taken} |", flush=True)


def measure(command: list[str]) -> tuple[float, float, float]:
    """Run a command, and return its wall seconds, its CPU seconds and its largest resident set in MiB."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
