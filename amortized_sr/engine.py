"""The interface of what computes the colours of a picture file, with whatever library. Loads no torch."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from amortized_sr.axes import Rendering
from amortized_sr.choices import ConditionName, Precision
from amortized_sr.compute import Notify
from amortized_sr.strength import Strength

Rows = Float32[np.ndarray, "_batch _colour _rows _width"]
"""Some rows of a batch of images, colours about in [0, 1]."""

ReadArrays = Callable[[int, int], Rows]
"""Returns the image's rows from the first to before the second number."""


@runtime_checkable
class Engine(Protocol):
    """Renders images from rows to rows."""

    @property
    def conditions(self) -> Sequence[ConditionName]:
        """What the model reads beside colours."""
        ...

    @property
    def precision(self) -> Precision:
        """Number format that the model computes in."""
        ...

    def draw_rows(
        self, read_rows: ReadArrays, rendering: Rendering, strengths: Sequence[Strength], tta: bool, notify: Notify
    ) -> Iterator[Rows]:
        """Yield a rendering from the top to the bottom, in strips of rows of any height, not clamped.

        Args:
            read_rows: Returns rows of the images.
            rendering: Size of the whole picture, which may be larger than any memory, and of the image.
            strengths: What the model is told about each of the images that `read_rows` returns together.
            tta: Whether to average over the eight flips and transpositions of the images.
            notify: Called when a fallback is used.
        """
        ...

    def shrink_rows(self, strips: Iterator[Rows], rendering: Rendering) -> Iterator[Rows]:
        """Bring strips of a rendering's drawn size to its own size, with the antialiased bicubic kernel."""
        ...
