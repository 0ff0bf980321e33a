"""Where and how much a model computes at once. Loads no torch."""

from collections.abc import Callable
from dataclasses import dataclass

from amortized_sr.choices import Precision

Notify = Callable[[str], None]
"""Called with a sentence when something is not as planned, such as a fallback."""

DEFAULT_MEMORY = 2**30
"""Bytes that one picture's working set may take by default: 1 GiB."""


@dataclass(frozen=True)
class Bounds:
    """How much is computed at once. Bounds decide memory and time; results stay the same.

    Attributes:
        tile: Largest side of a rendering in pixels; beyond it one tile's intermediates leave the caches anyway.
        strip_pixels: Pixels of a strip of rows: enough to keep all cores busy, and few enough to be compressed in the
            background.
        band_numbers: Numbers between the two passes of a separable rendering: 8 MiB, which stay in a cache. 64 MiB
            took twice the time at 256 -> 1024, 1 MiB a third more.
        gathered_numbers: Codes of neighbours that are gathered for pointwise rendering.
    """

    tile: int = 2048
    strip_pixels: int = 1 << 21
    band_numbers: int = 1 << 21
    gathered_numbers: int = 1 << 25


DEFAULT_BOUNDS = Bounds()
"""Bounds that were measured to be fast."""


@dataclass(frozen=True)
class Compute:
    """Where and how a model computes.

    Attributes:
        device: Name of the device, such as `cpu` or `cuda:1`; `auto` takes the fastest one, and continues on the CPU if
            that has too little memory.
        memory: Bytes that one picture's working set may take, besides the picture and its rendering themselves.
        precision: Number format of the encoder; `auto` is bf16 where the device computes in it at full speed, elsewhere
            fp32.
        bounds: How much is computed at once.
    """

    device: str = "auto"
    memory: int = DEFAULT_MEMORY
    precision: Precision = "auto"
    bounds: Bounds = DEFAULT_BOUNDS


DEFAULT_COMPUTE = Compute()
"""The fastest device, with the default memory."""


def ignore(sentence: str) -> None:
    """Drop a notice."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception means that there was not enough memory, whatever class a library gives it."""
    # The name of torch's class, which is not loaded for it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(
        words in text for words in ("out of memory", "not enough memory", "can't allocate memory")
    )
