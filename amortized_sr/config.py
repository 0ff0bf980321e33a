"""What a model is made of, as one flat record, and the only place where names become classes."""

from dataclasses import dataclass
from typing import Literal, assert_never

from torch import nn

from amortized_sr.encoders.base import Encoder
from amortized_sr.encoders.edsr import EDSR
from amortized_sr.encoders.span import SPAN
from amortized_sr.fields.base import Field
from amortized_sr.fields.blend import Neighbors
from amortized_sr.fields.concat import ConcatField, Unfold
from amortized_sr.fields.film import FilmField, ModulationHead
from amortized_sr.fields.hyper import Footprint, HyperField, hyper_head
from amortized_sr.fields.learned import LearnedField
from amortized_sr.model import AmortizedSR
from amortized_sr.resize import InterpolationName, interpolation_kernel


@dataclass(frozen=True)
class ModelConfig:
    """Everything that decides a model's parameters and what it computes. Default sizes are `configs/photo-tiny.yaml`'s.

    Attributes:
        channels: Colour channels: 1 (grey, applied to each channel of a colour image) or 3.
        encoder: Trunk that turns the image into features.
        encoder_width: Feature channels.
        encoder_blocks: Residual blocks (`edsr`) or attention blocks (`span`, at least 1).
        field: What turns (offset, cell, code) into colour.
        head_width: `hyper` and `learned`: width of the two hidden layers between features and codes; 0 for a
            single convolution.
        frequencies: `hyper`: sinusoids per axis; a code holds (2 * frequencies + 1)^2 numbers per colour.
        footprint: `hyper`: `point`, `gauss` (learned blur) or `box` (exact mean over the output pixel). The
            interpolated image below is averaged over the pixel as well when this is `box`.
        finest_cell: `gauss`: pixels smaller than this part of an image pixel blur like this one, because training shows
            no smaller ones: 1 / the largest trained scale.
        functions: `learned`: functions of the basis; a code holds as many numbers per colour.
        field_width: `concat`, `film` and `learned`: hidden width.
        field_depth: `concat`, `film` and `learned`: hidden layers.
        neighbors: Latent cells that answer for a point: 1, or 4 blended without seams.
        skip: Interpolation to which the field adds its part.
        mean: What is taken from the values before the trunk sees them: about the mean of the training images.
        deviation: What the rest is divided by: about their standard deviation.
    """

    channels: Literal[1, 3] = 3
    encoder: Literal["edsr", "span"] = "edsr"
    encoder_width: int = 32
    encoder_blocks: int = 6
    field: Literal["hyper", "learned", "concat", "film"] = "hyper"
    head_width: int = 48
    frequencies: int = 2
    footprint: Footprint = "gauss"
    finest_cell: float = 0.25
    functions: int = 32
    field_width: int = 256
    field_depth: int = 4
    neighbors: Neighbors = 4
    skip: InterpolationName = "bicubic"
    mean: float = 0.45
    deviation: float = 0.25

    def __post_init__(self) -> None:
        """Refuse values that no model can have, before anything is allocated."""
        bounds = {
            "encoder_width": (1, 1024),
            "encoder_blocks": (1 if self.encoder == "span" else 0, 128),
            "head_width": (0, 4096),
            "frequencies": (0, 32),
            "finest_cell": (0, 1),
            "functions": (1, 1024),
            "field_width": (1, 4096),
            "field_depth": (1, 64),
            "mean": (0, 1),
            "deviation": (1e-3, 10),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low} and {high}, got {value}")


def build_model(config: ModelConfig) -> AmortizedSR:
    """Return a freshly initialised model."""
    encoder = _build_encoder(config)
    head, field = _build_field(config, encoder.out_channels)
    return AmortizedSR(
        encoder=encoder,
        head=head,
        field=field,
        skip=interpolation_kernel(config.skip, region=config.footprint == "box"),
        channels=config.channels,
        mean=config.mean,
        deviation=config.deviation,
    )


def _build_encoder(config: ModelConfig) -> Encoder:
    match config.encoder:
        case "edsr":
            return EDSR(config.channels, config.encoder_width, config.encoder_blocks)
        case "span":
            return SPAN(config.channels, config.encoder_width, config.encoder_blocks)
        case _:
            assert_never(config.encoder)


def _build_field(config: ModelConfig, features: int) -> tuple[nn.Module, Field]:
    match config.field:
        case "hyper":
            hyper = HyperField(
                config.channels, config.frequencies, config.neighbors, config.footprint, config.finest_cell
            )
            return hyper_head(features, config.head_width, hyper.code_channels), hyper
        case "learned":
            learned = LearnedField(
                config.channels, config.functions, config.field_width, config.field_depth, config.neighbors
            )
            return hyper_head(features, config.head_width, learned.code_channels), learned
        case "concat":
            return Unfold(), ConcatField(
                9 * features,
                config.channels,
                config.field_width,
                config.field_depth,
                config.neighbors,
            )
        case "film":
            film = FilmField(config.channels, config.field_width, config.field_depth, config.neighbors)
            return ModulationHead(features, film.code_channels), film
        case _:
            assert_never(config.field)
