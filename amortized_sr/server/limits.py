"""How much one client may ask of the server. Loads neither torch nor the web framework."""

from dataclasses import dataclass
from typing import final

MAX_SIDE = 16_383
"""Longest side of a drawing in pixels; every format that is offered can hold it."""

# The codes of one pixel with `photo-tiny` take 312 bytes; so three of the largest pictures fit into the cache.
_CACHE_BYTES_PER_PIXEL = 1024


@final
@dataclass(frozen=True)
class Limits:
    """Bounds of memory, time and work.

    Attributes:
        body_bytes: Most bytes of a picture that is sent.
        body_seconds: How long sending it may take.
        header_seconds: How long the headers of a request may take.
        answer_seconds: How long a client may take to read an answer.
        pixels: Most pixels of a picture that is upscaled, all pictures of an animation together.
        area: Most pixels of a drawing, all pictures of an animation together.
        cache_bytes: Memory for pictures as functions; the one unused for longest goes first.
        lifetime: Seconds that a picture is kept.
        waiting: How many requests may wait for a worker.
        workers: How many requests are computed at once.
        held_bytes: Memory for bodies and answers of all clients together; above it, requests are refused.
        connections: How many clients may be connected.

    Raises:
        ValueError: If one is not positive.
    """

    body_bytes: int = 2**24
    body_seconds: int | float = 30
    header_seconds: int | float = 10
    answer_seconds: int | float = 60
    pixels: int = 2**20
    area: int = 2**23
    cache_bytes: int = 2**28
    lifetime: int | float = 3600
    waiting: int = 64
    workers: int = 2
    held_bytes: int = 2**28
    connections: int = 512

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"{name} must be above 0, got {value}")

    @property
    def function_pixels(self) -> int:
        """Most pixels of a picture that is kept as a function, whose codes stay in memory."""
        return max(1, self.cache_bytes // _CACHE_BYTES_PER_PIXEL)
