"""Test charts whose mean over every region is known exactly: a zone plate and text."""

import math
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from amortized_sr.coords import Size
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.resize import square_kernel

ChartName = Literal["zone plate", "text"]

CHARTS: tuple[ChartName, ...] = get_args(ChartName)

IMAGE_SIDE = 64
"""Pixels a side of the image that functions are made from."""

# Flat squares of a chart for each pixel of the image, a side.
_SQUARES = 32

# Lines of text with the size of their letters, in pixels of the image.
_LINES = (
    ("Regions", 15),
    ("not points", 11),
    ("a pixel is a mean", 7.5),
    ("of its area, however", 6.5),
    ("small it is", 6.5),
)


def chart(name: ChartName) -> InterpolatedImage:
    """Return a grey chart as a function; over a region it answers with its exact mean there.

    It consists of flat squares, 32 for each of 64 pixels of an image. The zone plate's rings become finer from the
    middle to the corners, where they reach the Nyquist frequency of the image, half a ring per pixel.
    """
    picture = _zone_plate() if name == "zone plate" else _text()
    return InterpolatedImage(picture[None, None], square_kernel())


def chart_image(one: InterpolatedImage, size: Size = (IMAGE_SIDE, IMAGE_SIDE)) -> Float[Tensor, "1 1 height width"]:
    """Return the image that a perfect camera makes of a chart: exact means over its pixels, rounded to 8 bits."""
    return (one.render(size) * 255).round() / 255


def _zone_plate() -> Float[Tensor, "height width"]:
    side = IMAGE_SIDE * _SQUARES
    place = (torch.arange(side, dtype=torch.float64) + 0.5) / _SQUARES - IMAGE_SIDE / 2
    squared = place[:, None] ** 2 + place**2
    # The phase's slope at a distance is 2 pi times the frequency there, which grows evenly.
    growth = 0.5 / (IMAGE_SIDE / 2 * math.sqrt(2))
    return (0.5 + 0.5 * torch.cos(math.pi * growth * squared)).float()


def _text() -> Float[Tensor, "height width"]:
    side = IMAGE_SIDE * _SQUARES
    picture = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(picture)
    top = 1.0
    for line, height in _LINES:
        pen.text((2 * _SQUARES, top * _SQUARES), line, fill=0, font=ImageFont.load_default(height * _SQUARES))
        top += 1.2 * height
    return torch.from_numpy(np.array(picture)).float() / 255
