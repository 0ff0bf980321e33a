"""Networks of models as ONNX graphs: encoders, the decoders of autoencoders, and whole models at a fixed scale."""

import logging
import math
import warnings
from typing import final

import onnx
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from amortized_sr.autoencoder import Autoencoder
from amortized_sr.fields.hyper import HyperField
from amortized_sr.model import AmortizedSR
from amortized_sr.runtime.field_graph import IR_VERSION, OPSET
from amortized_sr.sampling import Kernel

# Sizes for tracing: odd and even ones, none of which an exported graph remembers.
_TRACED = 2, 11, 14


def encoder_graph(model: AmortizedSR) -> onnx.ModelProto:
    """Return the encoder: `image` (and `strengths`) -> `codes` and the `base` image.

    Batch, height and width may be anything; `strengths` are (batch, conditions), as the model reads them.
    """
    batch, height, width = _TRACED
    image = torch.rand(batch, model.channels, height, width)
    inputs = {"image": image}
    if model.conditions:
        inputs["strengths"] = torch.rand(batch, len(model.conditions))
    outputs = ["codes"] if model.skip is None else ["codes", "base"]
    return _exported(_Encoder(model), inputs, outputs, {"image": ("batch", None, "height", "width")})


def frame_encoder_graph(model: Autoencoder) -> onnx.ModelProto:
    """Return the encoder of an autoencoder: `image` in its frame and `side` -> `code`.

    `side` (batch, 1) is how many pixels a side the image had before it was brought to the frame, of the frame's.
    """
    image = torch.rand(2, model.channels, *model.frame)
    return _exported(_FrameEncoder(model), {"image": image, "side": torch.ones(2, 1)}, ["code"], {})


def decoder_graph(model: Autoencoder) -> onnx.ModelProto:
    """Return the decoder of an autoencoder: `code` -> the `codes` of the field."""
    return _exported(_Decoder(model), {"code": torch.rand(2, model.code_size)}, ["codes"], {})


def fixed_scale_graph(model: AmortizedSR, scale: int) -> onnx.ModelProto:
    """Return a whole model at one scale: `image` -> `picture`, clamped; a model that reads strengths is told 0."""
    batch, height, width = _TRACED
    image = torch.rand(batch, model.channels, height, width)
    axes = {"image": ("batch", None, "height", "width")}
    return _exported(FixedScale(model, scale), {"image": image}, ["picture"], axes)


@final
class FixedScale(nn.Module):
    """A model at a whole scale: the field and the base image are convolutions whose outputs are shuffled into pixels.

    Args:
        model: A model with the field `hyper`.
        scale: Output pixels per cell, per axis.
    """

    learned: Tensor
    interpolated: Tensor | None

    def __init__(self, model: AmortizedSR, scale: int) -> None:
        super().__init__()
        field = model.field
        if not isinstance(field, HyperField):
            raise ValueError(f"a graph of a fixed scale needs a hyper field, not {type(field).__name__}")
        self.model = model
        self.scale = scale
        colours = field.code_channels // field.basis.num_functions**2
        self.register_buffer("learned", _phase_kernel(field.basis, scale, colours))
        skip = None if model.skip is None else _phase_kernel(model.skip, scale, model.channels)
        self.register_buffer("interpolated", skip)

    def forward(self, image: Float[Tensor, "batch colour height width"]) -> Float[Tensor, "batch colour rows columns"]:
        """Return the images with `scale` times as many pixels a side, clamped to [0, 1]."""
        none = image.new_zeros(1, len(self.model.conditions), 1, 1)
        planes = torch.cat((image, none.expand(image.shape[0], -1, *image.shape[-2:])), dim=1)
        latent = self.model.encode(planes).latent
        picture = self._spread(latent.codes, self.learned)
        if self.interpolated is not None and latent.image is not None:
            picture = picture + self._spread(latent.image, self.interpolated)
        return picture.clamp(0, 1)

    def _spread(self, codes: Tensor, kernel: Tensor) -> Tensor:
        reach = kernel.shape[-1] // 2
        padded = functional.pad(codes, (reach,) * 4, mode="replicate")
        groups = codes.shape[1] // kernel.shape[1]
        return functional.pixel_shuffle(functional.conv2d(padded, kernel, groups=groups), self.scale)


def _phase_kernel(kernel: Kernel, scale: int, colours: int) -> Float[Tensor, "output function cells cells"]:
    """Return what each pixel of a cell takes of the codes around, as the weights of a convolution."""
    reach = math.ceil(kernel.reach(1 / scale) - 0.5 / scale)
    offset = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    offset = offset[:, None] - torch.arange(-reach, reach + 1)
    # (pixel, cell, function)
    values = kernel(offset, torch.tensor(1 / scale, dtype=torch.float64)).float()
    both = torch.einsum("pnj,qmk->pqjknm", values, values).flatten(2, 3).flatten(0, 1)
    return both.repeat(colours, 1, 1, 1).detach()


@final
class _Encoder(nn.Module):
    """The encoder, with its conditions as numbers."""

    def __init__(self, model: AmortizedSR) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, strengths: Tensor | None = None) -> tuple[Tensor, ...]:
        planes = image
        if strengths is not None:
            planes = torch.cat((image, strengths[:, :, None, None].expand(-1, -1, *image.shape[-2:])), dim=1)
        latent = self.model.encode(planes).latent
        return (latent.codes,) if latent.image is None else (latent.codes, latent.image)


@final
class _FrameEncoder(nn.Module):
    """The encoder of an autoencoder, for images that are in its frame already."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, side: Tensor) -> Tensor:
        model = self.model
        known = side.log2()[:, :, None, None].expand(-1, -1, *image.shape[-2:])
        return model.encoder(torch.cat(((image - model.mean) / model.deviation, known), dim=1))


@final
class _Decoder(nn.Module):
    """The decoder of an autoencoder."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, code: Tensor) -> Tensor:
        return self.model.decoder(code)


def _exported(
    network: nn.Module,
    inputs: dict[str, Tensor],
    outputs: list[str],
    axes: dict[str, tuple[str | None, ...]],
) -> onnx.ModelProto:
    """Return a network as a graph; axes without a name are those of the inputs, but for the batch."""
    names = {name: axes.get(name, ("batch",) + (None,) * (tensor.ndim - 1)) for name, tensor in inputs.items()}
    dynamic = [{axis: torch.export.Dim.DYNAMIC for axis, word in enumerate(words) if word} for words in names.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of torch's exporter about itself.
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            network.eval(),
            tuple(inputs.values()),
            dynamo=True,
            dynamic_shapes=tuple(dynamic),
            input_names=list(inputs),
            output_names=outputs,
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.ir_version = IR_VERSION
    for value in model.graph.input:
        for dimension, word in zip(value.type.tensor_type.shape.dim, names[value.name], strict=True):
            if word:
                dimension.dim_param = word
    return model
