"""Images whose function is a formula, for all tests that know the answer."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from amortized_sr.continuous import ContinuousImage
from amortized_sr.coords import WHOLE


@dataclass(frozen=True)
class Formula(ContinuousImage):
    """A grey image that is a formula of the position `(y, x)` in pixels."""

    colour: Callable
    image_size: tuple[int, int] = (6, 8)

    @property
    def size(self):
        return self.image_size

    @property
    def channels(self):
        return 1

    @property
    def values(self):
        return torch.zeros(1, dtype=torch.float64)

    def __call__(self, coord, cell=None):
        position = (coord + 1) / 2 * coord.new_tensor(self.size) - 0.5
        return self.colour(position[..., 0], position[..., 1])[None, :, None]

    def render(self, size, window=WHOLE):
        raise NotImplementedError("nothing that is tested with it renders")
