"""Principal components of a data set: the best linear code of an image, to compare autoencoders with."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.coords import Size
from amortized_sr.interpolated_image import InterpolatedImage

# Images whose covariance is summed at once.
_CHUNK = 4096


@final
@dataclass(frozen=True)
class PrincipalComponents:
    """An image as its mean over a data set plus a few directions in which images differ most.

    Attributes:
        mean: Mean of the images, all pixels in one row.
        directions: Orthogonal directions of unit length, the one with the largest variance first.
        frame: `(height, width)` of the images in pixels; others are brought to it.

    References:
        Jolliffe, "Principal Component Analysis", Springer 2002.

    Example:
        >>> components = PrincipalComponents.of(torch.rand(50, 1, 4, 4), count=3)
        >>> components.reconstruct(torch.rand(2, 1, 8, 8)).render((16, 16)).shape
        torch.Size([2, 1, 16, 16])
    """

    mean: Float[Tensor, " pixel"]
    directions: Float[Tensor, "component pixel"]
    frame: Size

    @staticmethod
    def of(images: Float[Tensor, "image 1 height width"], count: int) -> "PrincipalComponents":
        """Return the components of grey images in [0, 1].

        Raises:
            ValueError: If images of that size have not so many.
        """
        pixels = images[0].numel()
        if not 1 <= count <= min(pixels, len(images)):
            raise ValueError(
                f"the number of principal components must be from 1 to {min(pixels, len(images))}, got {count}"
            )
        mean = images.flatten(1).mean(dim=0, dtype=torch.float64)
        covariance = mean.new_zeros(pixels, pixels)
        for chunk in images.flatten(1).split(_CHUNK):
            centred = chunk.double() - mean
            covariance += centred.T @ centred
        directions = torch.linalg.eigh(covariance).eigenvectors.T.flip(0)[:count]
        return PrincipalComponents(mean.float(), directions.float(), (images.shape[-2], images.shape[-1]))

    def reconstruct(self, image: Float[Tensor, "batch channel height width"]) -> InterpolatedImage:
        """Return what is left of images, each channel by itself, with cubic interpolation between the pixels."""
        framed = InterpolatedImage.like_pillow(image, "bicubic").render(self.frame)
        code = (framed.flatten(2) - self.mean) @ self.directions.T
        drawn = (self.mean + code @ self.directions).unflatten(2, self.frame)
        return InterpolatedImage.like_pillow(drawn, "bicubic")
