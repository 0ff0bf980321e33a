"""The record of everything that a model is made of. Loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from amortized_sr.choices import ConditionName, EncoderName, FieldName, Footprint, InterpolationName, Neighbors


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides a model's parameters and what it computes. Default sizes are `configs/photo-tiny.yaml`'s.

    Attributes:
        channels: Colour channels: 1 (grey, applied to each channel of a colour image) or 3.
        conditions: Facts about an image that the encoder reads beside its colours, one plane each. A model that reads
            any also corrects the base image, by a share that is 0 at strength 0.
        encoder: Trunk that turns the image into features.
        encoder_width: Feature channels.
        encoder_blocks: Residual blocks (`edsr`; `hybrid`: those at the image's own resolution) or attention blocks
            (`span`, at least 1).
        half_width: `hybrid`: feature channels at half the resolution.
        half_blocks: `hybrid`: residual blocks at half the resolution.
        field: Coordinate network that turns (offset, cell, code) into colour.
        head_width: `hyper` and `learned`: width of the two hidden layers between features and codes; 0 for a
            single convolution.
        frequencies: `hyper`: sinusoids per axis; a code holds (2 * frequencies + 1)^2 numbers per colour.
        footprint: `hyper`: `point`, `gauss` (learned blur) or `box` (exact mean over the output pixel). The
            interpolated image below is averaged over the pixel as well when this is `box`.
        finest_cell: `gauss`: pixels smaller than this part of an image pixel blur like this one, because training shows
            no smaller ones: 1 / the largest trained scale.
        keeps_tone: `hyper`: whether the field leaves the mean tone of every neighbourhood to the base image, whatever
            the scale above 1: no function but the constant has a mean, and where it is the constant in x and in y, its
            codes are 0.
        functions: `learned`: functions of the basis; a code holds as many numbers per colour.
        field_width: `concat`, `film` and `learned`: hidden width.
        field_depth: `concat`, `film` and `learned`: hidden layers.
        neighbors: Latent cells that contribute to a point: 1, or 4 blended without seams.
        skip: Interpolated image that the field adds to; `none` leaves everything to the field.
        mean: Subtracted from the colours before the trunk: about the mean of the training images.
        deviation: Divides the result: about the standard deviation of the training images.
    """

    channels: Literal[1, 3] = 3
    conditions: tuple[ConditionName, ...] = ()
    encoder: EncoderName = "edsr"
    encoder_width: int = 32
    encoder_blocks: int = 6
    half_width: int = 64
    half_blocks: int = 4
    field: FieldName = "hyper"
    head_width: int = 48
    frequencies: int = 2
    footprint: Footprint = "gauss"
    finest_cell: float = 0.25
    keeps_tone: bool = False
    functions: int = 32
    field_width: int = 256
    field_depth: int = 4
    neighbors: Neighbors = 4
    skip: InterpolationName | Literal["none"] = "bicubic"
    mean: float = 0.45
    deviation: float = 0.25

    @property
    def code_channels(self) -> int:
        """`hyper`: how many numbers a code holds."""
        return self.channels * (2 * self.frequencies + 1) ** 2

    @property
    def corrects(self) -> bool:
        """Whether the model corrects the interpolated image below."""
        return bool(self.conditions) and self.skip != "none"

    def __post_init__(self) -> None:
        """Reject values that no model can have, before anything is allocated."""
        check_bounds(
            self,
            {
                "encoder_width": (1, 1024),
                "encoder_blocks": (1 if self.encoder == "span" else 0, 128),
                "half_width": (1, 1024),
                "half_blocks": (0, 128),
                "head_width": (0, 4096),
                "frequencies": (0, 32),
                "finest_cell": (0, 1),
                "functions": (1, 1024),
                "field_width": (1, 4096),
                "field_depth": (1, 64),
                "mean": (0, 1),
                "deviation": (1e-3, 10),
            },
        )
        if len(set(self.conditions)) < len(self.conditions):
            raise ValueError(f"conditions must differ from each other, got {self.conditions}")
        if self.keeps_tone and not (self.field == "hyper" and self.head_width and self.frequencies):
            raise ValueError(
                "keeps_tone needs the field hyper, and head_width and frequencies of at least 1, got "
                f"{self.field}, {self.head_width} and {self.frequencies}; set it to false"
            )
        if self.keeps_tone and self.skip == "none":
            raise ValueError("keeps_tone leaves the tone to the interpolated image; set skip to bicubic or bilinear")


def check_bounds(settings: object, bounds: Mapping[str, tuple[int | float, int | float]]) -> None:
    """Check that settings lie between the smallest and the largest value of their names.

    Raises:
        ValueError: If one does not.
    """
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise ValueError(f"{name} must be between {low} and {high}, got {value}")
