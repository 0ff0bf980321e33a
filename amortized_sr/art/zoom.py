"""The windows of a continuous zoom."""

from amortized_sr.coords import Window, check_window

# Extents that differ by less than this share are equal: nothing is enlarged, the window only moves.
_EQUAL = 1e-9


def zoom_windows(start: Window, stop: Window, frames: int) -> list[Window]:
    """Return windows from the first to the last, each smaller or larger than the one before by the same factor.

    Equal factors look like a constant speed. The point that lies at the same place in both windows stays there.

    Raises:
        ValueError: If there are less than two frames, or a window is not inside the image.

    Example:
        >>> zoom_windows((-1.0, -1.0, 1.0, 1.0), (-0.25, -0.25, 0.25, 0.25), 3)[1]
        (-0.5, -0.5, 0.5, 0.5)
    """
    if frames < 2:
        raise ValueError(f"a zoom needs at least 2 frames, got {frames}")
    for window in (start, stop):
        check_window(window)
    shares = [number / (frames - 1) for number in range(1, frames - 1)]
    rows, columns = (
        [_interval((start[axis], start[axis + 2]), (stop[axis], stop[axis + 2]), share) for share in shares]
        for axis in (0, 1)
    )
    between = [(y0, x0, y1, x1) for (y0, y1), (x0, x1) in zip(rows, columns, strict=True)]
    return [start, *between, stop]


def _interval(first: tuple[float, float], last: tuple[float, float], share: float) -> tuple[float, float]:
    """Return the interval between two at a share of the way."""
    large, small = first[1] - first[0], last[1] - last[0]
    if abs(large - small) <= _EQUAL * large:
        moved, extent = share, large
    else:
        extent = large * (small / large) ** share
        moved = (large - extent) / (large - small)
    low = first[0] + (last[0] - first[0]) * moved
    # Rounding must not carry a window past the image's border.
    return max(low, -1.0), min(low + extent, 1.0)
