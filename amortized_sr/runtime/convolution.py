"""Convolutions as matrix products of shifted rows, and the encoders and the head that are made of them.

Features are a matrix with one row per pixel, of an image with a margin of one pixel that repeats its edges. A
neighbour of every pixel is then the same matrix from another row on, so that nothing is copied before a product. Pixels
are counted on through the margins at both sides, so their rows hold no features until they are filled again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Float32

from amortized_sr.coords import Size
from amortized_sr.model_config import ModelConfig

Tensors = Mapping[str, Float32[np.ndarray, "..."]]
"""Weights by name, as in a file."""

Features = Float32[np.ndarray, "_pixels _channel"]
"""Features of an image with its margin, row by row."""

# How large one product is: so small that OpenBLAS, which numpy's wheels bring, does not divide it among threads. On two
# cores that others use as well, threads that wait for each other took eight times as long. It is also in a cache.
LARGEST_PRODUCT = 1 << 18
"""Multiplications of one matrix product."""


@final
@dataclass(frozen=True)
class Network:
    """Planes -> codes, with the weights of a file.

    Args:
        config: What the network is made of; its head is that of the fields `hyper` and `learned`.
        tensors: The file's weights.
    """

    config: ModelConfig
    tensors: Tensors

    @property
    def num_weights(self) -> int:
        """How many weights the layers have, each of which is used once for every pixel."""
        return sum(tensor.size for name, tensor in self.tensors.items() if name.endswith(".weight"))

    def codes(self, colours: Float32[np.ndarray, "channel height width"]) -> Float32[np.ndarray, "code height width"]:
        """Return the codes of an image with as many colours as the network has."""
        size = colours.shape[1], colours.shape[2]
        seen = (colours - self.tensors["mean"]) / self.tensors["deviation"]
        trunk = self._edsr if self.config.encoder == "edsr" else self._span
        features = self._head(trunk(_with_margin(seen), size), size)
        return features.reshape(size[0] + 2, size[1] + 2, -1)[1:-1, 1:-1].transpose(2, 0, 1)

    def _edsr(self, planes: Features, size: Size) -> Features:
        """Return what `encoders.edsr.EDSR` returns."""
        shallow = features = self._convolve(planes, "encoder.first", size)
        for number in range(self.config.encoder_blocks):
            name = f"encoder.blocks.{number}"
            residual = self._convolve(self._convolve(features, f"{name}.first", size, _relu), f"{name}.second", size)
            features = features + residual
        return self._convolve(features, "encoder.last", size) + shallow

    def _span(self, planes: Features, size: Size) -> Features:
        """Return what `encoders.span.SPAN` returns."""
        outputs = [self._convolve(planes, "encoder.first", size)]
        for number in range(self.config.encoder_blocks):
            residual = outputs[-1]
            for name, activation in (("first", _silu), ("second", _silu), ("third", None)):
                residual = self._convolve(residual, f"encoder.blocks.{number}.{name}", size, activation)
            outputs.append((outputs[-1] + residual) * (_sigmoid(residual) - np.float32(0.5)))
        deep = self._convolve(outputs[-1], "encoder.last", size)
        merged = np.concatenate((outputs[0], deep, outputs[1], outputs[-2]), axis=1)
        return self._convolve(merged, "encoder.merge", size)

    def _head(self, features: Features, size: Size) -> Features:
        """Return what `heads.ConvolutionalHead` returns."""
        if self.config.head_width == 0:
            return self._convolve(features, "head.0", size)
        hidden = self._convolve(features, "head.0", size, _relu)
        return self._convolve(self._convolve(hidden, "head.2", size, _relu), "head.4", size)

    def _convolve(
        self, features: Features, name: str, size: Size, activation: Callable[[Features], None] | None = None
    ) -> Features:
        """Return the features after a layer, and their margin."""
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        across = size[1] + 2
        if weight.shape[2] == 1:
            shifts, first, stop = [0], 0, len(features)
        else:
            shifts = [down * across + right for down in (-1, 0, 1) for right in (-1, 0, 1)]
            first, stop = across + 1, len(features) - across - 1
        # (output, input, 3, 3) -> a matrix for each neighbour
        matrices = np.ascontiguousarray(weight.reshape(*weight.shape[:2], -1).transpose(2, 1, 0))
        result = np.empty((len(features), len(bias)), np.float32)
        step = max(1, LARGEST_PRODUCT // matrices[0].size)
        for start in range(first, stop, step):
            part = slice(start, min(start + step, stop))
            total = result[part]
            total[:] = bias
            for matrix, shift in zip(matrices, shifts, strict=True):
                total += features[part.start + shift : part.stop + shift] @ matrix
            if activation is not None:
                activation(total)
        if len(shifts) > 1:
            _fill_margin(result.reshape(size[0] + 2, across, -1))
        return result


def _relu(features: Features) -> None:
    np.maximum(features, 0, out=features)


def _silu(features: Features) -> None:
    features *= _sigmoid(features)


def _sigmoid(features: Features) -> Features:
    # Unlike the quotient with an exponential, this never overflows.
    return np.tanh(features / 2) / 2 + np.float32(0.5)


def _with_margin(planes: Float32[np.ndarray, "channel height width"]) -> Features:
    padded = np.pad(planes.transpose(1, 2, 0), ((1, 1), (1, 1), (0, 0)), mode="edge")
    return padded.reshape(-1, len(planes))


def _fill_margin(features: Float32[np.ndarray, "height width channel"]) -> None:
    features[:, 0], features[:, -1] = features[:, 1], features[:, -2]
    features[0], features[-1] = features[1], features[-2]
