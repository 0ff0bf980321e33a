"""Builds models from their configuration: the only place where names become classes."""

from typing import assert_never

from amortized_sr.encoders.base import Encoder
from amortized_sr.encoders.edsr import EDSR
from amortized_sr.encoders.span import SPAN
from amortized_sr.fields.base import Field
from amortized_sr.fields.concat import ConcatField
from amortized_sr.fields.film import FilmField
from amortized_sr.fields.hyper import HyperField
from amortized_sr.fields.learned import LearnedField
from amortized_sr.heads import ConvolutionalHead, Head, ModulationHead, UnfoldingHead
from amortized_sr.model import AmortizedSR
from amortized_sr.model_config import ModelConfig
from amortized_sr.resize import interpolation_kernel


def build_model(config: ModelConfig) -> AmortizedSR:
    """Return a freshly initialised model.

    Example:
        >>> model = build_model(ModelConfig(channels=1, encoder_width=8, encoder_blocks=1))
        >>> sum(parameter.numel() for parameter in model.parameters()) > 1000
        True
    """
    encoder = _build_encoder(config)
    head, field = _build_field(config, encoder.out_channels)
    return AmortizedSR(
        encoder=encoder,
        head=head,
        field=field,
        skip=None if config.skip == "none" else interpolation_kernel(config.skip, region=config.footprint == "box"),
        channels=config.channels,
        conditions=config.conditions,
        mean=config.mean,
        deviation=config.deviation,
    )


def _build_encoder(config: ModelConfig) -> Encoder:
    planes = config.channels + len(config.conditions)
    match config.encoder:
        case "edsr":
            return EDSR(planes, config.encoder_width, config.encoder_blocks)
        case "span":
            return SPAN(planes, config.encoder_width, config.encoder_blocks)
        case _:
            assert_never(config.encoder)


def _build_field(config: ModelConfig, features: int) -> tuple[Head, Field]:
    channels, width, depth, neighbors = config.channels, config.field_width, config.field_depth, config.neighbors
    match config.field:
        case "hyper":
            hyper = HyperField(channels, config.frequencies, neighbors, config.footprint, config.finest_cell)
            return ConvolutionalHead(features, config.head_width, hyper.code_channels), hyper
        case "learned":
            learned = LearnedField(channels, config.functions, width, depth, neighbors)
            return ConvolutionalHead(features, config.head_width, learned.code_channels), learned
        case "concat":
            return UnfoldingHead(), ConcatField(9 * features, channels, width, depth, neighbors)
        case "film":
            film = FilmField(channels, width, depth, neighbors)
            return ModulationHead(features, film.code_channels), film
        case _:
            assert_never(config.field)
