"""Drawn graphics as training images: shapes, strokes, gradients, letters, dithering and sprites.

Photographs that were shrunk contain no steps from one flat colour to another, so networks trained on them alone ring
there. Scenes are drawn finer than anything made of them, so that means over their pixels are exact images of any size.
"""

import math
from functools import lru_cache
from typing import final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from amortized_sr.data.images import Pixels

# A stream of random numbers: (seed, stream, number). Pairs use 0 to 3, their degradation 4 to 6.
_SCENE = 7

UNIT = 4
"""Pixels of a scene that make a pixel of a target. Sprites and dithering have whole units."""

_LETTERS = "".join(map(chr, range(33, 127)))


def draw_scene(seed: int, number: int, side: int) -> Pixels:
    """Return a scene `(side, side, 3)`, which depends on the seed and its number only."""
    scene = _Scene(np.random.default_rng((seed, _SCENE, number)), side)
    return scene.draw()


@final
class _Scene:
    """A square picture, its colours and its random numbers."""

    def __init__(self, random: np.random.Generator, side: int) -> None:
        self.random = random
        self.side = side
        self.picture = Image.new("RGB", (side, side))
        self.pen = ImageDraw.Draw(self.picture)
        # Few colours as in most graphics, black and white among them; a fifth of the scenes is grey.
        colours = random.integers(0, 256, (int(random.integers(2, 9)), 3))
        if random.random() < 0.2:
            colours[:] = colours[:, :1]
        self.colours = [tuple(colour) for colour in colours.tolist()] + [(0, 0, 0), (255, 255, 255)]

    def draw(self) -> Pixels:
        """Draw the ground, then larger things before smaller ones."""
        self.paste(self.ground(self.side, self.side), 0, 0)
        rare = (self.sprite, self.dither, self.gradient, self.stripes)
        things = (*(self.shape,) * 3, *(self.stroke,) * 2, *(self.text,) * 3, *rare)
        count = int(self.random.integers(4, 25))
        for index in range(count):
            size = self.side * 0.8 * (0.12 ** (index / count)) * self.random.uniform(0.7, 1.3)
            things[self.random.integers(len(things))](max(8 * UNIT, round(size)))
        return np.array(self.picture)

    def colour(self) -> tuple[int, ...]:
        return self.colours[self.random.integers(len(self.colours))]

    def two_colours(self) -> np.ndarray:
        """Return two different places of the list, so that most things are seen; `(2, 3)`."""
        first, second = self.random.permutation(len(self.colours))[:2]
        return np.array([self.colours[first], self.colours[second]], dtype=np.float32)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def between(self, low: int | float, high: int | float) -> float:
        """Return a number whose logarithm is uniform."""
        return math.exp(self.random.uniform(math.log(low), math.log(high)))

    def place(self, size: int) -> tuple[int, int]:
        """Return the upper left corner `(x, y)` of a thing, in whole units."""
        x, y = self.random.integers(-size // 2, self.side - size // 2, 2) // UNIT * UNIT
        return int(x), int(y)

    def points(self, size: int, count: int) -> list[tuple[float, float]]:
        x, y = self.place(size)
        return [(x + size * float(u), y + size * float(v)) for u, v in self.random.random((count, 2))]

    def paste(self, values: np.ndarray, x: int, y: int, mask: np.ndarray | None = None) -> None:
        shown = None if mask is None else Image.fromarray(mask.astype(np.uint8) * 255)
        self.picture.paste(Image.fromarray(values), (x, y), shown)

    def ground(self, height: int, width: int) -> np.ndarray:
        """Return a flat colour, or two that pass into each other along a line or around a point."""
        first, second = self.two_colours()
        if self.chance(0.5):
            return np.full((height, width, 3), first, dtype=np.uint8)
        y, x = np.ogrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
        if self.chance(0.3):
            middle = self.random.random(2)
            way = np.hypot(y - middle[0], x - middle[1])
        else:
            angle = self.random.uniform(0, 2 * math.pi)
            way = y * math.sin(angle) + x * math.cos(angle)
        way = ((way - way.min()) / (np.ptp(way) + 1e-9)).astype(np.float32)
        return (first + way[..., None] * (second - first) + 0.5).astype(np.uint8)

    def shape(self, size: int) -> None:
        x, y = self.place(size)
        width, height = (max(UNIT, round(size * self.random.uniform(0.2, 1))) for _ in range(2))
        box = (x, y, x + width, y + height)
        fill, line = (self.colour() if self.chance(0.7) else None), round(self.between(UNIT, 6 * UNIT))
        outline = self.colour() if fill is None or self.chance(0.4) else None
        match int(self.random.integers(4)):
            case 0:
                self.pen.rectangle(box, fill, outline, line)
            case 1:
                self.pen.rounded_rectangle(box, self.between(UNIT, size / 2), fill, outline, line)
            case 2:
                self.pen.ellipse(box, fill, outline, line)
            case _:
                self.pen.polygon(self.points(size, int(self.random.integers(3, 8))), fill, outline, line)

    def stroke(self, size: int) -> None:
        width, colour = round(self.between(UNIT, 10 * UNIT)), self.colour()
        for _ in range(int(self.random.integers(1, 6))):
            corners = np.array(self.points(size, int(self.random.integers(2, 5))))
            if self.chance(0.5):
                # A Bezier curve through the first and the last point.
                t, order = np.linspace(0, 1, 24)[:, None], len(corners) - 1
                terms = [math.comb(order, k) * t**k * (1 - t) ** (order - k) * corners[k] for k in range(order + 1)]
                corners = np.sum(terms, axis=0)
            self.pen.line([(float(u), float(v)) for u, v in corners], colour, width, "curve")

    def text(self, size: int) -> None:
        """Write lines of random letters: larger and smaller, bold, slanted, turned, or of a pixel font."""
        height = round(min(size, self.between(8 * UNIT, 64 * UNIT)))
        lines = ["".join(self.random.choice([*_LETTERS, " "], int(self.random.integers(1, 14)))) for _ in range(4)]
        text = "\n".join(lines[: max(1, min(4, size // height))])
        if self.chance(0.15):
            mask = _pixel_letters(text)
            zoom = max(1, height // (12 * UNIT)) * UNIT
            mask = mask.resize((mask.width * zoom, mask.height * zoom), Image.Resampling.NEAREST)
        else:
            mask = _letters(text, height, round(height * self.random.uniform(0.01, 0.06)) if self.chance(0.3) else 0)
            if self.chance(0.2):
                slant = (1, self.random.uniform(0.05, 0.3), 0, 0, 1, 0)
                mask = mask.transform(mask.size, Image.Transform.AFFINE, slant, Image.Resampling.BILINEAR)
            if self.chance(0.2):
                mask = mask.rotate(self.random.uniform(-90, 90), Image.Resampling.BILINEAR, expand=True)
        self.pen.bitmap(self.place(size), mask, self.colour())

    def sprite(self, size: int) -> None:
        """Paste one or more copies of a small figure of few colours, enlarged by nearest."""
        cells, zoom = int(self.random.integers(6, 20)), UNIT * int(self.random.integers(1, 7))
        half = self.random.random((cells, (cells + 1) // 2))
        # Fuller in the middle, and mirrored: what a figure looks like.
        middle = np.hypot(*np.ogrid[-1 : 1 : cells * 1j, -1 : 0 : half.shape[1] * 1j])
        body = half > middle * 0.8
        tones = self.random.integers(0, len(self.colours), half.shape)
        bands = self.random.integers(0, len(self.colours), (cells, 1))
        tones = np.where(self.random.random(half.shape) < 0.7, bands, tones)
        left = np.array(self.colours, dtype=np.uint8)[tones]
        figure, shown = (np.concatenate([part, part[:, ::-1]], axis=1) for part in (left, body))
        figure, shown = (part.repeat(zoom, axis=0).repeat(zoom, axis=1) for part in (figure, shown))
        for _ in range(int(self.random.integers(1, 5))):
            self.paste(figure, *self.place(size), shown)

    def dither(self, size: int) -> None:
        """Paste a gradient as dots of two colours, by thresholds in order or at random."""
        zoom = UNIT * int(self.random.integers(1, 4))
        cells = max(4, size // zoom)
        y, x = np.ogrid[:cells, :cells]
        weights = self.random.uniform(-1, 1, 2)
        tone = (weights[0] * y + weights[1] * x) / cells / 2 + 0.5
        limits = _bayer()[y % 8, x % 8] if self.chance(0.7) else self.random.random((cells, cells))
        first, second = self.two_colours()
        dots = np.where((tone > limits)[..., None], first, second).astype(np.uint8)
        self.paste(dots.repeat(zoom, axis=0).repeat(zoom, axis=1), *self.place(size))

    def gradient(self, size: int) -> None:
        height, width = (max(UNIT, round(size * self.random.uniform(0.3, 1))) for _ in range(2))
        self.paste(self.ground(height, width), *self.place(size))

    def stripes(self, size: int) -> None:
        """Paste stripes, checks or a grid of thin lines, of which some are as fine as pixels."""
        period = self.between(2 * UNIT, max(4 * UNIT, size / 3))
        part = self.random.uniform(0.15, 0.85)
        angle = self.random.choice([0.0, math.pi / 2, self.random.uniform(0, math.pi)])
        y, x = np.ogrid[:size, :size]
        along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        on, off = (along / period) % 1 < part, (across / period) % 1 < part
        match int(self.random.integers(3)):
            case 0:
                shown = np.broadcast_to(on, (size, size))
            case 1:
                shown = on ^ off
            case _:
                shown = on | off
        first, second = self.two_colours()
        self.paste(np.where(shown[..., None], first, second).astype(np.uint8), *self.place(size))


def _letters(text: str, height: int, bold: int) -> Image.Image:
    """Return a mask of a text in the font that Pillow itself holds (Aileron, CC0): no file, no dependency."""
    # Sizes in steps of a sixteenth, so that few fonts are kept.
    font = _font(round(2 ** (round(math.log2(height) * 16) / 16)))
    box = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox((0, 0), text, font, stroke_width=bold)
    mask = Image.new("L", (max(1, math.ceil(box[2] - box[0])), max(1, math.ceil(box[3] - box[1]))))
    ImageDraw.Draw(mask).multiline_text((-box[0], -box[1]), text, 255, font, stroke_width=bold)
    return mask


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _pixel_letters(text: str) -> Image.Image:
    """Return a mask of a text in Pillow's font of pixels."""
    font = ImageFont.load_default_imagefont()
    pen = ImageDraw.Draw(Image.new("1", (1, 1)))
    _, _, width, height = pen.multiline_textbbox((0, 0), text, font)
    mask = Image.new("L", (max(1, math.ceil(width)), max(1, math.ceil(height))))
    ImageDraw.Draw(mask).multiline_text((0, 0), text, 255, font)
    return mask


@lru_cache(maxsize=1)
def _bayer() -> np.ndarray:
    """Return Bayer's 8x8 matrix of thresholds between 0 and 1."""
    matrix = np.zeros((1, 1))
    for _ in range(3):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / 64
