"""Which image a training sample takes: a function of the seed and the sample's number, so that runs resume exactly.

Images that lie in many files cannot be taken in any order: each sample would wait for another file. So the files, or
*groups*, are shuffled, some of them are *mixed* at a time, and the images of these are shuffled together.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Int

ORDER_STREAM = 0
"""Number of the stream of random numbers that decides the order; `pairs` has the others."""


class ImagePlace(NamedTuple):
    """The image of a sample.

    Attributes:
        image: Its number.
        groups: Groups that this sample and the next ones read: those that are mixed now, then those that follow.
    """

    image: int
    groups: tuple[int, ...]


@final
@dataclass(frozen=True, eq=False)
class ShuffledOrder:
    """An order in which every image comes once before any comes again.

    If there are no more groups than are mixed, all images are shuffled together, whatever the groups are.

    Args:
        groups: How many images each group has.
        mixed: How many groups are shuffled together.
        seed: Decides all that is random.
    """

    groups: Int[np.ndarray, " group"]
    mixed: int
    seed: int

    def place(self, number: int) -> ImagePlace:
        """Return the image of sample `number`."""
        count = int(self.groups.sum())
        cycle, position = divmod(number, count)
        if len(self.groups) <= self.mixed:
            return ImagePlace(int(_permutation(self.seed, cycle, 0, count)[position]), tuple(range(len(self.groups))))
        order = _permutation(self.seed, cycle, 0, len(self.groups))
        window_counts = np.add.reduceat(self.groups[order], np.arange(0, len(order), self.mixed))
        window_ends = np.cumsum(window_counts)
        window = int(np.searchsorted(window_ends, position, side="right"))
        inside = position - int(window_ends[window] - window_counts[window])
        now = order[window * self.mixed : (window + 1) * self.mixed]
        following = order[(window + 1) * self.mixed : (window + 2) * self.mixed]
        if not len(following):
            following = _permutation(self.seed, cycle + 1, 0, len(self.groups))[: self.mixed]
        chosen = int(_permutation(self.seed, cycle, window + 1, int(window_counts[window]))[inside])
        ends = np.cumsum(self.groups[now])
        nth = int(np.searchsorted(ends, chosen, side="right"))
        group = int(now[nth])
        index = int(self.groups[:group].sum()) + chosen - int(ends[nth] - self.groups[group])
        return ImagePlace(index, (*now.tolist(), *following.tolist()))


# Two whole orders, or the groups of two cycles and the images of two windows.
@lru_cache(maxsize=4)
def _permutation(seed: int, cycle: int, window: int, count: int) -> Int[np.ndarray, " count"]:
    """Return the order of the whole, or of the groups (window 0), or of a window's images (from 1)."""
    # To numpy, (seed, stream, cycle) and (seed, stream, cycle, 0) are one seed.
    words = (seed, ORDER_STREAM, cycle, window) if window else (seed, ORDER_STREAM, cycle)
    return np.random.default_rng(words).permutation(count)
