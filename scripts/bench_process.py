"""Time whole processes: `amortized-sr upscale` (32x32 -> 1024x1024, PNG out) against `python -c "import torch"`.

Protocol: wall time from start to exit, all cases in turn, median of the runs after one unmeasured one.

    python scripts/bench_process.py [--runs 9]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "small.png", Path(folder) / "large.png"
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(source)
        program = [sys.executable, "-m", "amortized_sr"]
        upscale = [*program, "upscale", str(source), "--size", "1024x1024", "-o", str(result), "--overwrite"]
        cases = {
            'python -c "import torch"': [sys.executable, "-c", "import torch"],
            "amortized-sr upscale, 32 -> 1024, PNG": [*upscale, "-q"],
            "the same, --engine torch": [*upscale, "-q", "--engine", "torch"],
            "amortized-sr --help": [*program, "--help"],
            "amortized-sr upscale --help": [*program, "upscale", "--help"],
        }
        times: dict[str, list[float]] = {name: [] for name in cases}
        for run in range(arguments.runs + 1):
            for name, command in cases.items():
                begin = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                if run:
                    times[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(values) for name, values in times.items()}
    reference = next(iter(medians.values()))
    print("| process | seconds | times `import torch` |\n|---|---|---|")
    for name, seconds in medians.items():
        print(f"| {name} | {seconds:.2f} | {seconds / reference:.2f} |")


if __name__ == "__main__":
    main()
