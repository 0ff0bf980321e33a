"""Reports a batch: lines or JSON objects on stdout, errors and progress on stderr."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from amortized_sr.batch.plan import BatchPlan
from amortized_sr.coords import Size
from amortized_sr.image_io.errors import ImageError, reason

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass
class Report:
    """Prints the result of each input, and the totals.

    Args:
        as_json: Whether to print one JSON object for each input instead of lines.
        quiet: Whether to print errors only.
        verbose: Whether to print the model, the device, and the kind of each file as well.
        to_stderr: Whether a picture is written to stdout, so that lines go to stderr.
        sentence: Turns an error into a sentence; may add the name of the option that helps.
    """

    as_json: bool
    quiet: bool
    verbose: bool
    to_stderr: bool = False
    sentence: Callable[[ImageError], str] = str
    counts: Counter[str] = field(default_factory=Counter)
    # Held, because what runs meanwhile may print too, and is sent elsewhere.
    _lines: TextIO | None = field(default_factory=lambda: sys.stdout)
    _errors: list[str] = field(default_factory=list)
    _start: float = field(default_factory=time.perf_counter)
    _bar: "tuple[Progress, TaskID] | None" = None

    def start(self, plan: BatchPlan) -> None:
        """Report what was found, and show a progress bar, if there are several inputs and a terminal."""
        for path, error in plan.failures:
            self.failed(path, error)
        for path, sentence in plan.notes:
            self.note(path, sentence)
        count = len(plan.jobs)
        plain = self.as_json or self.quiet or count < 2 or os.environ.get("TERM") == "dumb"
        if plain or not (sys.stderr.isatty() and sys.stdout.isatty()):
            return
        from rich.console import Console
        from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
        speed = TextColumn("{task.fields[speed]}")
        progress = Progress(*columns, speed, console=Console(stderr=True), transient=True)
        progress.start()
        self._bar = progress, progress.add_task("upscale", total=count, speed="")

    def detail(self, line: str) -> None:
        """Report the model and the device, or the kind of an input, which its name may not show."""
        if self.verbose and not self.as_json:
            self._print(line)

    def note(self, path: Path | str, sentence: str) -> None:
        """Report what could not be kept, or a fallback."""
        if not self.quiet:
            self._print(f"note: {path}: {sentence}", error=True)

    def done(
        self,
        path: Path | str,
        output_path: Path | str,
        image_size: Size,
        size: Size,
        seconds: float,
        notices: list[str],
        strengths: Mapping[Any, float],
    ) -> None:
        """Report an output that has been written."""
        for sentence in notices:
            self.note(path, sentence)
        told = "".join(f"{name} {value}  " for name, value in strengths.items())
        line = f"{path}  {image_size[1]}x{image_size[0]} -> {size[1]}x{size[0]}  {told}{seconds:.2f} s  {output_path}"
        facts: dict[str, object] = {"width": size[1], "height": size[0], "seconds": round(seconds, 4), **strengths}
        if notices:
            facts["notices"] = notices
        self._tell(line, "done", path, output=str(output_path), **facts)

    def skipped(self, path: Path | str, output_path: Path | str, why: ImageError) -> None:
        """Report an output that existed."""
        self._tell(f"{path}  skipped: {self.sentence(why)}", "skipped", path, output=str(output_path))

    def failed(self, path: Path | str, error: ImageError, notices: Iterable[str] = ()) -> None:
        """Report an input that could not be upscaled; the errors are printed together at the end."""
        for notice in notices:
            self.note(path, notice)
        sentence = self.sentence(error)
        self._errors.append(sentence)
        self._tell("", "failed", path, error=sentence)

    def finish(self) -> int:
        """Print the errors and the totals, and return the exit code."""
        self.stop()
        for sentence in self._errors:
            self._print(f"error: {sentence}", error=True)
        if not (self.as_json or self.quiet) and self.counts.total() > 1:
            totals = ", ".join(f"{count} {status}" for status, count in self.counts.items())
            self._print(f"{totals}  {self._speed()}" if self.counts["done"] else totals)
        return 1 if self._errors else 0

    def stop(self) -> None:
        """Remove the progress bar."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None

    def _speed(self) -> str:
        return f"{self.counts['done'] / (time.perf_counter() - self._start):.2f} images/s"

    def _tell(self, line: str, status: str, path: Path | str, **facts: object) -> None:
        self.counts[status] += 1
        if self.as_json:
            self._print(json.dumps({"status": status, "input": str(path), **facts}))
        elif self._bar is not None:
            self._bar[0].update(self._bar[1], advance=1, speed=self._speed())
        elif line and not self.quiet:
            self._print(line)

    def _print(self, line: str, error: bool = False) -> None:
        stream = sys.stderr if error or self.to_stderr else self._lines
        if stream is None:
            return  # It was closed before the start.
        # A name may hold characters that end a line or control a terminal.
        shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
        try:
            print(shown, file=stream, flush=True)
        except BrokenPipeError:
            raise
        except OSError as problem:
            # The pictures matter more. Further lines are dropped, also those that are flushed at the very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            self._errors.append(f"lines cannot be written ({reason(problem)}); redirect or silence them")
