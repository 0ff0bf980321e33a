"""An animation of a fit: the image as it is learned."""

import math
from pathlib import Path
from typing import final

import torch
from PIL import Image

from amortized_sr.baselines.fitting import FittedImage, Progress
from amortized_sr.coords import Size
from amortized_sr.image_io.film_file import write_film
from amortized_sr.picture_tensor import tensor_to_picture

# Frames are close together at first, when most of the image appears.
_FRAMES = 40
_FRAME_SIDE = 256


@final
class TrainingAnimation:
    """Collects pictures during a fit and writes them as an animation.

    Args:
        size: `(height, width)` of the result; larger animations are shrunk.
    """

    def __init__(self, size: Size) -> None:
        shrink = min(1.0, _FRAME_SIDE / max(size))
        self.size = max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
        self.pictures: list[Image.Image] = []

    @torch.inference_mode()
    def add(self, progress: Progress) -> None:
        """Add a picture if the next frame is due."""
        # Evenly spaced on a logarithmic scale from the first step to the last.
        position = (_FRAMES - 1) * math.log(progress.step + 1) / math.log(progress.steps + 1)
        if position >= len(self.pictures):
            self.pictures.append(tensor_to_picture(progress.function.render(self.size)))

    def write(self, path: Path, function: FittedImage) -> None:
        """Write a .gif, .webp or .png file that ends with the result, stays on it for two seconds, and starts again."""
        pictures = [*self.pictures[:-1], tensor_to_picture(function.render(self.size))]
        write_film(path, pictures, [80] * (len(pictures) - 1) + [2000])
