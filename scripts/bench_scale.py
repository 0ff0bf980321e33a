"""Measure what many images cost, and compute what 1 million, 100 million and 10 billion of them would cost.

Protocol: PNG files of 64x64, cut from one photograph, to 256x256 with the bundled weights `photo-tiny`, on the CPU, in
whole processes; one run each. `plain` is `amortized-sr upscale`; `4 shards` the same in four processes one after
another, as on four machines; `ray` is `--engine ray` (left out where Ray is not installed). Planning, the manifest and
the index of shards are measured on names and numbers alone, by the growth of the process. All the rest is computed from
these figures: machine-hours are images over images a second, money is machine-hours times a price that is assumed,
bytes are those of these outputs. No larger batch than the measured one was run.

    python scripts/bench_scale.py [--images 1000] [--names 100000] [--price 0.10]
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure_ray import cut_pictures

from amortized_sr.batch.manifest import Manifest
from amortized_sr.batch.options import BatchOptions
from amortized_sr.batch.plan import plan_batch
from amortized_sr.data.order import ShuffledOrder
from amortized_sr.data.shard_files import FolderShards
from amortized_sr.data.shard_set import Shard, ShardSet, shard_name
from amortized_sr.data.sharded_store import ShardedStore
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.sizes import SizeRequest

COUNTS = {"1 M": 10**6, "100 M": 10**8, "10 G": 10**10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--price", type=float, default=0.10, help="of a machine like this one for an hour; assumed")
    arguments = parser.parse_args()
    print(f"measured on {os.cpu_count()} cores; load average before: {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        measure_speed(Path(folder) / "speed", arguments.images, arguments.price)
        measure_names(Path(folder) / "names", arguments.names)
    measure_index(10 * arguments.names)


def measure_speed(folder: Path, count: int, price: float) -> None:
    cut_pictures(folder / "in", count)
    # The fixed options of a batch on machines that must agree.
    fixed = ["-s", "4", "--quiet", "--device", "cpu", "--precision", "fp32"]
    engines: dict[str, list[list[str]]] = {
        "plain": [[]],
        "4 shards": [["--shard", f"{part}/4"] for part in range(1, 5)],
    }
    if importlib.util.find_spec("ray"):
        engines["ray"] = [["--engine", "ray"]]
    seconds: dict[str, float] = {}
    for name, parts in engines.items():
        begin = time.perf_counter()
        for part in parts:
            command = [sys.executable, "-m", "amortized_sr", "upscale", str(folder / "in"), "-o", str(folder / name)]
            subprocess.run([*command, *fixed, *part], check=True)
        seconds[name] = time.perf_counter() - begin
    outputs = list((folder / "plain").glob("*.png"))
    size = sum(path.stat().st_size for path in outputs) / len(outputs)
    print(f"{count} images, {size:,.0f} bytes each, at {price:.2f} for a machine-hour (assumed)")
    print("| | images/s (measured) |", "".join(f" {name}: machine-hours / price |" for name in COUNTS))
    print("|---|---|", "---|" * len(COUNTS), sep="")
    for name, took in seconds.items():
        hours = [many / (count / took) / 3600 for many in COUNTS.values()]
        cells = "".join(f" {hour:,.0f} / {hour * price:,.0f} |" for hour in hours)
        print(f"| {name} | {count / took:.1f} |{cells}")
    print("| outputs, TB | |" + "".join(f" {many * size / 1e12:,.2f} |" for many in COUNTS.values()), "\n", flush=True)


def measure_names(folder: Path, count: int) -> None:
    """Measure planning and manifest on files that are not read."""
    inputs = folder / "in"
    for number in range(count):
        if number % 1000 == 0:
            (inputs / f"{number // 1000:05d}").mkdir(parents=True)
        (inputs / f"{number // 1000:05d}" / f"{number:09d}.png").touch()
    options = BatchOptions(PictureOptions(SizeRequest(4.0)))
    plan, seconds, size = grown(lambda: plan_batch([inputs], options, folder / "out", recursive=True))
    manifest = Manifest(folder / "out", {"weights": "0" * 64, **options.fingerprint()})
    begin = time.perf_counter()
    for job in plan.jobs:
        manifest.add(job.source.path, job.output_path, {"width": 256, "height": 256, "engine": "torch"})
    adding = time.perf_counter() - begin
    line = (folder / "out" / "_amortized_sr.jsonl").stat().st_size / count
    _, reading, held = grown(lambda: Manifest(folder / "out", {}))
    print(f"{count:,} names, nothing is drawn")
    print("| for each image | microseconds | bytes of memory | bytes on disk |\n|---|---|---|---|")
    print(f"| plan: find, name, compare | {1e6 * seconds / count:.0f} | {size / count:,.0f} | |")
    print(f"| manifest: add a line | {1e6 * adding / count:.0f} | | {line:.0f} |")
    print(f"| manifest: read it to resume | {1e6 * reading / count:.0f} | {held / count:,.0f} | |\n", flush=True)


def measure_index(count: int) -> None:
    """Measure what a process holds of a set of shards, whose files are not there."""
    per_shard = 1365  # 256x256 in colour, 256 MiB
    shards = []
    for number, first in enumerate(range(0, count, per_shard)):
        images = min(per_shard, count - first)
        shards.append(Shard(shard_name(number), images, 196_608 * images + 128, "0" * 64, "0" * 64))
    sizes = np.full((count, 2), 256, dtype=np.uint32)
    known = ShardSet("nowhere", 3, tuple(shards), sizes, np.ones(256, dtype=np.int64), {})
    store = ShardedStore(known, FolderShards(Path("nowhere")), 8)
    held = sum(part.nbytes for part in vars(store).values() if isinstance(part, np.ndarray))
    order = ShuffledOrder(store.groups, 8, 0)
    begin = time.perf_counter()
    for number in range(2000):
        order.place(number * 997)
    placing = time.perf_counter() - begin
    description = len(json.dumps([shard.__dict__ for shard in shards]))
    print(f"{count:,} images in {len(shards):,} shards of 256 MiB, index only")
    print("| | bytes for each image |\n|---|---|")
    print(f"| memory of a process | {(held + sizes.nbytes) / count:.0f} |")
    print(f"| manifest and sizes on disk | {(description + sizes.nbytes) / count:.1f} |")
    print(f"\nfinding the image of a sample: {1e6 * placing / 2000:.0f} microseconds")


def grown(action: Callable[[], Any]) -> tuple[Any, float, int]:
    """Return what an action returns, its seconds, and by how many bytes the process' largest resident set has grown."""
    before, begin = _resident(), time.perf_counter()
    result = action()
    return result, time.perf_counter() - begin, max(0, _resident() - before)


def _resident() -> int:
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
