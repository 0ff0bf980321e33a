"""Builds models from their configuration: the only place where names become classes."""

from typing import assert_never

from amortized_sr.autoencoder import Autoencoder
from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.decoders import Decoder, GridDecoder, LinearUnfold, ModulatedUnfold, SingleDecoder
from amortized_sr.encoders.base import Encoder
from amortized_sr.encoders.edsr import EDSR
from amortized_sr.encoders.hybrid import Hybrid
from amortized_sr.encoders.span import SPAN
from amortized_sr.encoders.whole import WholeEncoder
from amortized_sr.fields.base import Field
from amortized_sr.fields.concat import ConcatField
from amortized_sr.fields.film import FilmField
from amortized_sr.fields.hyper import HyperField
from amortized_sr.fields.learned import LearnedField
from amortized_sr.heads import ConvolutionalHead, CorrectingHead, Head, ModulationHead, UnfoldingHead
from amortized_sr.mixture import GaussianMixture
from amortized_sr.model import AmortizedSR
from amortized_sr.model_config import ModelConfig
from amortized_sr.resize import interpolation_kernel

AnyModel = AmortizedSR | Autoencoder
"""Models that weights hold."""

# One cell is the whole image, so the offsets' range is that of a few cells elsewhere.
_WHOLE_IMAGE_OMEGA = 24.0


def build(config: ModelConfig | AutoencoderConfig) -> AnyModel:
    """Return a freshly initialised model of any kind."""
    return build_model(config) if isinstance(config, ModelConfig) else build_autoencoder(config)


def build_model(config: ModelConfig) -> AmortizedSR:
    """Return a freshly initialised model.

    Example:
        >>> model = build_model(ModelConfig(channels=1, encoder_width=8, encoder_blocks=1))
        >>> sum(parameter.numel() for parameter in model.parameters()) > 1000
        True
    """
    encoder = _build_encoder(config)
    head, field = _build_field(config, encoder.out_channels)
    if config.corrects:
        head = CorrectingHead(head, encoder.out_channels, config.channels)
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
        case "hybrid":
            half = config.half_width, config.half_blocks
            return Hybrid(planes, config.encoder_width, config.encoder_blocks, *half)
        case "span":
            return SPAN(planes, config.encoder_width, config.encoder_blocks)
        case _:
            assert_never(config.encoder)


def _build_field(config: ModelConfig, features: int) -> tuple[Head, Field]:
    channels, width, depth, neighbors = config.channels, config.field_width, config.field_depth, config.neighbors
    match config.field:
        case "hyper":
            hyper = HyperField(
                channels, config.frequencies, neighbors, config.footprint, config.finest_cell, config.keeps_tone
            )
            each_colour = hyper.basis.num_functions**2 if config.keeps_tone else None
            return ConvolutionalHead(features, config.head_width, hyper.code_channels, each_colour), hyper
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


def build_autoencoder(config: AutoencoderConfig) -> Autoencoder:
    """Return a freshly initialised autoencoder.

    Example:
        >>> import torch
        >>> autoencoder = build_autoencoder(AutoencoderConfig(code=16))
        >>> autoencoder.encode(torch.rand(2, 1, 14, 14)).shape
        torch.Size([2, 16])
    """
    planes = config.channels + 1
    encoder = WholeEncoder(planes, config.frame, config.encoder_width, config.hidden, config.code, config.code_grid)
    decoder, field = _build_decoder(config)
    return Autoencoder(
        encoder=encoder,
        decoder=decoder,
        field=field,
        prior=GaussianMixture(config.components, config.code) if config.components else None,
        code_size=config.code,
        frame=(config.frame, config.frame),
        channels=config.channels,
        mean=config.mean,
        deviation=config.deviation,
    )


def _build_decoder(config: AutoencoderConfig) -> tuple[Decoder, Field]:
    channels, width, cells = config.channels, config.decoder_width, config.cells
    match config.decoder:
        case "linear" | "modulated":
            field = HyperField(channels, config.frequencies, 4, "gauss", config.finest_cell)
            if config.decoder == "linear":
                unfold = LinearUnfold(config.code, config.code_grid, cells, width)
            else:
                unfold = ModulatedUnfold(config.code, cells, config.rank, width)
            return GridDecoder(unfold, width, config.decoder_blocks, field.code_channels), field
        case "hyper":
            field = HyperField(channels, config.frequencies, 1, "gauss", config.finest_cell)
        case "film":
            field = FilmField(channels, config.field_width, config.field_depth, 1, _WHOLE_IMAGE_OMEGA)
        case "learned":
            field = LearnedField(channels, config.functions, config.field_width, config.field_depth, 1)
        case _:
            assert_never(config.decoder)
    return SingleDecoder(config.code, width, field.code_channels), field
