"""Denoisers of other packages, told the noise: BM3D and those of scikit-image. The extra `peers` installs them."""

from collections.abc import Callable
from importlib import import_module, metadata
from typing import NamedTuple, assert_never

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import DenoiserName


class Denoiser(NamedTuple):
    """A way to remove noise.

    Attributes:
        version: Name and version of the package, which results depend on.
        remove: Images and the standard deviation of their noise, of 255 -> images without noise.
    """

    version: str
    remove: Callable[[Float[Tensor, "batch channel height width"], float], Float[Tensor, "batch channel height width"]]


def find_denoiser(name: DenoiserName) -> Denoiser:
    """Return a denoiser.

    Raises:
        ValueError: If its package is not installed.
    """
    package, module = ("bm3d", "bm3d") if name == "bm3d" else ("scikit-image", "skimage.restoration")
    try:
        library = import_module(module)
        # scikit-image looks for it only when wavelets are used.
        if name == "wavelet":
            import_module("pywt")
    except ImportError as error:
        raise ValueError(
            f"{name} needs packages that are not installed ({error}); pip install 'amortized-sr[peers]'"
        ) from None

    def denoised(image: np.ndarray, sigma: float) -> np.ndarray:
        colour = image.shape[2] == 3
        match name:
            case "bm3d":
                return library.bm3d_rgb(image, sigma) if colour else library.bm3d(image[..., 0], sigma)
            # The factors were the best or nearly so at 15, 25 and 50 on two pictures of examples/.
            case "tv":
                return library.denoise_tv_chambolle(image, weight=0.8 * sigma, channel_axis=-1)
            case "nlm":
                return library.denoise_nl_means(
                    image, patch_size=5, patch_distance=6, h=0.6 * sigma, sigma=sigma, channel_axis=-1
                )
            case "wavelet":
                sigmas = [sigma] * image.shape[2]
                return library.denoise_wavelet(image, sigma=sigmas, convert2ycbcr=colour, channel_axis=-1)
            case _:
                assert_never(name)

    def remove(images: Tensor, noise: float) -> Tensor:
        arrays = images.permute(0, 2, 3, 1).double().cpu().numpy()
        results = [denoised(one, noise / 255).reshape(one.shape) for one in arrays]
        return torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2).to(images)

    return Denoiser(f"{package} {metadata.version(package)}", remove)
