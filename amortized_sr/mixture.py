"""A mixture of Gaussians over codes: where the codes of the training images lie, and new ones like them."""

import math
import warnings
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn


@final
class GaussianMixture(nn.Module):
    """Gaussians with full covariances, as buffers that are stored with a model's weights.

    Args:
        components: Number of Gaussians.
        code_size: Numbers of a code.
    """

    share: Tensor
    mean: Tensor
    factor: Tensor

    def __init__(self, components: int, code_size: int) -> None:
        super().__init__()
        self.register_buffer("share", torch.zeros(components))
        self.register_buffer("mean", torch.zeros(components, code_size))
        # The lower triangles of the covariances' Cholesky factors, row by row.
        self.register_buffer("factor", torch.zeros(components, code_size * (code_size + 1) // 2))

    def forget(self) -> None:
        """Return to the state before `fit`."""
        for values in (self.share, self.mean, self.factor):
            values.zero_()

    @property
    def is_fitted(self) -> bool:
        """Whether training has reached its end, where the mixture is fitted."""
        return bool(self.share.any())

    @property
    def centre(self) -> Float[Tensor, " code"]:
        """The mean of the whole mixture."""
        self._check_fitted()
        return self.share @ self.mean / self.share.sum()

    def log_density(self, codes: Float[Tensor, "batch code"]) -> Float[Tensor, " batch"]:
        """Return the natural logarithm of the density at codes, in their number format; gradients pass.

        Raises:
            ValueError: If the mixture is not fitted.
        """
        self._check_fitted()
        size, factors = self.mean.shape[1], self._factors().to(codes)
        steps = codes[None] - self.mean.to(codes)[:, None]
        # Distances in units of each Gaussian's own spread.
        units = torch.linalg.solve_triangular(factors, steps.mT, upper=False)
        spread = factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        share = (self.share / self.share.sum()).to(codes).log()
        constants = share - spread - size / 2 * math.log(2 * math.pi)
        return torch.logsumexp(constants[:, None] - units.square().sum(dim=1) / 2, dim=0)

    def sample(self, count: int, seed: int, temperature: float = 1.0) -> Float[Tensor, "count code"]:
        """Return new codes, which depend on nothing but the arguments.

        Args:
            count: How many.
            seed: Decides them, from 0; the first codes of a longer list are those of a shorter one.
            temperature: Factor of the distance from a Gaussian's mean; 0 gives the means themselves.

        Raises:
            ValueError: If an argument has no meaning, or there is nothing to draw from.
        """
        if count < 1 or seed < 0:
            raise ValueError(f"count must be at least 1 and seed at least 0, got {count} and {seed}")
        if not 0 <= temperature < math.inf:
            raise ValueError(f"temperature must be a number from 0, got {temperature}; 0.8 is a usual one")
        self._check_fitted()
        share, mean, factors = (tensor.double().cpu().numpy() for tensor in (self.share, self.mean, self._factors()))
        codes = np.empty((count, mean.shape[1]))
        for number in range(count):
            random = np.random.default_rng((seed, number))
            chosen = int(random.choice(len(share), p=share / share.sum()))
            codes[number] = mean[chosen] + temperature * factors[chosen] @ random.standard_normal(mean.shape[1])
        return torch.from_numpy(codes).to(self.mean)

    def fit(self, codes: Float[Tensor, "count code"], seed: int) -> None:
        """Fit the mixture to codes.

        Raises:
            ValueError: If there are fewer codes than Gaussians.
        """
        components = len(self.share)
        if len(codes) < components:
            raise ValueError(f"{len(codes)} codes are too few for a mixture of {components} Gaussians")
        # Not at the top: drawing codes does without it.
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture as Estimator

        values = codes.double().cpu().numpy()
        # Relative to the codes' own spread, so that a direction with few codes keeps some width. The rest of it is for
        # codes that are all alike.
        shrinkage = 1e-3 * float(values.var(axis=0).mean()) + 1e-6
        estimator = Estimator(components, reg_covar=shrinkage, max_iter=50, tol=1e-2, random_state=seed)
        with warnings.catch_warnings():
            # A few steps more or less change no picture.
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(values)
        factors = np.linalg.cholesky(np.asarray(estimator.covariances_))
        rows, columns = np.tril_indices(values.shape[1])
        self.share.copy_(torch.from_numpy(estimator.weights_))
        self.mean.copy_(torch.from_numpy(estimator.means_))
        self.factor.copy_(torch.from_numpy(factors[:, rows, columns]))

    def _factors(self) -> Float[Tensor, "component code code"]:
        """Return the covariances' Cholesky factors as matrices."""
        components, size = self.mean.shape
        factors = self.factor.new_zeros(components, size, size)
        rows, columns = torch.tril_indices(size, size)
        factors[:, rows, columns] = self.factor
        return factors

    def _check_fitted(self) -> None:
        if not self.is_fitted:
            raise ValueError("this model has no distribution of codes; train it to the end")
