"""What the user gets to read: lines or JSON objects on stdout, errors and progress on stderr."""

import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from amortized_sr.coords import Size
from amortized_sr.image_io.errors import reason

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass
class Report:
    """Tells what happens to each input, and the sum of it.

    Args:
        as_json: One JSON object for each input instead of lines.
        quiet: Errors only.
        verbose: Model, device, and what each file really is, as well.
        to_stderr: Whether stdout is taken by a picture.
    """

    as_json: bool
    quiet: bool
    verbose: bool
    to_stderr: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    _errors: list[str] = field(default_factory=list)
    _begin: float = field(default_factory=time.perf_counter)
    _bar: "tuple[Progress, TaskID] | None" = None

    def start(self, count: int) -> None:
        """Show a bar on a terminal, if there are several inputs."""
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

    def loaded(self, model: str, device: str) -> None:
        """Tell which model computes where."""
        if self.verbose and not self.as_json:
            self._print(f"model {model} on {device}")

    def opened(self, path: Path, kind: str) -> None:
        """Tell what an input is, which its name need not say."""
        if self.verbose and not self.as_json:
            self._print(f"{path}  is {kind}")

    def note(self, path: Path, sentence: str) -> None:
        """Tell of something that could not be kept."""
        if not self.quiet:
            self._print(f"note: {path}: {sentence}", error=True)

    def done(self, path: Path, place: Path, own: Size, size: Size, seconds: float, notices: list[str]) -> None:
        """Tell of an output that is in place."""
        for sentence in notices:
            self.note(path, sentence)
        facts: dict[str, str | int | float | list[str]] = {"notices": notices} if notices else {}
        self._tell(
            f"{path}  {own[1]}x{own[0]} -> {size[1]}x{size[0]}  {seconds:.2f} s  {place}",
            input=str(path),
            status="done",
            output=str(place),
            width=size[1],
            height=size[0],
            seconds=round(seconds, 4),
            **facts,
        )

    def skipped(self, path: Path, place: Path, why: str) -> None:
        """Tell of an output that was there."""
        self._tell(f"{path}  skipped: {place} {why}", input=str(path), status="skipped", output=str(place))

    def failed(self, path: Path, sentence: str) -> None:
        """Remember an input that could not be upscaled; the errors are printed together at the end."""
        self._errors.append(sentence)
        self._tell("", input=str(path), status="failed", error=sentence)

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
        """Take the bar away."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None

    def _speed(self) -> str:
        return f"{self.counts['done'] / (time.perf_counter() - self._begin):.2f} images/s"

    def _tell(self, line: str, status: str, **facts: str | int | float | list[str]) -> None:
        self.counts[status] += 1
        if self.as_json:
            self._print(json.dumps({"status": status, **facts}))
        elif self._bar is not None:
            self._bar[0].update(self._bar[1], advance=1, speed=self._speed())
        elif line and not self.quiet:
            self._print(line)

    def _print(self, line: str, error: bool = False) -> None:
        stream: TextIO = sys.stderr if error or self.to_stderr else sys.stdout
        # A name may hold what ends a line, or what a terminal takes for a command.
        shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
        try:
            print(shown, file=stream, flush=True)
        except BrokenPipeError:
            raise
        except OSError as problem:
            # The pictures matter more. What is left to say goes nowhere, also what is flushed at the very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            self._errors.append(f"lines cannot be written ({reason(problem)}); send them elsewhere or use --quiet")
