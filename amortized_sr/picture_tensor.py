"""Pillow pictures of 8 bits <-> image tensors `(1, channel, height, width)` in [0, 1], and planes behind them."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from amortized_sr.image_io.depths import quantised


def picture_to_tensor(picture: Image.Image) -> Float[Tensor, "1 channel height width"]:
    """Return an 8-bit picture of mode `L` or `RGB` as float32 values in [0, 1].

    Raises:
        ValueError: If the picture has another mode or no pixels.
    """
    if picture.mode not in ("L", "RGB"):
        raise ValueError(
            f"a picture of mode {picture.mode} is not supported yet; convert it to L or RGB first, "
            "or use amortized_sr.upscale, which keeps 16 bits and transparency"
        )
    if 0 in picture.size:
        raise ValueError(f"a picture of {picture.width}x{picture.height} pixels is empty; give one with pixels")
    values = torch.from_numpy(np.array(picture)).reshape(picture.height, picture.width, -1)
    return values.permute(2, 0, 1)[None].float() / 255


def tensor_to_picture(image: Float[Tensor, "1 channel height width"]) -> Image.Image:
    """Return values in [0, 1], clamped and rounded to 8 bits, as a picture of mode `L` or `RGB`."""
    pixels = quantised(image.detach().float().cpu().numpy(), "uint8")
    return Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[..., 0])


def hidden_by_clamping(
    error: Float[Tensor, "batch channel *space"], target: Float[Tensor, "batch channel *space"]
) -> Bool[Tensor, "batch channel *space"]:
    """Return where clamping to [0, 1] hides an error: below a black target and above a white one."""
    return ((target <= 0) & (error < 0)) | ((target >= 1) & (error > 0))


def check_values(image: Tensor) -> None:
    """Check that a tensor holds colours.

    Raises:
        ValueError: If it holds no floats, or values far above 1.
    """
    if not image.is_floating_point():
        raise ValueError(f"an image tensor must hold floats in [0, 1], got {image.dtype}; divide bytes by 255")
    # Colours may leave [0, 1] a little, as those of a resized image do, or further, as those with strong noise do.
    largest = image.amax().item() if image.numel() else 0.0
    if largest > 3:
        raise ValueError(f"an image tensor must hold values in [0, 1], got up to {largest:g}; divide by 255")


def add_conditions(
    image: Float[Tensor, "batch colour height width"], conditions: Float[Tensor, "batch condition"]
) -> Float[Tensor, "batch plane height width"]:
    """Return colours followed by a constant plane for each condition."""
    constant = conditions.to(image)[:, :, None, None].expand(-1, -1, *image.shape[-2:])
    return torch.cat((image, constant), dim=1)
