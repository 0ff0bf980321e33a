"""What "an image as a function" promises."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.coords import WHOLE, Size, Window


class ContinuousImage(ABC):
    """A batch of images as functions of a continuous coordinate, to be queried at points or rendered on grids.

    Colours are not clamped: they may leave [0, 1] slightly, and clamping would break averages over regions.
    """

    @property
    @abstractmethod
    def size(self) -> Size:
        """`(height, width)` of the image that the function was made from, in pixels."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of colour channels, 1 or 3."""

    @abstractmethod
    def __call__(
        self,
        coord: Float[Tensor, "batch query 2"] | Float[Tensor, "query 2"],
        cell: Float[Tensor, "batch query 2"] | Float[Tensor, " 2"] | None = None,
    ) -> Float[Tensor, "batch query colour"]:
        """Return the colours at points or over footprints.

        Args:
            coord: `(y, x)` in [-1, 1]; without a batch axis, the same points for every image.
            cell: Extent of the footprint of each query, or of all, in coordinates; None asks for points.
        """

    @abstractmethod
    def render(
        self, size: Size, window: Window = WHOLE, tile: int | None = None
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the image drawn with `size` pixels, as seen at the size of its pixels.

        Args:
            size: `(height, width)` of the result in pixels.
            window: The part to draw, `(y0, x0, y1, x1)` in [-1, 1].
            tile: Largest height and width drawn at once; bounds memory and changes nothing else.

        Raises:
            ValueError: If the size is not positive or the window is not inside the image.
        """


def tiles(size: Size, tile: int | None) -> list[tuple[slice, slice]]:
    """Return slices of rows and columns that cover an image of `size` in tiles of at most `tile` pixels a side.

    Raises:
        ValueError: If `size` or `tile` is not positive.
    """
    if min(size) < 1:
        raise ValueError(f"size must be (height, width) of at least 1 pixel each, got {tuple(size)}")
    if tile is not None and tile < 1:
        raise ValueError(f"tile must be at least 1 pixel, got {tile}")
    spans = [
        [slice(begin, min(begin + step, length)) for begin in range(0, length, step)]
        for length, step in ((length, tile or length) for length in size)
    ]
    return [(rows, columns) for rows in spans[0] for columns in spans[1]]


def broadcast_query(
    coord: Tensor, cell: Tensor | None, like: Float[Tensor, "batch ..."]
) -> tuple[Float[Tensor, "batch query 2"], Float[Tensor, "batch query 2"]]:
    """Return coordinates and cells with all three axes, on the device of `like`, points as cells of zero extent.

    Raises:
        ValueError: If the shapes do not fit a batch of that size.
    """
    batch = len(like)
    if coord.ndim not in (2, 3) or coord.shape[-1] != 2 or (coord.ndim == 3 and len(coord) not in (1, batch)):
        raise ValueError(f"coord must have shape (query, 2) or ({batch}, query, 2), got {tuple(coord.shape)}")
    coord = coord.to(like.device).expand(batch, -1, -1)
    cell = torch.zeros_like(coord) if cell is None else cell.to(coord).expand_as(coord)
    return coord, cell
