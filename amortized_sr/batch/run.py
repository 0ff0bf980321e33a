"""Runs a batch: reads, draws and writes at the same time; an input that fails does not stop the others."""

import contextlib
import functools
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

from amortized_sr.batch.manifest import Manifest
from amortized_sr.batch.options import BatchOptions, Bounds
from amortized_sr.batch.plan import BatchPlan, Job
from amortized_sr.batch.report import Report
from amortized_sr.batch.standard_streams import STREAM, open_output, read_input
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.image_file import ImageFile, Pixels
from amortized_sr.image_io.writing import named_write_errors
from amortized_sr.pictures.conversion import Conversion, convert
from amortized_sr.pictures.upscale import draw_frames, is_small, read_picture, write_picture
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights import find_weights, sha256


@final
class UnusableError(ValueError):
    """The model, the device or the manifest cannot be used, so that no input can be upscaled."""


def run(
    plan: BatchPlan, options: BatchOptions, report: Report, bounds: Bounds | None = None, limit_threads: bool = False
) -> None:
    """Upscale every input that is not done yet, and report the result of each.

    Args:
        plan: Inputs and outputs.
        options: How.
        report: Gets the result of every input, in the order of the plan.
        bounds: How much is held at once.
        limit_threads: Whether torch may be given fewer threads meanwhile, in the whole process.

    Raises:
        UnusableError: If the model, the device or the manifest cannot be used.
    """
    manifest = _open_manifest(plan.manifest_folder, options)
    # Threads that wait for each other in a convolution lose far more than they gain if one of them shares its core
    # with a reader or writer: two on two cores made the batch three times slower.
    fewer = limit_threads and len(plan.jobs) > 1
    threads = torch.get_num_threads()
    with _torch_threads(max(1, threads - 1) if fewer else threads):
        _Batch(options, report, bounds or Bounds(), manifest, threads if fewer else None).run(plan.jobs)


def _open_manifest(folder: Path | None, options: BatchOptions) -> Manifest | None:
    if folder is None:
        return None
    try:
        return Manifest(folder, {"weights": sha256(find_weights(options.model)), **options.fingerprint()})
    except (OSError, ValueError) as error:
        raise UnusableError(str(error)) from None


@contextlib.contextmanager
def _torch_threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count in (None, before):
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@final
@dataclass(frozen=True)
class _Written:
    """An output that another thread is writing."""

    job: Job
    conversion: Conversion
    notices: list[str]
    start: float
    future: Future[None]


@final
class _Batch:
    """One run: what it holds while it lasts.

    Args:
        options: How.
        report: Gets the result of every input.
        bounds: How much is held at once.
        manifest: The record of the outputs, if there is one.
        threads: How many threads torch gets while nothing is read or written beside it; None leaves them alone.
    """

    def __init__(
        self, options: BatchOptions, report: Report, bounds: Bounds, manifest: Manifest | None, threads: int | None
    ) -> None:
        self._options = options
        self._report = report
        self._bounds = bounds
        self._manifest = manifest
        self._threads = threads
        self._upscaler: Upscaler | None = None
        self._writing: deque[_Written] = deque()

    def run(self, jobs: list[Job]) -> None:
        reader, writer = ThreadPoolExecutor(1, "reader"), ThreadPoolExecutor(2, "writer")
        try:
            for job, reading in self._read_ahead(jobs, reader):
                if reading is None:
                    self._drain(0)  # Reports keep the order of the inputs.
                    self._skip(job)
                    continue
                self._upscale(job, reading, writer)
                self._drain(self._bounds.write_behind)
            self._drain(0)
        except BaseException:
            # Work that has not started is cancelled; outputs that are being written are finished.
            reader.shutdown(wait=False, cancel_futures=True)
            writer.shutdown(wait=True, cancel_futures=True)
            self._writing = deque(written for written in self._writing if not written.future.cancelled())
            self._drain(0)
            raise
        reader.shutdown()
        writer.shutdown()

    def _read_ahead(
        self, jobs: list[Job], reader: ThreadPoolExecutor
    ) -> Iterator[tuple[Job, Future[ImageFile] | None]]:
        """Yield each job with its input being decoded, or None if it is skipped."""
        waiting: deque[tuple[Job, Future[ImageFile] | None]] = deque()
        for job in jobs:
            waiting.append((job, None if self._is_skipped(job) else self._start_reading(job.source.path, reader)))
            if len(waiting) > self._bounds.read_ahead:
                yield waiting.popleft()
        yield from waiting

    def _is_skipped(self, job: Job) -> bool:
        if self._options.overwrite or job.output_path == STREAM or not os.path.lexists(job.output_path):
            return False
        if self._options.resume and self._manifest is not None and self._manifest.lists(job.output_path):
            return self._is_done(job)
        return True

    def _is_done(self, job: Job) -> bool:
        return self._manifest is not None and self._manifest.is_done(job.source.path, job.output_path)

    def _skip(self, job: Job) -> None:
        why = ImageError(job.output_path, "exists", "overwrite it to replace it", "overwrite")
        if self._is_done(job):
            why = ImageError(job.output_path, "already done", "the manifest lists it")
        self._report.skipped(job.source.path, job.output_path, why)

    def _start_reading(self, path: Path, reader: ThreadPoolExecutor) -> Future[ImageFile]:
        if path != STREAM:
            return reader.submit(read_picture, path, None, self._options.pictures)
        # Not in a thread: one that waits for a pipe could not be interrupted.
        try:
            content = read_input(self._bounds.pipe_bytes)
        except ImageError as error:
            failed: Future[ImageFile] = Future()
            failed.set_exception(error)
            return failed
        return reader.submit(read_picture, Path("stdin"), content, self._options.pictures)

    def _upscale(self, job: Job, reading: Future[ImageFile], writer: ThreadPoolExecutor) -> None:
        start = time.perf_counter()
        path = Path("stdin") if job.source.path == STREAM else job.source.path
        notices: list[str] = []
        try:
            image = reading.result()
            self._report.opened(job.source.path, image.kind)
            output_path = None if job.output_path == STREAM else job.output_path
            conversion = convert(path, image, self._options.pictures, output_path)
            upscaler = self._upscaler = self._upscaler or self._load()
            drawn = functools.partial(draw_frames, conversion, upscaler, self._options.pictures.tta, notices.append)
            if is_small(conversion, self._bounds.whole_bytes):
                future = writer.submit(_write, job.output_path, conversion, drawn(whole=True))
                self._writing.append(_Written(job, conversion, notices, start, future))
                return
            self._drain(0)
            with _torch_threads(self._threads):
                _write(job.output_path, conversion, drawn(whole=False))
            self._done(job, conversion, notices, start)
        except ImageError as error:
            self._drain(0)
            self._report.failed(job.source.path, error, notices)

    def _load(self) -> Upscaler:
        options = self._options
        try:
            upscaler = Upscaler.from_pretrained(
                options.model, options.device, options.memory, options.precision, tta=options.pictures.tta
            )
        except ValueError as error:
            raise UnusableError(str(error)) from None
        self._report.loaded(options.model, str(upscaler.device))
        return upscaler

    def _drain(self, limit: int) -> None:
        """Wait until at most `limit` outputs are being written, and report the others."""
        while len(self._writing) > limit:
            written = self._writing[0]
            try:
                written.future.result()
                self._done(written.job, written.conversion, written.notices, written.start)
            except ImageError as error:
                self._report.failed(written.job.source.path, error, written.notices)
            self._writing.popleft()

    def _done(self, job: Job, conversion: Conversion, notices: list[str], start: float) -> None:
        height, width = conversion.output.size
        if self._manifest is not None:
            with named_write_errors(job.output_path):
                self._manifest.add(job.source.path, job.output_path, {"width": width, "height": height})
        seconds = time.perf_counter() - start
        sizes = conversion.image.size, conversion.output.size
        self._report.done(job.source.path, job.output_path, *sizes, seconds, [*conversion.notices, *notices])


def _write(output_path: Path, conversion: Conversion, frames: list[Iterable[Pixels]]) -> None:
    with open_output(output_path) as file:
        write_picture(file, conversion, frames)
