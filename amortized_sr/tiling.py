"""Image -> latent in tiles: the same latent as from the whole image at once, in a fraction of the memory."""

import gc
import math
from collections import deque
from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from amortized_sr.choices import Precision
from amortized_sr.model import AmortizedImage, AmortizedSR

DEFAULT_MEMORY = 2**30
"""Bytes that one picture's working set may take, if nothing else is said: 1 GiB."""

# Below this side the halo is most of a tile, and a machine that cannot hold it cannot hold the model.
_SMALLEST_TILE = 16

# Convolutions hold their input, its padded copy and their output at once; allocators and layout changes take the
# half more. Measured: 984 bytes per pixel for `photo-tiny`, whose rule below gives 1650.
_BYTES_PER_NUMBER = 6


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception means that there was not enough memory, whatever class a device gives it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and any(
        words in said for words in ("out of memory", "not enough memory", "can't allocate memory")
    )


@final
class TiledEncoder:
    """Makes latents with a model on a device, tile by tile, each with the halo that its pixels depend on.

    Args:
        model: The model; it is moved to the device.
        device: Where to compute.
        memory: Bytes of the working set, of which a tile takes a quarter at most.
        precision: Number format of the encoder; a tile that comes out wrong in half precision is made again in fp32.
        may_leave: Whether to go on with the CPU if even the smallest tile does not fit on the device.
        notify: Told in one sentence of everything that was not as planned.
    """

    def __init__(
        self,
        model: AmortizedSR,
        device: torch.device,
        memory: int = DEFAULT_MEMORY,
        precision: Precision = "fp32",
        may_leave: bool = False,
        notify: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        # Convolutions read and write channels together twice as fast in this layout.
        self.model = model.to(device).to(memory_format=torch.channels_last)
        self.device = device
        self.memory = memory
        self._half = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        self._may_leave = may_leave
        self._notify = notify
        self._area = self._planned_area()

    @torch.inference_mode()
    def encode(self, image: Float[Tensor, "batch colour height width"]) -> AmortizedImage:
        """Return the images as a function, as `AmortizedSR.encode` does."""
        latent = self.latent(image, slice(0, image.shape[-2]))
        return self.model.as_function(image.to(self.device), latent)

    @torch.inference_mode()
    def latent(
        self, image: Float[Tensor, "batch colour height width"], rows: slice
    ) -> Float[Tensor, "items channel rows width"]:
        """Return the latent's cells in some rows of the images, on the device.

        Args:
            image: Values in [0, 1], on any device.
            rows: Which rows; the image's others are read as far as these depend on them.

        Raises:
            MemoryError: If even the smallest tile does not fit.
        """
        result: Tensor | None = None
        waiting = deque(self._split(rows, slice(0, image.shape[-1]), len(image)))
        while waiting:
            part = waiting.popleft()
            piece = self._attempt(image, *part)
            # Not inside the `except`: there, the traceback keeps the failed attempt's tensors alive.
            if piece is None:
                gc.collect()
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                if self._shrink():
                    waiting = deque(tile for left in (part, *waiting) for tile in self._split(*left, len(image)))
                    continue
                return self.latent(image, rows)
            if result is None:
                height, width = rows.stop - rows.start, image.shape[-1]
                if piece.shape[-2:] == (height, width):
                    return piece
                result = piece.new_empty((*piece.shape[:2], height, width))
            result[:, :, part[0].start - rows.start : part[0].stop - rows.start, part[1]] = piece
        assert result is not None
        return result

    def _split(self, rows: slice, columns: slice, batch: int) -> list[tuple[slice, slice]]:
        """Return tiles that cover a part of an image, as square as the part allows, none above the area."""
        area = max(self._area // batch, min(self._area, self._smallest_area()))
        high = min(rows.stop - rows.start, max(1, math.isqrt(area) - 2 * self.model.halo))
        wide = max(1, area // (high + 2 * self.model.halo) - 2 * self.model.halo)
        return [(r, c) for r in _spans(rows, high) for c in _spans(columns, wide)]

    def _attempt(self, image: Tensor, rows: slice, columns: slice) -> Tensor | None:
        """Return a tile's latent, or None if there is not enough memory for it."""
        try:
            return self._tile(image, rows, columns)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        return None

    def _tile(self, image: Tensor, rows: slice, columns: slice) -> Tensor:
        halo = self.model.halo
        top, left = max(0, rows.start - halo), max(0, columns.start - halo)
        near = image[:, :, top : rows.stop + halo, left : columns.stop + halo].to(self.device, torch.float32)
        near = near.contiguous(memory_format=torch.channels_last)
        part = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        if self._half is not None:
            with torch.autocast(self.device.type, self._half):
                latent = self.model.encode_part(near, *part)
            if _is_plausible(latent, near):
                return latent
            self._notify("a tile came out wrong in half precision and was made again in fp32")
        return self.model.encode_part(near, *part)

    def _shrink(self) -> bool:
        """Halve the tiles' side; where that is not possible leave the device, and return False.

        Raises:
            MemoryError: If neither is possible.
        """
        if self._area > self._smallest_area():
            self._area = max(self._area // 4, self._smallest_area())
            self._notify("not enough memory for a tile; tiles are half as large from here on")
            return True
        if self._may_leave and self.device != torch.device("cpu"):
            self._notify(f"not enough memory on {self.device} for the smallest tile; the cpu goes on")
            self.device = torch.device("cpu")
            self.model.to(self.device)
            self._area = self._planned_area()
            return False
        raise MemoryError(f"not enough memory on {self.device} for a tile of {_SMALLEST_TILE}x{_SMALLEST_TILE} pixels")

    def _planned_area(self) -> int:
        # A quarter; the others are for the latent, the rendering, and what is made of it.
        planned = self.memory // 4 // (_BYTES_PER_NUMBER * _numbers_per_pixel(self.model))
        return max(planned, self._smallest_area())

    def _smallest_area(self) -> int:
        return (_SMALLEST_TILE + 2 * self.model.halo) ** 2


def _spans(part: slice, step: int) -> list[slice]:
    return [slice(begin, min(begin + step, part.stop)) for begin in range(part.start, part.stop, step)]


def _numbers_per_pixel(model: AmortizedSR) -> int:
    """Return how many numbers the widest layer holds at once for each pixel of a colour image."""
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    widest = max(2 * layer.in_channels + layer.out_channels for layer in convolutions)
    return max(widest, model.field.code_channels) * (1 if model.channels == 3 else 3)


def _is_plausible(latent: Tensor, image: Tensor) -> bool:
    """Return False for latents that are not finite, or the same everywhere although the image is not."""

    def constant(values: Tensor) -> bool:
        return bool((values == values[..., :1, :1]).all())

    return bool(latent.isfinite().all()) and (not constant(latent) or constant(image) or latent.shape[-2:] == (1, 1))
