"""The interface of an image as a function."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Integral

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.compute import Bounds
from amortized_sr.coords import WHOLE, Size, Window, check_window, window_part


class ContinuousImage(ABC):
    """A batch of images as functions of a continuous coordinate, to be queried at points or rendered on grids.

    Colours are not clamped: they may leave [0, 1] slightly, and clamping would break averages over regions. Functions
    are immutable, so many threads may query and render one at once.
    """

    @property
    @abstractmethod
    def size(self) -> Size:
        """`(height, width)` of the image that the function was made from, in pixels."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of colour channels, 1 or 3."""

    @property
    @abstractmethod
    def values(self) -> Tensor:
        """A tensor that colours are computed from."""

    @property
    def device(self) -> torch.device:
        """Where colours are computed."""
        return self.values.device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the colours."""
        return self.values.dtype

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

        Raises:
            ValueError: If the shapes do not fit, or a coordinate is not finite.
        """

    @abstractmethod
    def render(self, size: Size, window: Window = WHOLE) -> Float[Tensor, "batch colour rows columns"]:
        """Return the image rendered with `size` pixels, each the colour over the pixel's footprint.

        Args:
            size: `(height, width)` of the result in pixels.
            window: The part to render, `(y0, x0, y1, x1)` in [-1, 1].

        Raises:
            ValueError: If the size is not positive or the window is not inside the image.
        """


def check_rendering(size: Size, window: Window) -> None:
    """Check the arguments of `render`.

    Raises:
        ValueError: If the size is not two positive whole numbers, or the window is not inside the image.
    """
    sides = size if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(isinstance(side, Integral) and side > 0 for side in sides):
        raise ValueError(f"size must be (height, width) in whole pixels, at least 1 each, got {size!r}")
    check_window(window)


def render_tiles(
    render: Callable[[Size, Window], Float[Tensor, "batch colour rows columns"]],
    size: Size,
    window: Window,
    bounds: Bounds,
) -> Float[Tensor, "batch colour height width"]:
    """Return a rendering of `size` pixels that shows `window`, computed in tiles.

    Args:
        render: Returns a rendering of some size that shows some window.
        size: Size of the whole.
        window: Window of the whole.
        bounds: Gives the largest side of a tile.
    """
    if max(size) <= bounds.tile:
        return render(size, window)
    result: Tensor | None = None
    for rows in spans(slice(0, size[0]), bounds.tile):
        for columns in spans(slice(0, size[1]), bounds.tile):
            tile = render(
                (rows.stop - rows.start, columns.stop - columns.start), window_part(window, size, rows, columns)
            )
            if result is None:
                result = tile.new_empty((*tile.shape[:2], *size))
            result[:, :, rows, columns] = tile
    assert result is not None
    return result


def spans(part: slice, step: int) -> list[slice]:
    """Return slices of at most `step` that cover `part`.

    Example:
        >>> spans(slice(0, 5), 2)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + step, part.stop)) for start in range(part.start, part.stop, step)]


def broadcast_query(
    coord: Tensor, cell: Tensor | None, like: Float[Tensor, "batch ..."]
) -> tuple[Float[Tensor, "batch query 2"], Float[Tensor, "batch query 2"]]:
    """Return coordinates and cells with all three axes, on the device of `like`, points as cells of zero extent.

    Raises:
        ValueError: If they are no tensors, do not fit a batch of that size, or hold a number that is not finite.
    """
    for name, values in (("coord", coord), ("cell", cell)):
        if values is not None and not isinstance(values, Tensor):
            raise ValueError(f"{name} must be a tensor, got {type(values).__name__}; give torch.tensor({name})")
    batch = len(like)
    if coord.ndim not in (2, 3) or coord.shape[-1] != 2 or (coord.ndim == 3 and len(coord) not in (1, batch)):
        raise ValueError(f"coord must have shape (query, 2) or ({batch}, query, 2), got {tuple(coord.shape)}")
    for name, values in (("coord", coord), ("cell", cell)):
        if values is not None and not values.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity; give (y, x) in [-1, 1]")
    coord = coord.to(like.device).expand(batch, -1, -1)
    cell = torch.zeros_like(coord) if cell is None else cell.to(coord).expand_as(coord)
    return coord, cell
