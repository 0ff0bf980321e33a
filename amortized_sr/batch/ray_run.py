"""Runs a batch on the workers of Ray, on this machine or on a cluster.

Ray Data schedules paths, not pixels. A worker reads, draws and writes one file after another, and returns a result for
each, and skips complete outputs. So nothing depends on what Ray remembers, and Ray may retry.
"""

import contextlib
import logging
import os
import secrets
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from amortized_sr.batch.engines import UnusableError
from amortized_sr.batch.manifest import Manifest
from amortized_sr.batch.options import BatchOptions
from amortized_sr.batch.plan import BatchPlan, Job
from amortized_sr.batch.ray_worker import Result, Task, Worker
from amortized_sr.batch.report import Report
from amortized_sr.batch.run import open_manifest, reason_to_skip
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.writing import named_write_errors
from amortized_sr.stores import store_at

Schedule = Callable[[list[Task], int], Iterable[tuple[int, str]]]
"""Has tasks done, so many at a time by each worker; yields numbers and results as text, in any order; may lose some."""

# A task of Ray takes some milliseconds besides its files; a killed worker costs the files of its task.
_FILES_PER_TASK = 16

_STORE_BYTES = 100 * 2**20


@final
@dataclass(frozen=True)
class Cluster:
    """Where a batch runs.

    Attributes:
        workers: How many processes upscale.
        place: Address of the store that gets the outputs; None writes to the plan's paths.
        folder: The folder below which the plan has the outputs of that store.
        begin: Called once in each worker's process.
    """

    workers: int
    place: str | None = None
    folder: Path | None = None
    begin: Callable[[], None] | None = None


def run_on_ray(plan: BatchPlan, options: BatchOptions, report: Report, cluster: Cluster) -> None:
    """Upscale every input that is not done yet on Ray's workers, and report each result when it comes.

    The variable RAY_ADDRESS names a cluster that runs already; without it, Ray starts on this machine and ends with
    the batch.

    Raises:
        UnusableError: If Ray, the model, the device, the engine, the manifest or the store cannot be used.
    """
    check_ray()
    manifest = open_manifest(plan, options) if cluster.place is None else None
    rest = _to_do(plan, options, report, manifest, cluster)
    if not rest:
        return
    # Ray prints there what it notices of workers that died, among the rows.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), _ray(cluster.workers) as gpus:
        worker = (options, len(plan.jobs), secrets.token_hex(8), cluster.place, cluster.begin)
        report.detail(f"model {options.model} on {cluster.workers} workers of Ray, in each by its own choice")

        def schedule(tasks: list[Task], at_once: int) -> Iterator[tuple[int, str]]:
            return _scheduled(tasks, at_once, cluster.workers, gpus, worker)

        collect(rest, schedule, report, manifest, cluster)


def check_ray() -> None:
    """Check that Ray is installed, and set its variables, in this process, where they are not set.

    Raises:
        UnusableError: If it is not.
    """
    # Before the import, which reads them: nobody is told of this run, its lines are ours, and without a cluster, nobody
    # else reaches it.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_worker_niceness", "0")
    if "RAY_ADDRESS" not in os.environ:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray.data  # noqa: F401 (whether it works) # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UnusableError('the engine ray needs Ray; install it with: pip install "amortized-sr[ray]"') from None


def collect(
    rest: dict[int, Job], schedule: Schedule, report: Report, manifest: Manifest | None, cluster: Cluster
) -> None:
    """Have jobs done and report each exactly once; empties `rest`.

    What comes back without a result, because Ray failed, is tried again once, one file at a time.

    Args:
        rest: The jobs by their numbers in the plan.
        schedule: Has tasks done.
        report: Gets the results.
        manifest: Gets the outputs.
        cluster: Where the jobs run.

    Raises:
        UnusableError: If a worker cannot use the model, the device or the engine.
    """
    at_once = max(1, min(_FILES_PER_TASK, len(rest) // (8 * cluster.workers)))
    problem = "no result came back"
    for files in (at_once, 1):
        tasks = [_task(number, job, cluster) for number, job in rest.items()]
        try:
            for number, text in schedule(tasks, files):
                # A task that was retried may give a result twice.
                if number in rest:
                    _report(number, rest[number], Result.from_json(text), report, manifest, cluster)
                    del rest[number]
        except (UnusableError, BrokenPipeError):
            raise
        except Exception as error:
            problem = f"no result came back, Ray failed ({' '.join(str(error).split())[:200]})"
        if not rest:
            return
    for job in rest.values():
        remedy = "resume the batch, or upscale this file without Ray"
        report.failed(job.source.shown, ImageError(job.source.shown, problem, remedy))
    rest.clear()


def _to_do(
    plan: BatchPlan, options: BatchOptions, report: Report, manifest: Manifest | None, cluster: Cluster
) -> dict[int, Job]:
    """Return the jobs whose outputs are not complete, by their numbers, and report the others."""
    present: dict[str, int] = {}
    if cluster.place is not None and not options.overwrite:
        try:
            present = store_at(cluster.place).sizes()
        except ImageError as error:
            raise UnusableError(str(error)) from None
    rest: dict[int, Job] = {}
    for number, job in enumerate(plan.jobs):
        if cluster.place is None:
            why = reason_to_skip(job, options, manifest)
        else:
            exists = ImageError(_shown_output(job, cluster), "exists", "overwrite it to replace it", "overwrite")
            why = exists if present.get(_output(job, cluster)) else None
        if why is None:
            rest[number] = job
        else:
            report.skipped(job.source.shown, _shown_output(job, cluster), why)
    return rest


def _output(job: Job, cluster: Cluster) -> str:
    if cluster.place is None:
        return str(job.output_path.absolute())
    assert cluster.folder is not None
    return job.output_path.relative_to(cluster.folder).as_posix()


def _shown_output(job: Job, cluster: Cluster) -> Path | str:
    return job.output_path if cluster.place is None else store_at(cluster.place).where(_output(job, cluster))


def _task(number: int, job: Job, cluster: Cluster) -> Task:
    # Workers are in other folders.
    source = job.source.address or str(job.source.path.absolute())
    return Task(number, source, _output(job, cluster))


def _report(number: int, job: Job, result: Result, report: Report, manifest: Manifest | None, cluster: Cluster) -> None:
    if result.unusable is not None:
        raise UnusableError(result.unusable)
    try:
        if result.failed is not None:
            path, problem, remedy, setting = result.failed
            task = _task(number, job, cluster)
            shown = {task.source: job.source.shown, task.output: _shown_output(job, cluster)}.get(path, path)
            raise ImageError(shown, problem, remedy, setting)
        finished = result.finished
        assert finished is not None
        if manifest is not None:
            with named_write_errors(job.output_path):
                manifest.add(job.source.shown, job.output_path, finished.drawn)
    except ImageError as error:
        report.failed(job.source.shown, error)
        return
    sizes = finished.image_size, finished.size
    shown = _shown_output(job, cluster)
    report.done(job.source.shown, shown, *sizes, finished.seconds, finished.notices, finished.strengths)


@contextlib.contextmanager
def _ray(workers: int) -> Iterator[int]:
    """Start Ray, or join the cluster that RAY_ADDRESS names; return how many GPUs it has."""
    import ray  # pyright: ignore[reportMissingImports]
    import ray.data  # pyright: ignore[reportMissingImports]

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    address = os.environ.get("RAY_ADDRESS")
    local: dict[str, Any] = {
        "address": "local",
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }
    try:
        with _silent_stderr():
            ray.init(**({} if address else local), logging_level=logging.CRITICAL, log_to_driver=False)
    except Exception as error:
        where = f"join the cluster {address}" if address else "start on this machine"
        raise UnusableError(f"Ray cannot {where} ({' '.join(str(error).split())[:200]})") from None
    finally:
        # Ray replaces them.
        for number, handler in handlers.items():
            signal.signal(number, handler)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A task that is lost with its worker must not end the others; `collect` misses its results.
    context.max_errored_blocks = -1
    try:
        yield int(ray.cluster_resources().get("GPU", 0))
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep Ray's part in C++ from writing its settings to the terminal; errors are exceptions."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _scheduled(
    tasks: list[Task], at_once: int, workers: int, gpus: int, worker: tuple[Any, ...]
) -> Iterator[tuple[int, str]]:
    import ray.data  # pyright: ignore[reportMissingImports]

    rows = ray.data.from_items([asdict(task) for task in tasks], override_num_blocks=-(-len(tasks) // at_once))
    results = rows.map_batches(
        Worker,
        fn_constructor_args=worker,
        batch_size=at_once,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=min(1.0, gpus / workers) if gpus else None,
    )
    for row in results.iter_rows():
        yield int(row["number"]), str(row["result"])
