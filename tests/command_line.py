"""What running a command line gives, for all tests that do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """What a command line ended with."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one sentence on stderr, after click's lines about usage where there are any."""
        lines = [line for line in self.err.splitlines() if line and not line.startswith(("Usage: ", "Try "))]
        assert len(lines) == 1, self.err
        kind, _, sentence = lines[0].partition(": ")
        assert kind in ("error", "Error")
        return sentence
