"""Names the machine, and measures time, peak memory and multiply-adds of pieces of work."""

import contextlib
import ctypes
import gc
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


@dataclass
class PeakMemory:
    """Rise of the process' memory during a block; None where the system cannot measure it."""

    mebibytes: float | None = None


@contextlib.contextmanager
def peak_memory() -> Iterator[PeakMemory]:
    """Measure the block's peak of resident memory; works on Linux, which can reset the high-water mark."""
    result = PeakMemory()
    try:
        # Memory that the allocator keeps from earlier work would hide the need of this work.
        gc.collect()
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
        # 5 resets the high-water mark of the resident set: see proc_pid_clear_refs(5).
        _CLEAR.write_text("5")
        before = _status("VmRSS")
    except OSError:
        yield result
        return
    yield result
    result.mebibytes = max(0.0, (_status("VmHWM") - before) / 1024)


def interleaved_medians(cases: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Return each case's median time in seconds, of runs in turn: a busy moment of the machine meets all cases.

    Three unmeasured runs of each come first.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    for run in range(runs + 3):
        for name, case in cases.items():
            begin = time.perf_counter()
            case()
            if run >= 3:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def multiply_adds(work: Callable[[], object]) -> int:
    """Return the number of multiply-adds in the convolutions and matrix products of a piece of work."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() // 2


def describe_machine() -> str:
    """Return processor, threads, GPU and torch version, to print above a table of times."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
    devices = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    threads = torch.get_num_threads()
    return ", ".join(
        [f"{processor}, {threads} thread{'s' if threads > 1 else ''}", *devices, f"torch {torch.__version__}"]
    )


def _status(name: str) -> int:
    """Return a number of kibibytes of the process' status."""
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines[name].split()[0])
