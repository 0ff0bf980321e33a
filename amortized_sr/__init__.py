"""Turn a small image into a function and draw it at any size.

The public names are loaded when they are first used, so that `amortized-sr --help` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amortized_sr.autoencoder import Autoencoder as Autoencoder
    from amortized_sr.autoencoder_config import AutoencoderConfig as AutoencoderConfig
    from amortized_sr.coder import Coder as Coder
    from amortized_sr.compute import Compute as Compute
    from amortized_sr.continuous import ContinuousImage as ContinuousImage
    from amortized_sr.freed_memory import keep_freed_memory as keep_freed_memory
    from amortized_sr.latent import Latent as Latent
    from amortized_sr.model import AmortizedSR as AmortizedSR
    from amortized_sr.model_builder import build_autoencoder as build_autoencoder
    from amortized_sr.model_builder import build_model as build_model
    from amortized_sr.model_config import ModelConfig as ModelConfig
    from amortized_sr.pictures.options import PictureOptions as PictureOptions
    from amortized_sr.pictures.picture_file import PictureFile as PictureFile
    from amortized_sr.pictures.upscale import upscale as upscale
    from amortized_sr.pictures.upscale import upscale_file as upscale_file
    from amortized_sr.sizes import SizeRequest as SizeRequest
    from amortized_sr.upscaler import Upscaler as Upscaler
    from amortized_sr.weights import load_weights as load_weights
    from amortized_sr.weights import save_weights as save_weights

__version__ = "0.1.0"

_HOMES = {
    "AmortizedSR": "model",
    "Autoencoder": "autoencoder",
    "AutoencoderConfig": "autoencoder_config",
    "Coder": "coder",
    "Compute": "compute",
    "ContinuousImage": "continuous",
    "Latent": "latent",
    "ModelConfig": "model_config",
    "PictureFile": "pictures.picture_file",
    "PictureOptions": "pictures.options",
    "SizeRequest": "sizes",
    "Upscaler": "upscaler",
    "build_autoencoder": "model_builder",
    "build_model": "model_builder",
    "keep_freed_memory": "freed_memory",
    "load_weights": "weights",
    "save_weights": "weights",
    "upscale": "pictures.upscale",
    "upscale_file": "pictures.upscale",
}

__all__ = [*_HOMES, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (PEP 562: any public name)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
