"""How strongly a JPEG file is compressed, as a number that does not depend on the program that wrote it.

The number is the *step*: the mean of the quantisation table's steps at the 15 lowest frequencies, in units of 1/255.
Qualities from 1 to 100 are names for the tables of one family, that of libjpeg.
"""

import math
from collections.abc import Sequence

# The standard's example table for brightness, rows of 8 steps (ITU-T T.81, Annex K).
_STANDARD = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)

# The frequencies (y, x) with y + x < 5 are the first 15 of the file's zigzag order.
_LOWEST = [8 * y + x for y in range(5) for x in range(5 - y)]


def step_of_table(table: Sequence[int]) -> float:
    """Return the step of a quantisation table for brightness, given as rows of 8.

    Example:
        >>> step_of_table([3] * 64)
        3.0
    """
    return sum(table[frequency] for frequency in _LOWEST) / len(_LOWEST)


def step_of_quality(quality: int) -> float:
    """Return the step of a quality from 1 to 100.

    Raises:
        ValueError: If there is no such quality.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"a JPEG quality is a whole number from 1 to 100, got {quality}")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return step_of_table([min(max((scale * step + 50) // 100, 1), 255) for step in _STANDARD])


def nearest_quality(step: float) -> int:
    """Return the quality from 1 to 100 whose step is the nearest, the higher one of two."""
    return min(range(100, 0, -1), key=lambda quality: abs(math.log(step_of_quality(quality) / max(step, 1.0))))


def condition_of_step(step: int | float) -> float:
    """Return what an encoder reads: equal ratios of steps are about equally far apart; 0 if there is no JPEG."""
    return math.log2(1 + step) / 8
