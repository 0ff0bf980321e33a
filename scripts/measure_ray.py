"""Compare `upscale --engine ray` with the plain command: the same bytes, nothing lost, and how much longer it takes.

Protocol: PNG files of 64x64, cut from one photograph, to 256x256 with the bundled weights, in fp32 on the CPU. First
500 files, one of them broken, on two workers, of which one is killed with SIGKILL after 100 outputs: every other output
must equal the plain command's, byte for byte. The same for two large pictures, which the plain command draws with all
threads and a worker with one. Then files without a fault, both commands in turn, whole processes: the
overhead is Ray's time over the plain command's, less one. Needs Ray (the extra `ray`), Linux, and two processors.

    python scripts/measure_ray.py [--images 5000] [--runs 1] [--workers 2]
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "kitten_1024.jpg"
COMMAND = [sys.executable, "-m", "amortized_sr", "upscale"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores; load average before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        compare_with_faults(Path(folder) / "faults", arguments.workers)
        compare_large(Path(folder) / "large", arguments.workers)
        compare_times(Path(folder) / "times", arguments.images, arguments.runs, arguments.workers)


def cut_pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    with Image.open(EXAMPLE) as kitten:
        picture = kitten.convert("RGB").resize((512, 512))
    for number in range(count):
        left, top = number * 37 % 448, number * 91 % 448
        picture.crop((left, top, left + 64, top + 64)).save(folder / f"{number:06d}.png")


def upscale(source: Path, output: Path, *options: str) -> tuple[int, list[dict[str, object]], list[float]]:
    """Run the command; return its exit code, its rows, and the seconds until the first row and until its end."""
    words = [*COMMAND, str(source), "-o", str(output), "-s", "4", "--json", "--device", "cpu", "--precision", "fp32"]
    begin = time.perf_counter()
    process = subprocess.Popen([*words, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    lines, first = list[str](), 0.0
    for line in process.stdout:
        first = first or time.perf_counter() - begin
        lines.append(line)
    code = process.wait()
    return code, [json.loads(line) for line in lines], [first, time.perf_counter() - begin]


def kill_one(output: Path, stop: threading.Event, killed: list[int]) -> None:
    """Kill the first worker that is found once there are 100 outputs."""
    while not stop.is_set():
        if output.is_dir() and sum(1 for _ in output.glob("*.png")) >= 100:
            for status in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    is_worker = status.read_bytes().startswith(b"ray::MapWorker")
                except OSError:
                    continue
                if is_worker:
                    os.kill(int(status.parent.name), signal.SIGKILL)
                    killed.append(int(status.parent.name))
                    return
        time.sleep(0.05)


def compare_with_faults(folder: Path, workers: int) -> None:
    cut_pictures(folder / "in", 500)
    broken = folder / "in" / "000250.png"
    broken.write_bytes(broken.read_bytes()[:900])
    plain_code, plain_rows, _ = upscale(folder / "in", folder / "plain")
    stop, killed = threading.Event(), list[int]()
    killer = threading.Thread(target=kill_one, args=(folder / "ray", stop, killed))
    killer.start()
    code, rows, (_, seconds) = upscale(folder / "in", folder / "ray", "--engine", "ray", "--workers", str(workers))
    stop.set()
    killer.join()
    outputs = {path.name for path in (folder / "plain").glob("*.png")}
    same = sum((folder / "ray" / name).read_bytes() == (folder / "plain" / name).read_bytes() for name in outputs)
    others = {path.name for path in (folder / "ray").iterdir()} - outputs - {"_amortized_sr.jsonl"}
    print(f"500 files, 1 broken, {len(killed)} of {workers} workers killed, {seconds:.0f} s")
    print("| | exit code | rows | done | failed | files | equal bytes |\n|---|---|---|---|---|---|---|")
    for name, one, all_rows, equal in (("plain", plain_code, plain_rows, ""), ("ray", code, rows, str(same))):
        counts = [sum(row["status"] == status for row in all_rows) for status in ("done", "failed")]
        files = len(outputs) if name == "plain" else same + len(others)
        print(f"| {name} | {one} | {len(all_rows)} | {counts[0]} | {counts[1]} | {files} | {equal} |")
    if not killed or same != 499 or others or len(rows) != 500:
        raise SystemExit("the outputs differ, or no worker was killed")
    print(flush=True)


def compare_large(folder: Path, workers: int) -> None:
    (folder / "in").mkdir(parents=True)
    sides = 1100, 1400
    with Image.open(EXAMPLE) as kitten:
        for side in sides:
            kitten.convert("RGB").resize((side, side)).save(folder / "in" / f"{side}.png")
    for name, options in (("plain", []), ("ray", ["--engine", "ray", "--workers", str(workers)])):
        if upscale(folder / "in", folder / name, *options)[0]:
            raise SystemExit(f"{name}: the large pictures failed")
    plain, ray = ([(folder / name / f"{side}_x4.png").read_bytes() for side in sides] for name in ("plain", "ray"))
    equal = sum(one == other for one, other in zip(plain, ray, strict=True))
    print(f"1100x1100 and 1400x1400 at x4: {equal} of 2 equal, byte for byte\n", flush=True)


def compare_times(folder: Path, count: int, runs: int, workers: int) -> None:
    cut_pictures(folder / "in", count)
    seconds: dict[str, list[list[float]]] = {"plain": [], "ray": []}
    for run in range(runs):
        for name, options in (("plain", []), ("ray", ["--engine", "ray", "--workers", str(workers)])):
            code, rows, took = upscale(folder / "in", folder / f"{name}{run}", *options)
            if code or sum(row["status"] == "done" for row in rows) != count:
                raise SystemExit(f"{name}: exit code {code}, {len(rows)} rows of {count}")
            seconds[name].append(took)
    print(f"{count} files, medians of {runs} runs")
    print("| | first row after, s | seconds | images/s | overhead |\n|---|---|---|---|---|")
    medians = {
        name: [statistics.median(column) for column in zip(*runs, strict=True)] for name, runs in seconds.items()
    }
    (first, plain), (ray_first, ray) = medians["plain"], medians["ray"]
    print(f"| plain | {first:.1f} | {plain:.1f} | {count / plain:.1f} | |")
    overhead = f"{ray / plain - 1:+.0%}"
    print(f"| ray, {workers} workers | {ray_first:.1f} | {ray:.1f} | {count / ray:.1f} | {overhead} |")


if __name__ == "__main__":
    main()
