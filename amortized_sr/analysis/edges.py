"""Edges of an image as lines: where the curvature of its function changes its sign and the gradient is strong."""

from itertools import combinations

import numpy as np
from jaxtyping import Float64

# Smaller changes of the curvature, relative to the strongest gradient, are rounding errors: a bilinear image has none.
_LEAST_CHANGE = 1e-3

_SIDES = 4


def edge_lines(
    gradient: Float64[np.ndarray, "rows columns 2"], laplacian: Float64[np.ndarray, "rows columns"], threshold: float
) -> Float64[np.ndarray, "line 2 2"]:
    """Return short straight lines along the edges of a function that was sampled on a grid.

    An edge is where the Laplacian is zero: the brightness is steepest there. Zeros lie between two samples of different
    sign, where the line between them is zero ("marching squares").

    Args:
        gradient: `(y, x)` at every sample.
        laplacian: At every sample.
        threshold: Least length of a gradient on an edge, as a share of the longest.

    Returns:
        Both ends `(y, x)` of each line, in samples: sample `(i, j)` lies at `(i, j)`.

    References:
        Marr and Hildreth, "Theory of Edge Detection", Proc. R. Soc. Lond. B 1980.
    """
    strength = np.hypot(gradient[..., 0], gradient[..., 1])
    strongest = float(strength.max(initial=0.0))
    if min(laplacian.shape) < 2 or strongest == 0:
        return np.zeros((0, 2, 2))
    corners = [laplacian[:-1, :-1], laplacian[:-1, 1:], laplacian[1:, 1:], laplacian[1:, :-1]]
    near = [strength[:-1, :-1], strength[:-1, 1:], strength[1:, 1:], strength[1:, :-1]]
    strong = np.mean(near, axis=0) >= threshold * strongest
    places = [(0, 0), (0, 1), (1, 1), (1, 0)]
    origin = np.stack(np.meshgrid(*(np.arange(side - 1.0) for side in laplacian.shape), indexing="ij"), axis=-1)
    crossed: list[np.ndarray] = []
    points: list[np.ndarray] = []
    for side in range(_SIDES):
        # A side of a square leads from a corner to the next.
        start, end = corners[side], corners[(side + 1) % _SIDES]
        change = start - end
        crossed.append(((start < 0) != (end < 0)) & (np.abs(change) > _LEAST_CHANGE * strongest))
        share = np.divide(start, change, out=np.zeros_like(start), where=crossed[-1])
        from_, to = (np.array(places[corner % _SIDES], dtype=float) for corner in (side, side + 1))
        points.append(origin + from_ + share[..., None] * (to - from_))
    number = np.sum(crossed, axis=0)
    lines: list[np.ndarray] = []
    for one, other in combinations(range(_SIDES), 2):
        # Four crossed sides are a saddle: of the three ways to join them, two lines that cut off corners.
        joined = (number == 2) | ((number == 4) & ((one, other) in ((0, 1), (2, 3))))
        here = crossed[one] & crossed[other] & joined & strong
        lines.append(np.stack((points[one][here], points[other][here]), axis=1))
    return np.concatenate(lines)
