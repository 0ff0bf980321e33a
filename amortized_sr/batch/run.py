"""The work of a batch: decoding, drawing and writing at the same time, each input's failure its own."""

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from amortized_sr.batch.manifest import Manifest
from amortized_sr.batch.outputs import Conversion, convert
from amortized_sr.batch.place import opened_place
from amortized_sr.batch.plan import Job
from amortized_sr.batch.report import Report
from amortized_sr.batch.settings import Settings
from amortized_sr.batch.stream import STREAM
from amortized_sr.choices import FormatName
from amortized_sr.coords import Size
from amortized_sr.drawing import draw
from amortized_sr.image_io import ImageError
from amortized_sr.image_io.formats import FORMATS, format_of
from amortized_sr.image_io.image_file import ImageFile, Pixels
from amortized_sr.image_io.picture import check_place
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import named_write_errors, with_first_ready, write_frames, write_strips
from amortized_sr.tiling import is_out_of_memory
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights_header import find_weights, sha256

# How many inputs are decoded before their turn, and how many outputs may wait to be written.
_READ_AHEAD = 3
_WRITE_BEHIND = 4

# Outputs up to this size are drawn as a whole and written by another thread while the next is drawn; larger ones are
# written while they are drawn.
_SMALL_BYTES = 48 * 2**20

# What is read from a pipe at most.
_MAX_STREAM_BYTES = 2**30


class UnusableError(ValueError):
    """The model, the device or the manifest cannot be used, so that no input can be upscaled."""


@dataclass(frozen=True)
class _Written:
    """An output that another thread is writing."""

    job: Job
    own: Size
    size: Size
    begin: float
    notices: list[str]
    future: Future[None]


def run(
    jobs: list[Job], settings: Settings, manifest_folder: Path | None, stream_format: FormatName, report: Report
) -> None:
    """Upscale every input that is not done, and report what became of it.

    Args:
        jobs: Inputs and outputs.
        settings: How.
        manifest_folder: Folder of the outputs, if a manifest is kept.
        stream_format: Format of what goes to standard output.
        report: Is told of every input, in the order of the jobs.

    Raises:
        UnusableError: If the model, the device or the manifest cannot be used.
    """
    _Batch(settings, manifest_folder, stream_format, report).run(jobs)


class _Batch:
    def __init__(
        self, settings: Settings, manifest_folder: Path | None, stream_format: FormatName, report: Report
    ) -> None:
        self._settings = settings
        self._folder = manifest_folder
        self._stream_format: FormatName = stream_format
        self._report = report
        self._upscaler: Upscaler | None = None
        self._manifest: Manifest | None = None
        self._current = STREAM
        self._threads = self._threads_beside_others = torch.get_num_threads()

    def run(self, jobs: list[Job]) -> None:
        if self._folder is not None:
            fingerprint = self._fingerprint()
            try:
                self._manifest = Manifest(self._folder, fingerprint)
            except ImageError as error:
                raise UnusableError(str(error)) from None
        # Threads that wait for each other in a convolution lose far more than they gain if one of them shares its core
        # with a reader or writer: two on two cores made the batch three times slower.
        if len(jobs) > 1:
            self._threads_beside_others = max(1, self._threads - 1)
        torch.set_num_threads(self._threads_beside_others)
        try:
            self._run(jobs)
        finally:
            torch.set_num_threads(self._threads)

    def _run(self, jobs: list[Job]) -> None:
        reader, writer = ThreadPoolExecutor(1, "reader"), ThreadPoolExecutor(2, "writer")
        writing: deque[_Written] = deque()
        try:
            for job, reading in self._read_ahead(jobs, reader):
                if reading is None:
                    self._drain(writing, 0)  # Reports keep the order of the inputs.
                    why = "is done; its manifest says so" if self._is_done(job) else "exists; --overwrite replaces it"
                    self._report.skipped(job.source.path, job.place, why)
                    continue
                self._upscale(job, reading, writer, writing)
                self._drain(writing, _WRITE_BEHIND)
            self._drain(writing, 0)
        except BaseException:
            # What is not begun is given up, what is being written gets finished: it is nearly done.
            reader.shutdown(wait=False, cancel_futures=True)
            writer.shutdown(wait=True, cancel_futures=True)
            self._drain(deque(written for written in writing if not written.future.cancelled()), 0)
            raise
        reader.shutdown()
        writer.shutdown()

    def _fingerprint(self) -> dict[str, object]:
        try:
            weights = sha256(find_weights(self._settings.model))
        except (OSError, ValueError) as error:
            raise UnusableError(str(error)) from None
        return {"weights": weights, **self._settings.fingerprint()}

    def _read_ahead(
        self, jobs: list[Job], reader: ThreadPoolExecutor
    ) -> Iterator[tuple[Job, Future[ImageFile] | None]]:
        """Yield each job with its input being decoded, or None if it is to be skipped."""
        waiting: deque[tuple[Job, Future[ImageFile] | None]] = deque()
        for job in jobs:
            waiting.append((job, None if self._skips(job) else self._begin_reading(job.source.path, reader)))
            if len(waiting) > _READ_AHEAD:
                yield waiting.popleft()
        yield from waiting

    def _skips(self, job: Job) -> bool:
        if self._settings.overwrite or job.place == STREAM or not os.path.lexists(job.place):
            return False
        if self._settings.resume and self._manifest is not None and self._manifest.knows(job.place):
            return self._is_done(job)
        return True

    def _is_done(self, job: Job) -> bool:
        return self._manifest is not None and self._manifest.is_done(job.source.path, job.place)

    def _begin_reading(self, path: Path, reader: ThreadPoolExecutor) -> Future[ImageFile]:
        if path != STREAM:
            return reader.submit(self._read, path, None)
        # Not in a thread: one that waits for a pipe could not be interrupted.
        if sys.stdin is None:
            return _failed("stdin: is closed; send a picture into it or give the path of a file")
        content = sys.stdin.buffer.read(_MAX_STREAM_BYTES + 1)
        if len(content) > _MAX_STREAM_BYTES:
            return _failed(f"stdin: more than {_MAX_STREAM_BYTES:,} bytes came in; give the path of a file")
        return reader.submit(self._read, Path("stdin"), content)

    def _read(self, path: Path, content: bytes | None) -> ImageFile:
        return read_image(path, content, self._settings.max_pixels, self._settings.allow_truncated)

    def _upscale(
        self, job: Job, reading: Future[ImageFile], writer: ThreadPoolExecutor, writing: deque[_Written]
    ) -> None:
        begin = time.perf_counter()
        path = job.source.path
        self._current = path
        try:
            image = reading.result()
            self._report.opened(path, image.kind)
            size = self._resolve(path, image.size)
            format_ = FORMATS[self._stream_format] if job.place == STREAM else format_of(job.place)
            conversion = convert(job.place, image, format_, size, self._settings)
            if job.place != STREAM:
                check_place(job.place)
            if self._upscaler is None:
                self._upscaler = self._load()
            small = self._draw_small(job, conversion)
            if small is None:
                self._drain(writing, 0)
                torch.set_num_threads(self._threads)
                self._write_large(job, conversion)
                torch.set_num_threads(self._threads_beside_others)
                self._done(job, image.size, size, begin, conversion.notices)
                return
        except ImageError as error:
            self._drain(writing, 0)
            self._report.failed(path, str(error))
            return
        future = writer.submit(_write, job.place, conversion, small, image.durations, image.repeats)
        writing.append(_Written(job, image.size, size, begin, conversion.notices, future))

    def _resolve(self, path: Path, own: Size) -> Size:
        try:
            return self._settings.resolve(own)
        except ValueError as error:
            raise ImageError(f"{path}: {error}") from None

    def _load(self) -> Upscaler:
        settings = self._settings
        try:
            upscaler = Upscaler.from_pretrained(
                settings.model,
                settings.device,
                settings.memory,
                settings.precision,
            )
        except ValueError as error:
            raise UnusableError(str(error)) from None
        self._report.loaded(settings.model, str(upscaler.device))
        return upscaler

    def _draw_small(self, job: Job, conversion: Conversion) -> list[list[Pixels]] | None:
        """Return the strips of every picture, or None if they are too large to wait for their writing."""
        height, width = conversion.output.size
        count = height * width * conversion.output.channels * len(conversion.frames)
        if count > _SMALL_BYTES and len(conversion.frames) == 1:
            return None
        try:
            return [list(self._strips(conversion, frame)) for frame in conversion.frames]
        except (MemoryError, RuntimeError) as error:
            raise _too_large(job.source.path, conversion, error) from None

    def _strips(self, conversion: Conversion, frame: Pixels) -> Iterator[Pixels]:
        assert self._upscaler is not None
        output = conversion.output
        return draw(self._upscaler, frame, output.size, output.depth, conversion.power, conversion.background)

    def _write_large(self, job: Job, conversion: Conversion) -> None:
        try:
            # Drawing and compressing take turns: both use all cores, and side by side they took twice the time.
            strips = with_first_ready(self._strips(conversion, conversion.frames[0]))
            with opened_place(job.place) as file:
                write_strips(file, conversion.output, strips)
        except (MemoryError, RuntimeError) as error:
            raise _too_large(job.source.path, conversion, error) from None

    def _drain(self, writing: deque[_Written], limit: int) -> None:
        """Wait until at most `limit` outputs are being written, and report the others."""
        while len(writing) > limit:
            written = writing[0]
            try:
                written.future.result()
                self._done(written.job, written.own, written.size, written.begin, written.notices)
            except ImageError as error:
                self._report.failed(written.job.source.path, str(error))
            writing.popleft()

    def _done(self, job: Job, own: Size, size: Size, begin: float, notices: list[str]) -> None:
        if self._manifest is not None:
            facts = {"width": size[1], "height": size[0]}
            with named_write_errors(job.place):
                self._manifest.add(job.source.path, job.place, facts)
        self._report.done(job.source.path, job.place, own, size, time.perf_counter() - begin, notices)


def _failed(sentence: str) -> Future[ImageFile]:
    future: Future[ImageFile] = Future()
    future.set_exception(ImageError(sentence))
    return future


def _write(
    place: Path, conversion: Conversion, frames: list[list[Pixels]], durations: list[float], repeats: int
) -> None:
    with opened_place(place) as file:
        if len(frames) == 1:
            write_strips(file, conversion.output, iter(frames[0]))
        else:
            write_frames(file, conversion.output, [np.concatenate(strips) for strips in frames], durations, repeats)


def _too_large(path: Path, conversion: Conversion, error: MemoryError | RuntimeError) -> BaseException:
    """Return what is too large for the machine as this input's failure, and every other error as it is."""
    if not is_out_of_memory(error):
        return error
    height, width = conversion.output.size
    return ImageError(f"{path}: not enough memory for {width}x{height} pixels; ask for a smaller size")
