"""Image -> codes in tiles: the same codes as from the whole image at once, in a fraction of the memory."""

import copy
import gc
import math
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from amortized_sr.amortized_image import AmortizedImage
from amortized_sr.choices import Precision
from amortized_sr.compute import Compute, Notify, is_out_of_memory
from amortized_sr.continuous import spans
from amortized_sr.devices import choose_device, choose_precision
from amortized_sr.image_model import ImageModel

# Below this side the halo is most of a tile, and a machine that cannot hold it cannot hold the model.
_SMALLEST_TILE = 16

# Convolutions hold their input, its padded copy and their output at once; allocators and layout changes take the
# half more. Measured: 984 bytes per pixel for `photo-tiny`, whose rule below gives 1650.
_BYTES_PER_NUMBER = 6

_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TileMemoryError(MemoryError):
    """There is not enough memory for a tile."""


@final
@dataclass(frozen=True)
class TiledEncoder:
    """Encodes on one device, tile by tile, each with the halo that its pixels depend on.

    Args:
        model: The model, on the device.
        device: Where it computes.
        compute: Requested device, memory and precision.
        area: Largest number of pixels of a tile, halo included.
    """

    model: ImageModel
    device: torch.device
    compute: Compute
    area: int

    @staticmethod
    def on(device: torch.device, model: ImageModel, compute: Compute) -> "TiledEncoder":
        """Return an encoder with a copy of a model on a device, because moving a module moves it for everyone."""
        # Convolutions read and write channels together twice as fast in this layout.
        moved = copy.deepcopy(model).to(device).to(memory_format=torch.channels_last)
        # A quarter; the rest is for the codes, the rendering, and its conversion to bytes.
        planned = compute.memory // 4 // (_BYTES_PER_NUMBER * model.numbers_per_pixel)
        return TiledEncoder(moved, device, compute, max(planned, _smallest_area(model)))

    @torch.inference_mode()
    def encode(
        self, planes: Float[Tensor, "batch plane height width"], rows: slice, ensemble: bool, notify: Notify
    ) -> AmortizedImage:
        """Return some rows of images as a function of their own.

        Args:
            planes: Colours in [0, 1] and conditions, on any device.
            rows: Which rows; others are read as far as these depend on them.
            ensemble: Whether codes are means over the eight turns of the image.
            notify: Called when a tile is recomputed.

        Raises:
            TileMemoryError: If a tile does not fit.
        """
        height, width = rows.stop - rows.start, planes.shape[-1]
        result: Tensor | None = None
        for part in self._tiles(rows, slice(0, width), len(planes)):
            try:
                codes = self._encode_tile(planes, *part, ensemble, notify)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # Outside of here the traceback would keep the failed attempt's tensors alive.
                raise TileMemoryError(str(error)) from None
            if codes.shape[-2:] == (height, width) or self.model.halo is None:
                result = codes
                break
            if result is None:
                result = codes.new_empty((*codes.shape[:2], height, width))
            result[:, :, part[0].start - rows.start : part[0].stop - rows.start, part[1]] = codes
        assert result is not None
        inner = planes[:, :, rows].to(self.device, torch.float32)
        return self.model.as_function(inner, result, self.compute.bounds)

    @property
    def precision(self) -> Precision:
        """Number format that the model computes in."""
        return choose_precision(self.compute.precision, self.device)

    def smaller(self, notify: Notify) -> "TiledEncoder":
        """Return an encoder that needs less memory: with tiles of half the side, or else on the CPU.

        Raises:
            MemoryError: If no smaller one exists.
        """
        smallest = _smallest_area(self.model)
        if self.model.halo is not None and self.area > smallest:
            notify("not enough memory for a tile; using tiles of half the side")
            return replace(self, area=max(self.area // 4, smallest))
        if self.compute.device == "auto" and self.device != torch.device("cpu"):
            notify(f"not enough memory on {self.device} for the smallest tile; continuing on the CPU")
            return TiledEncoder.on(torch.device("cpu"), self.model, self.compute)
        what = "an image" if self.model.halo is None else f"a tile of {_SMALLEST_TILE}x{_SMALLEST_TILE} pixels"
        raise MemoryError(f"not enough memory on {self.device} for {what}")

    def _tiles(self, rows: slice, columns: slice, batch: int) -> list[tuple[slice, slice]]:
        """Return tiles that cover a part of an image, as square as the part allows, none above the area."""
        halo = self.model.halo
        if halo is None:
            return [(rows, columns)]
        area = max(self.area // batch, min(self.area, _smallest_area(self.model)))
        high = min(rows.stop - rows.start, max(1, math.isqrt(area) - 2 * halo))
        wide = max(1, area // (high + 2 * halo) - 2 * halo)
        return [(r, c) for r in spans(rows, high) for c in spans(columns, wide)]

    def _encode_tile(self, planes: Tensor, rows: slice, columns: slice, ensemble: bool, notify: Notify) -> Tensor:
        read = self.model.read_for(rows, planes.shape[-2]), self.model.read_for(columns, planes.shape[-1])
        near = planes[:, :, read[0], read[1]].to(self.device, torch.float32)
        near = near.contiguous(memory_format=torch.channels_last)
        top, left = read[0].start, read[1].start
        part = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        if self.precision in _HALVES:
            with torch.autocast(self.device.type, _HALVES[self.precision]):
                codes = self.model.encode_part(near, *part, ensemble)
            if _is_plausible(codes, near):
                return codes
            notify("a tile was wrong in half precision and was recomputed in fp32")
        return self.model.encode_part(near, *part, ensemble)


@final
class AdaptiveEncoder:
    """Encodes with the tiles and on the device that memory allows; functions returned before stay valid.

    Args:
        encoder: The first one to try.
    """

    def __init__(self, encoder: TiledEncoder) -> None:
        self.encoder = encoder

    @staticmethod
    def of(model: ImageModel, compute: Compute) -> "AdaptiveEncoder":
        """Return an encoder with a copy of a model on the device that was asked for."""
        return AdaptiveEncoder(TiledEncoder.on(choose_device(compute.device), model, compute))

    def encode(
        self, planes: Float[Tensor, "batch plane height width"], rows: slice, ensemble: bool, notify: Notify
    ) -> AmortizedImage:
        """Return some rows of images as a function of their own; see `TiledEncoder.encode`.

        Raises:
            MemoryError: If even the smallest tile does not fit.
        """
        while True:
            encoder = self.encoder
            try:
                return encoder.encode(planes, rows, ensemble, notify)
            except TileMemoryError:
                self.encoder = encoder.smaller(notify)
            gc.collect()
            if encoder.device.type == "cuda":
                torch.cuda.empty_cache()


def _smallest_area(model: ImageModel) -> int:
    return (_SMALLEST_TILE + 2 * (model.halo or 0)) ** 2


def _is_plausible(codes: Tensor, planes: Tensor) -> bool:
    """Return False for codes that are not finite, or the same everywhere although their image is not."""
    # A sum is finite only if all of its terms are, and takes a tenth of the time of a mask.
    if not (codes.sum(dtype=torch.float32).isfinite() or codes.isfinite().all()):
        return False
    # A grey model makes an item of each colour; one colour may be constant where the others are not.
    of_images = codes.unflatten(0, (len(planes), -1)).flatten(1, 2)
    return codes.shape[-2:] == (1, 1) or bool((~_are_constant(of_images) | _are_constant(planes)).all())


def _are_constant(values: Float[Tensor, "batch _ height width"]) -> Bool[Tensor, " batch"]:
    first = values[..., :1, :1]
    # Most values that are not tell so in their first row; only then all of them are read.
    result = (values[..., :1, :] == first).flatten(1).all(1)
    return (values == first).flatten(1).all(1) if result.any() else result
