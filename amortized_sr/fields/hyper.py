"""The default field: shared functions of the offset, whose linear combination the latent writes.

The latent is the output of a hypernetwork: per cell and colour, the weights of the last layer of a coordinate
network that all cells and all images share and that never sees an image.
"""

import math
from typing import assert_never, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from amortized_sr.axes import Axis
from amortized_sr.choices import Footprint, Neighbors
from amortized_sr.compute import Bounds
from amortized_sr.fields.base import SymmetricField
from amortized_sr.fields.blend import blend_radius
from amortized_sr.sampling import Separable, render_separable
from amortized_sr.symmetry import Turn


@final
class HyperField(SymmetricField):
    """`sum_jk code[c, j, k] phi_j(offset_y) phi_k(offset_x)` with windowed sinusoids `phi`.

    `phi` is a `LocalFourier` basis, the same on both axes. Its product form makes a grid as cheap as two banded
    matrix products at any scale, integer or not, different in x and y, in any window.

    References:
        Becker et al., "Thera: Aliasing-Free Arbitrary-Scale Super-Resolution with Neural Heat Fields", 2023
        (learned sinusoids combined by a hypernetwork). https://arxiv.org/abs/2311.17643
        Song et al., "OPE-SR: Orthogonal Position Encoding for Designing a Parameter-free Upsampling Module in
        Arbitrary-scale Image Super-Resolution", CVPR 2023 (product of one-dimensional sinusoids).
    """

    def __init__(
        self,
        channels: int,
        num_frequencies: int,
        neighbors: Neighbors,
        footprint: Footprint,
        finest_cell: float,
        keeps_tone: bool = False,
    ) -> None:
        super().__init__()
        self.basis = LocalFourier(num_frequencies, neighbors, footprint, finest_cell, keeps_tone)
        self.code_channels = channels * self.basis.num_functions**2

    def with_footprint(self, footprint: Footprint) -> "HyperField":
        """Return the same functions asked about another region; the parameters are shared.

        Raises:
            ValueError: If `gauss` is asked for, and no width was learned.
        """
        basis = self.basis.with_footprint(footprint)
        functions = basis.num_functions
        channels = self.code_channels // functions**2
        result = HyperField(channels, functions // 2, basis.neighbors, footprint, basis.finest_cell, basis.keeps_tone)
        result.basis = basis
        return result.train(self.training)

    def reach(self, cell: float) -> float:
        """Return the basis' reach."""
        return self.basis.reach(cell)

    def forward(
        self,
        offset: Float[Tensor, "*shape 2"],
        cell: Float[Tensor, "*shape 2"],
        code: Float[Tensor, "*shape channel"],
    ) -> Float[Tensor, "*shape colour"]:
        """Return the contribution of one latent cell to each query."""
        return Separable(self.basis)(offset, cell, code)

    def render_grid(
        self, codes: Float[Tensor, "batch channel cells_y cells_x"], rows: Axis, columns: Axis, bounds: Bounds
    ) -> Float[Tensor, "batch colour rows columns"]:
        """Return the sum of contributions for every pixel of a grid, by two banded matrix products."""
        return render_separable([(self.basis, codes)], rows, columns, bounds)

    def turned_back(
        self, codes: Float[Tensor, "batch channel rows columns"], turn: Turn
    ) -> Float[Tensor, "batch channel cells_y cells_x"]:
        """Return the codes whose picture, turned, is the picture of `codes`: sines change their sign when flipped."""
        functions = self.basis.num_functions
        result = codes.flip(turn.axes).unflatten(1, (-1, functions, functions))
        sign = torch.ones(functions, dtype=codes.dtype, device=codes.device)
        sign[functions // 2 + 1 :] = -1
        if turn.vertical:
            result = result * sign[:, None, None, None]
        if turn.horizontal:
            result = result * sign[:, None, None]
        if turn.transposed:
            result = result.transpose(2, 3).transpose(-2, -1)
        return result.flatten(1, 3)


@final
class LocalFourier(nn.Module):
    """`1, cos(w_i t), sin(w_i t)` of one axis' offset t, under a window that makes neighbouring cells blend.

    With one neighbour the window is the cell itself. With four it is the raised cosine `(1 + cos(pi t)) / 2` on
    [-1, 1]: a partition of unity with a continuous slope, and itself a sum of cosines, so that the mean of every
    function over any footprint has a closed form.

    Args:
        num_frequencies: How many sinusoids, each as cosine and sine.
        neighbors: Cells that contribute to a point.
        footprint: Region that the functions are evaluated over.
        finest_cell: `gauss`: smaller footprints are damped like this one.
        keeps_tone: Whether each cosine is lowered by its mean under the window, so that only the constant has one, and
            no footprint changes a function's integral.

    Attributes:
        num_functions: 1 + 2 * the number of frequencies.
    """

    window_shift: Tensor
    window_share: Tensor

    def __init__(
        self,
        num_frequencies: int,
        neighbors: Neighbors,
        footprint: Footprint,
        finest_cell: float = 0.0,
        keeps_tone: bool = False,
    ) -> None:
        super().__init__()
        self.num_functions = 1 + 2 * num_frequencies
        self.finest_cell = finest_cell
        self.keeps_tone = keeps_tone
        self.footprint: Footprint = footprint
        self.neighbors: Neighbors = neighbors
        self.radius = blend_radius(neighbors)
        # In units of pi radians per cell, that is, of the Nyquist frequency of the latent grid. Not `arange`, which
        # imports torch._dynamo where weights are checked without memory.
        self.frequency = nn.Parameter(torch.tensor([float(number) for number in range(1, num_frequencies + 1)]))
        # Standard deviation of the Gaussian footprint in cells of the output; that of a box is 0.289.
        self.blur = nn.Parameter(torch.tensor(math.sqrt(1 / 12))) if footprint == "gauss" else None
        window = ((0.0, 1.0),) if neighbors == 1 else ((-1.0, 0.25), (0.0, 0.5), (1.0, 0.25))
        shift, share = zip(*window, strict=True)
        self.register_buffer("window_shift", torch.tensor(shift), persistent=False)
        self.register_buffer("window_share", torch.tensor(share), persistent=False)

    def with_footprint(self, footprint: Footprint) -> "LocalFourier":
        """Return the same functions over another region; see `HyperField.with_footprint`."""
        if footprint == "gauss" and self.blur is None:
            raise ValueError(
                f"the weights were trained with the footprint {self.footprint} and have no width for gauss; "
                "ask for point or box"
            )
        result = LocalFourier(self.num_functions // 2, self.neighbors, footprint, self.finest_cell, self.keeps_tone)
        result.frequency = self.frequency
        result.window_shift, result.window_share = self.window_shift, self.window_share
        if footprint == "gauss":
            result.blur = self.blur
        return result.train(self.training)

    def reach(self, cell: float) -> float:
        """Return the distance from which on all functions are zero for a footprint of `cell`."""
        return self.radius + cell / 2 if self.footprint == "box" else self.radius

    def forward(
        self, offset: Float[Tensor, "*shape"], cell: Float[Tensor, "*#shape"]
    ) -> Float[Tensor, "*shape functions"]:
        """Return the functions' values, or their means over the footprint.

        Args:
            offset: In cells of the latent grid.
            cell: Extent of the footprint, in cells of the latent grid.
        """
        frequency = math.pi * functional.pad(self.frequency, (1, 0))
        offset, cell = offset.to(frequency), cell.to(frequency).expand_as(offset)
        match self.footprint:
            case "point" | "gauss":
                window = (self.window_share * torch.cos(math.pi * offset[..., None] * self.window_shift)).sum(-1)
                height = (window * self._inside(offset))[..., None]
                angle = offset[..., None] * frequency
                cosine, sine = height * torch.cos(angle), height * torch.sin(angle)
            case "box":
                low = (offset - cell / 2).clamp(-self.radius, self.radius)
                high = (offset + cell / 2).clamp(-self.radius, self.radius)
                # Computed from the part that is cut off, so that a tiny footprint inside keeps exactly all of itself.
                lost = (low - offset + cell / 2).abs() + (offset + cell / 2 - high).abs()
                whole = (1 - lost / cell.clamp(min=1e-12)).clamp(min=0)
                share = torch.where(cell > 0, whole, self._inside(offset))
                cosine, sine = self._waves(frequency, (low + high) / 2, high - low, share)
            case _:
                assert_never(self.footprint)
        if self.keeps_tone:
            cosine = cosine - cosine[..., :1] * functional.pad(self.means(), (1, 0))
        damping = self.damping(cell)
        return torch.cat((damping * cosine, (damping * sine)[..., 1:]), dim=-1)

    def damping(self, cell: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape cosines"]:
        """Return how much the learned blur of `cell` leaves of the constant, which is all, and of each frequency."""
        if self.blur is None:
            return cell.new_ones(*cell.shape, len(self.frequency) + 1)
        width = self.blur * cell.clamp(min=self.finest_cell)[..., None]
        return torch.exp(-0.5 * (width * math.pi * functional.pad(self.frequency, (1, 0))) ** 2)

    def means(self) -> Float[Tensor, " frequency"]:
        """Return what each cosine under the window adds in all, measured in what the window alone adds."""
        shifted = self.frequency[:, None] + self.window_shift
        return 2 * self.radius * (self.window_share * _sinc(self.radius * shifted)).sum(-1)

    def _inside(self, offset: Tensor) -> Tensor:
        return ((offset >= -self.radius) & (offset < self.radius)).to(offset.dtype)

    def _waves(self, frequency: Tensor, centre: Tensor, extent: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means of window * cosine and window * sine over intervals, times `share`.

        The window's cosines turn each frequency into a sum of shifted ones, and the mean of a sinusoid over an
        interval is its value at the centre times a sinc.
        """
        shifted = frequency[:, None] + math.pi * self.window_shift
        angle = centre[..., None, None] * shifted
        weight = self.window_share * _sinc(extent[..., None, None] * shifted / (2 * math.pi))
        cosine = (weight * torch.cos(angle)).sum(-1) * share[..., None]
        sine = (weight * torch.sin(angle)).sum(-1) * share[..., None]
        return cosine, sine


def _sinc(x: Tensor) -> Tensor:
    """Return `torch.sinc`, with second derivatives at 0, the extent of a point, where torch's are NaN."""
    small = x.abs() < 1e-4
    angle = math.pi * torch.where(small, torch.ones_like(x), x)
    return torch.where(small, 1 - (math.pi * x) ** 2 / 6, torch.sin(angle) / angle)
