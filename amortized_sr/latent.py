"""Latents: codes of images with everything that a field needs to draw them, in memory and as files."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from amortized_sr.coords import Size
from amortized_sr.image_io import replacing

_FACTS = ("image_size", "channels", "items_per_image", "model")

FORMAT_VERSION = "latent-1"
"""Version of the layout of a latent's file; a reader refuses every other."""


class LatentError(ValueError):
    """A latent that cannot be used; the message says why and what to do."""


@final
@dataclass(frozen=True, repr=False)
class Latent:
    """Images as codes on a grid of cells, which need not be the images' own: 1x1 is one code for the whole image.

    Attributes:
        codes: One code per cell. A grey model makes an item of each channel of each image, others one item per image.
        image_size: `(height, width)` of the images in pixels.
        channels: Colour channels of the images, 1 or 3.
        items_per_image: 1, or the number of channels where each is an item of its own.
        image: The images, corrected if the model corrects them, where something is added to their interpolation; None
            where codes say everything.
        model: Digest of the weights that made it; empty if those are not from a file.

    Example:
        >>> Latent(torch.zeros(1, 75, 6, 8), image_size=(6, 8), channels=3)
        Latent(1x75 codes on 6x8 cells of 8x6 pixels, 14,400 bytes, cpu)
    """

    codes: Float[Tensor, "items channel cells_y cells_x"]
    image_size: Size
    channels: int
    items_per_image: int = 1
    image: Float[Tensor, "batch colour height width"] | None = None
    model: str = ""

    @property
    def nbytes(self) -> int:
        """Memory of its tensors in bytes."""
        return self.codes.nbytes + (0 if self.image is None else self.image.nbytes)

    def to(self, device: torch.device | str) -> "Latent":
        """Return the latent on a device."""
        image = None if self.image is None else self.image.to(device)
        return replace(self, codes=self.codes.to(device), image=image)

    def as_colours(self, values: Float[Tensor, "items colour *space"]) -> Float[Tensor, "batch channel *space"]:
        """Bring what a model drew for each item to the images' channels: a colour model's mean is a grey image."""
        colours = values.unflatten(0, (-1, self.items_per_image)).flatten(1, 2)
        return colours if colours.shape[1] == self.channels else colours.mean(dim=1, keepdim=True)

    def save(self, path: Path | str) -> None:
        """Write the latent as a `.safetensors` file; one already there stays whole if writing fails."""
        header = {
            "format_version": FORMAT_VERSION,
            "latent": json.dumps({name: getattr(self, name) for name in _FACTS}),
        }
        tensors = {"codes": self.codes} if self.image is None else {"codes": self.codes, "image": self.image}
        with replacing(Path(path)) as file:
            file.write(save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, header))

    @staticmethod
    def load(path: Path | str) -> "Latent":
        """Read the file of a latent. No code in the file is ever run.

        Raises:
            LatentError: If it is missing, damaged or of another kind.
        """
        if not os.path.isfile(path):
            raise LatentError(f"{path}: no such file; check the path")
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
        except (SafetensorError, OSError) as error:
            raise LatentError(f"{path}: not a readable .safetensors file ({error}); encode the image again") from None
        if header.get("format_version") != FORMAT_VERSION:
            raise LatentError(
                f"{path}: format_version is {header.get('format_version')!r}, a latent has {FORMAT_VERSION!r}; "
                "give a file that a latent was saved to"
            )
        try:
            (height, width), channels, items, model = (json.loads(header["latent"])[name] for name in _FACTS)
            size, channels, items = (int(height), int(width)), int(channels), int(items)
            codes, image = tensors["codes"], tensors.get("image")
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise LatentError(f"{path}: the header is not valid ({error}); encode the image again") from None
        problem = _problem(codes, size, channels, items, image)
        if problem is not None:
            raise LatentError(f"{path}: {problem}; encode the image again")
        return Latent(codes, size, channels, items, image, str(model))

    def __repr__(self) -> str:
        items, channels, rows, columns = self.codes.shape
        height, width = self.image_size
        return (
            f"Latent({items}x{channels} codes on {rows}x{columns} cells of {width}x{height} pixels, "
            f"{self.nbytes:,} bytes, {self.codes.device})"
        )


def _problem(codes: Tensor, size: Size, channels: int, items: int, image: Tensor | None) -> str | None:
    """Return the first problem of a file's contents, or None."""
    tensors = [codes] if image is None else [codes, image]
    if channels not in (1, 3) or items not in (1, channels) or min(size) < 1:
        return f"{items} items of {channels} channels and {size} pixels make no image"
    if any(tensor.ndim != 4 or 0 in tensor.shape or not tensor.is_floating_point() for tensor in tensors):
        return "a tensor has the wrong shape or type"
    if len(codes) % items or (image is not None and image.shape != (len(codes) // items, channels, *size)):
        return "codes and image do not fit together"
    return None if all(tensor.isfinite().all() for tensor in tensors) else "it holds NaN or infinity"
