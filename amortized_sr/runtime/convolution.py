"""Convolutions as matrix products of shifted rows, and the encoders and the head that are made of them.

Features are a matrix with one row per pixel, of an image with a margin of one pixel that repeats its edges. A
neighbour of every pixel is then the same matrix from another row on, so that nothing is copied before a product. Pixels
are counted on through the margins at both sides, so their rows hold no features until they are filled again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never, final

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

_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


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
    def work_per_pixel(self) -> int:
        """How many multiplications the layers do for a pixel: one for each weight, at half the resolution a quarter."""
        half = ("encoder.down.", "encoder.blocks.", "encoder.up.") if self.config.encoder == "hybrid" else ()
        weights = {name: tensor.size for name, tensor in self.tensors.items() if name.endswith(".weight")}
        return sum(size // 4 if name.startswith(half) else size for name, size in weights.items())

    def codes(self, planes: Float32[np.ndarray, "plane height width"]) -> Float32[np.ndarray, "code height width"]:
        """Return the codes of an image with as many colours as the network has, and behind them a correction of it.

        Args:
            planes: Colours, then the conditions that the model reads. The correction is that of such a model.
        """
        size = planes.shape[1], planes.shape[2]
        colours = (planes[: self.config.channels] - self.tensors["mean"]) / self.tensors["deviation"]
        seen = _with_margin(np.concatenate((colours, planes[self.config.channels :])))
        match self.config.encoder:
            case "edsr":
                features = self._edsr(seen, size)
            case "hybrid":
                features = self._hybrid(seen, size)
            case "span":
                features = self._span(seen, size)
            case _:
                assert_never(self.config.encoder)
        if not self.config.corrects:
            return _inside(self._head(features, "head", size), size).transpose(2, 0, 1)
        parts = self._head(features, "head.codes", size), self._convolve(features, "head.correction", size)
        return np.concatenate([_inside(part, size) for part in parts], axis=2).transpose(2, 0, 1)

    def _edsr(self, planes: Features, size: Size) -> Features:
        """Return what `encoders.edsr.EDSR` returns."""
        shallow = self._convolve(planes, "encoder.first", size)
        features = self._blocks(shallow, "encoder.blocks", self.config.encoder_blocks, size)
        return self._convolve(features, "encoder.last", size) + shallow

    def _hybrid(self, planes: Features, size: Size) -> Features:
        """Return what `encoders.hybrid.Hybrid` returns."""
        before = self.config.encoder_blocks // 2
        shallow = self._convolve(planes, "encoder.first", size)
        fine = self._blocks(shallow, "encoder.before", before, size)
        half = -(-size[0] // 2), -(-size[1] // 2)
        coarse = self._blocks(self._halved(fine, size, half), "encoder.blocks", self.config.half_blocks, half)
        fine = fine + self._doubled(coarse, half, size)
        fine = self._blocks(fine, "encoder.after", self.config.encoder_blocks - before, size)
        return self._convolve(fine, "encoder.last", size) + shallow

    def _blocks(self, features: Features, name: str, count: int, size: Size) -> Features:
        """Return features after so many residual blocks."""
        for number in range(count):
            block = f"{name}.{number}"
            residual = self._convolve(self._convolve(features, f"{block}.first", size, _relu), f"{block}.second", size)
            features = features + residual
        return features

    def _halved(self, features: Features, size: Size, half: Size) -> Features:
        """Return what the convolution with stride 2 makes of features, whose odd sides are continued."""
        odd = (0, size[0] % 2), (0, size[1] % 2), (0, 0)
        even = np.pad(_inside(features, size), odd, mode="edge")
        weight, bias = self.tensors["encoder.down.weight"], self.tensors["encoder.down.bias"]
        total = np.broadcast_to(bias, (half[0] * half[1], len(bias))).copy()
        for down, right in _CORNERS:
            corner = even[down::2, right::2].reshape(len(total), -1)
            _add_product(total, corner, np.ascontiguousarray(weight[:, :, down, right].T))
        return _with_margin(total.reshape(*half, -1).transpose(2, 0, 1))

    def _doubled(self, features: Features, half: Size, size: Size) -> Features:
        """Return what the transposed convolution with stride 2 makes of features, cut to a size."""
        weight, bias = self.tensors["encoder.up.weight"], self.tensors["encoder.up.bias"]
        inside = np.ascontiguousarray(_inside(features, half)).reshape(half[0] * half[1], -1)
        result = np.empty((2 * half[0], 2 * half[1], len(bias)), np.float32)
        for down, right in _CORNERS:
            corner = np.broadcast_to(bias, (len(inside), len(bias))).copy()
            _add_product(corner, inside, np.ascontiguousarray(weight[:, :, down, right]))
            result[down::2, right::2] = corner.reshape(*half, -1)
        return _with_margin(result[: size[0], : size[1]].transpose(2, 0, 1))

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

    def _head(self, features: Features, name: str, size: Size) -> Features:
        """Return what `heads.ConvolutionalHead` returns."""
        if self.config.head_width == 0:
            return self._convolve(features, f"{name}.0", size)
        hidden = self._convolve(features, f"{name}.0", size, _relu)
        return self._convolve(self._convolve(hidden, f"{name}.2", size, _relu), f"{name}.4", size)

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


def _add_product(total: Features, features: Features, matrix: Float32[np.ndarray, "_ _"]) -> None:
    step = max(1, LARGEST_PRODUCT // matrix.size)
    for start in range(0, len(total), step):
        total[start : start + step] += features[start : start + step] @ matrix


def _relu(features: Features) -> None:
    np.maximum(features, 0, out=features)


def _silu(features: Features) -> None:
    features *= _sigmoid(features)


def _sigmoid(features: Features) -> Features:
    # Unlike the quotient with an exponential, this never overflows.
    return np.tanh(features / 2) / 2 + np.float32(0.5)


def _inside(features: Features, size: Size) -> Float32[np.ndarray, "height width channel"]:
    return features.reshape(size[0] + 2, size[1] + 2, -1)[1:-1, 1:-1]


def _with_margin(planes: Float32[np.ndarray, "channel height width"]) -> Features:
    padded = np.pad(planes.transpose(1, 2, 0), ((1, 1), (1, 1), (0, 0)), mode="edge")
    return padded.reshape(-1, len(planes))


def _fill_margin(features: Float32[np.ndarray, "height width channel"]) -> None:
    features[:, 0], features[:, -1] = features[:, 1], features[:, -2]
    features[0], features[-1] = features[1], features[-2]
