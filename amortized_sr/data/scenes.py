"""Drawn scenes that take the place of a share of the training samples."""

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from amortized_sr.data.cache import ImageStore, pack
from amortized_sr.data.graphics import UNIT, draw_scene
from amortized_sr.data.images import Pixels
from amortized_sr.resize import shrink_height, shrink_width

# A stream of random numbers: (seed, stream, sample number). Scenes are drawn from the stream 7.
_CHOICE = 8

# Part of the samples whose image takes single pixels of the scene, as programs without antialiasing draw.
_NEAREST = 0.3


@final
@dataclass(frozen=True, eq=False)
class Scenes:
    """Scenes and the share of the samples that they replace; a seed and a sample's number decide all that is random.

    Targets are means over the scene's pixels. Images are means, or single pixels, of the same part of the scene, exact
    at any scale; an image made of the target would not be.

    Attributes:
        store: Square scenes of at least `UNIT` times the side of the largest target.
        share: Share of the samples.
        seed: Decides which samples, and what they show.
    """

    store: ImageStore
    share: float
    seed: int

    def replaces(self, number: int) -> bool:
        """Return whether a sample shows a scene."""
        return self._random(number).random() < self.share

    def pair(
        self, number: int, target_side: int, image_side: int
    ) -> tuple[Float[Tensor, "channel image image"], Float[Tensor, "channel target target"]]:
        """Return the image and the target of a sample, multiples of 1/255 in [0, 1]."""
        random = self._random(number)
        random.random()
        part = self._part(random, UNIT * target_side)
        fine = torch.from_numpy(part).permute(2, 0, 1)[None].float() / 255
        target = _in_8_bits(functional.avg_pool2d(fine, UNIT))
        if image_side == target_side:
            return target[0], target[0]
        if random.random() < _NEAREST:
            chosen = ((torch.arange(image_side) + 0.5) * (part.shape[0] / image_side)).long()
            return fine[0][:, chosen][:, :, chosen], target[0]
        means = shrink_height(shrink_width(fine, image_side, "box"), image_side, "box")
        return _in_8_bits(means)[0], target[0]

    def _part(self, random: np.random.Generator, side: int) -> Pixels:
        """Return a square of one of the scenes, turned, with its colours exchanged and perhaps inverted."""
        scene = self.store[int(random.integers(len(self.store)))]
        # In whole units, so that sprites have whole pixels of the target.
        top, left = (UNIT * int(random.integers((length - side) // UNIT + 1)) for length in scene.shape[:2])
        part = np.rot90(scene[top : top + side, left : left + side], int(random.integers(4)))
        part = part[:, :: random.choice((1, -1)), random.permutation(scene.shape[2])]
        return np.array(255 - part if random.random() < 0.5 else part, order="C")

    def _random(self, number: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, _CHOICE, number))


def draw_scenes(count: int, largest_target: int, channels: Literal[1, 3], share: float, seed: int) -> Scenes:
    """Draw scenes for targets of up to `largest_target` pixels a side."""
    drawn = (draw_scene(seed, number, UNIT * largest_target) for number in range(count))
    if channels == 1:
        drawn = (np.asarray(Image.fromarray(scene).convert("L"))[..., None] for scene in drawn)
    return Scenes(pack(drawn), share, seed)


def _in_8_bits(image: Tensor) -> Tensor:
    return (image * 255).round() / 255
