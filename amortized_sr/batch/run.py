"""Runs a batch: reads, draws and writes at the same time; an input that fails does not stop the others."""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from amortized_sr.batch.engines import Engines, UnusableError, name_of
from amortized_sr.batch.inputs import STREAM
from amortized_sr.batch.makers import Makers, Making
from amortized_sr.batch.manifest import Manifest
from amortized_sr.batch.options import BatchBounds, BatchOptions
from amortized_sr.batch.plan import BatchPlan, Job
from amortized_sr.batch.report import Report
from amortized_sr.batch.work import write_output
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.image_file import ImageFile
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import named_write_errors
from amortized_sr.pictures.conversion import Conversion, convert
from amortized_sr.pictures.frames import draw_frames, tell
from amortized_sr.weights_header import find_weights, sha256


def run(
    plan: BatchPlan,
    options: BatchOptions,
    report: Report,
    bounds: BatchBounds = BatchBounds(),
    limit_threads: bool = False,
    loading: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
) -> None:
    """Upscale every input that is not done yet, and report the result of each, in the order of the plan.

    `limit_threads` says whether torch may be given one thread meanwhile, in the whole process, so that small pictures
    are drawn side by side; `loading` is entered while torch is imported.

    Raises:
        UnusableError: If the model, the device, the engine or the manifest cannot be used.
    """
    manifest = open_manifest(plan, options)
    engines = Engines(options, len(plan.jobs), report.detail, loading, limit_threads)
    with contextlib.closing(engines):
        makers = Makers(engines, bounds.write_behind)
        _Batch(options, report, bounds, manifest, engines, makers).run(plan.jobs)


def open_manifest(plan: BatchPlan, options: BatchOptions) -> Manifest | None:
    """Return the manifest of a plan's folder, if one is kept there.

    Raises:
        UnusableError: If the model's weights or the manifest cannot be read.
    """
    if plan.manifest_folder is None:
        return None
    try:
        weights = sha256(find_weights(options.model))
        return Manifest(plan.manifest_folder, {"weights": weights, **options.fingerprint()})
    except (OSError, ValueError) as error:
        raise UnusableError(str(error)) from None


def reason_to_skip(job: Job, options: BatchOptions, manifest: Manifest | None) -> ImageError | None:
    """Return the reason to skip an output that exists, or None to make it."""
    if options.overwrite or job.output_path == STREAM or not os.path.lexists(job.output_path):
        return None
    if manifest is not None and manifest.is_done(job.source.shown, job.output_path, options.engine):
        return ImageError(job.output_path, "already done", "the manifest lists it")
    if options.resume and manifest is not None and manifest.lists(job.output_path):
        return None
    return ImageError(job.output_path, "exists", "overwrite it to replace it", "overwrite")


@final
@dataclass
class _Batch:
    """One run, and what it holds while it lasts."""

    options: BatchOptions
    report: Report
    bounds: BatchBounds
    manifest: Manifest | None
    engines: Engines
    makers: Makers

    def run(self, jobs: list[Job]) -> None:
        reader = ThreadPoolExecutor(1, "reader")
        try:
            for job, reading in self._read_ahead(jobs, reader):
                if isinstance(reading, ImageError):
                    self._report(all_of_them=True)  # Reports keep the order of the inputs.
                    self.report.skipped(job.source.path, job.output_path, reading)
                else:
                    self._upscale(job, reading)
                    self._report()
            self._report(all_of_them=True)
        except BaseException:
            # Work that has not started is cancelled; outputs that are being made are finished.
            reader.shutdown(wait=False, cancel_futures=True)
            self.makers.cancel()
            self._report(all_of_them=True)
            raise
        reader.shutdown()
        self.makers.close()

    def _read_ahead(
        self, jobs: list[Job], reader: ThreadPoolExecutor
    ) -> Iterator[tuple[Job, Callable[[], ImageFile] | ImageError]]:
        """Yield each job with what waits for its input, or with the reason to skip it."""
        waiting: deque[tuple[Job, Callable[[], ImageFile] | ImageError]] = deque()
        for job in jobs:
            waiting.append(
                (job, reason_to_skip(job, self.options, self.manifest) or self._start_reading(job.source.path, reader))
            )
            if len(waiting) > self.bounds.read_ahead:
                yield waiting.popleft()
        yield from waiting

    def _start_reading(self, path: Path, reader: ThreadPoolExecutor) -> Callable[[], ImageFile]:
        limits = self.options.pictures.max_pixels, self.options.pictures.allow_truncated
        if path != STREAM:
            return reader.submit(read_image, path, None, *limits).result
        # Not in a thread: one that waits for a pipe could not be interrupted.
        return lambda: read_image(Path("stdin"), _read_stream(self.bounds.pipe_bytes), *limits)

    def _upscale(self, job: Job, read: Callable[[], ImageFile]) -> None:
        start, fallbacks = time.perf_counter(), []
        name = Path("stdin") if job.source.path == STREAM else job.source.path
        try:
            image = read()
            self.report.detail(f"{job.source.path}  is {image.kind}")
            output_path = None if job.output_path == STREAM else job.output_path
            conversion = convert(name, image, self.options.pictures, output_path)
            engine = self.engines.of(conversion)
            making = Making(job, tell(conversion, engine), engine, fallbacks)
            side_by_side = self.engines.side_by_side
            if side_by_side > 1 and self._is_one_of_many(conversion):
                self.makers.make(making)
            elif side_by_side == 1 and conversion.is_small(self.bounds.whole_bytes):
                self.makers.write(making, draw_frames(making.conversion, engine, fallbacks.append, whole=True), start)
            else:
                self._report(all_of_them=True)
                with self.engines.all_threads():
                    frames = draw_frames(making.conversion, engine, fallbacks.append, whole=False)
                    seconds = write_output(job.output_path, making.conversion, frames, start)
                self._report_done(making, seconds)
        except ImageError as error:
            self._report(all_of_them=True)
            self.report.failed(job.source.path, error, fallbacks)

    def _is_one_of_many(self, conversion: Conversion) -> bool:
        """Return whether pictures of this size may be drawn side by side: all together are small."""
        whole_bytes = self.bounds.whole_bytes // self.engines.side_by_side
        return len(conversion.image.frames) == 1 and conversion.is_small(whole_bytes)

    def _report(self, all_of_them: bool = False) -> None:
        """Report outputs that threads have made: all of them, or as many as keep few of them waiting."""
        for making, outcome in self.makers.finished(all_of_them):
            try:
                if isinstance(outcome, ImageError):
                    raise outcome
                self._report_done(making, outcome)
            except ImageError as error:
                self.report.failed(making.job.source.path, error, making.fallbacks)

    def _report_done(self, making: Making, seconds: float) -> None:
        job, conversion, engine = making.job, making.conversion, making.engine
        height, width = conversion.output.size
        if self.manifest is not None:
            with named_write_errors(job.output_path):
                facts = {"width": width, "height": height, "engine": name_of(engine), "precision": engine.precision}
                self.manifest.add(job.source.path, job.output_path, facts)
        sizes, notices = (conversion.image.size, conversion.output.size), conversion.notices + making.fallbacks
        self.report.done(job.source.path, job.output_path, *sizes, seconds, notices, conversion.drawing.strength.facts)


def _read_stream(limit: int) -> bytes:
    if sys.stdin is None:
        raise ImageError("stdin", "is closed", "send a picture into it or give the path of a file")
    content = sys.stdin.buffer.read(limit + 1)
    if len(content) > limit:
        raise ImageError("stdin", f"more than {limit:,} bytes came in", "give the path of a file")
    return content
