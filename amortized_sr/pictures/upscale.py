"""One picture file in, one picture file out; the shortest way from a picture of any kind to a larger one."""

import dataclasses
from pathlib import Path
from typing import overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from amortized_sr.choices import FormatName, Precision
from amortized_sr.compute import ignore
from amortized_sr.conditions import Dials
from amortized_sr.coords import Size
from amortized_sr.image_io import replacing
from amortized_sr.image_io.image_file import ImageFile
from amortized_sr.image_io.picture import image_of
from amortized_sr.image_io.reading import read_image
from amortized_sr.image_io.writing import named_write_errors
from amortized_sr.pictures.conversion import convert
from amortized_sr.pictures.frames import draw_frames, tell, write_picture
from amortized_sr.pictures.options import WHOLE_BYTES, PictureOptions
from amortized_sr.pictures.picture_file import PictureFile, open_temporary, picture_of
from amortized_sr.sizes import SizeRequest, check_size
from amortized_sr.strength import Dial
from amortized_sr.upscaler import Upscaler
from amortized_sr.weights_header import DEFAULT_MODEL


def upscale_file(
    source: Path | bytes | ImageFile,
    options: PictureOptions,
    upscaler: Upscaler,
    output: Path | None = None,
    whole_bytes: int = WHOLE_BYTES,
) -> PictureFile:
    """Make one picture file from another, with everything that the output's format can hold.

    Args:
        source: A file, the bytes of one, or one that was read.
        options: How.
        upscaler: The model.
        output: Where to write; a file of that name is replaced. None writes into memory.
        whole_bytes: Size up to which an output is drawn as a whole before it is written.

    Raises:
        ImageError: If the input cannot be read, the output cannot be written, or cannot hold the input.
    """
    name = source if isinstance(source, Path) else Path("picture")
    content = source if isinstance(source, bytes) else None
    known = source if isinstance(source, ImageFile) else None
    image = known or read_image(name, content, options.max_pixels, options.allow_truncated)
    conversion = tell(convert(name, image, options, output), upscaler)
    fallbacks: list[str] = []
    frames = draw_frames(conversion, upscaler, fallbacks.append, conversion.is_small(whole_bytes))
    with named_write_errors(output or name), open_temporary() if output is None else replacing(output) as file:
        write_picture(file, conversion, frames)
        file.seek(0)
        written = file.read() if output is None else None
    format_, size = conversion.output.format, conversion.output.size
    notices = *conversion.notices, *fallbacks
    return PictureFile(output, written, format_, image.size, size, image.kind, notices, conversion.drawing.strength)


# fmt: off
@overload
def upscale(source: Image.Image, scale: float | None = ..., size: Size | None = ..., model: str | Path = ...,
            device: str | torch.device = ..., *, noise: Dial = ..., jpeg: Dial = ...,
            precision: Precision = ...) -> Image.Image: ...
@overload
def upscale(source: Tensor, scale: float | None = ..., size: Size | None = ..., model: str | Path = ...,
            device: str | torch.device = ..., *, noise: Dials = ..., jpeg: Dials = ...,
            precision: Precision = ...) -> Tensor: ...
@overload
def upscale(source: str | Path | bytes, scale: float | None = ..., size: Size | None = ..., model: str | Path = ...,
            device: str | torch.device = ..., output: str | Path | None = ..., format: FormatName | None = ...,
            *, noise: Dial = ..., jpeg: Dial = ..., precision: Precision = ...) -> PictureFile: ...
# fmt: on
def upscale(
    source: str | Path | bytes | Image.Image | Tensor,
    scale: float | None = None,
    size: Size | None = None,
    model: str | Path = DEFAULT_MODEL,
    device: str | torch.device = "auto",
    output: str | Path | None = None,
    format: FormatName | None = None,
    *,
    noise: Dials = "auto",
    jpeg: Dials = "auto",
    precision: Precision = "auto",
) -> PictureFile | Image.Image | Tensor:
    """Upscale one picture, loading the weights for this one call.

    Args:
        source: The path of an image file or its bytes; or one of Pillow's pictures, or a tensor
            `(batch, 1 or 3, height, width)` in [0, 1].
        scale: Output size over input size.
        size: `(height, width)` of the result in pixels, instead of `scale`.
        model: Bundled name or `.safetensors` file.
        device: Where to compute.
        output: Where to write the output of a file; None keeps it in memory.
        format: Format of that output; None takes the one of its name, or PNG.
        noise: Strength of the noise to remove, as for `Upscaler.encode`.
        jpeg: Strength of the compression to remove, as for `Upscaler.encode`.
        precision: Number format of the encoder. The command line draws small pictures in fp32.

    Returns:
        For a file a `PictureFile` with all that the command line keeps (16 bits, alpha, profile, metadata, animation),
        for a picture a picture of the mode that holds its pixels, for a tensor a tensor.

    Raises:
        ValueError: With a sentence, for whatever cannot be done (`ImageError` and `WeightsError` are ValueErrors).
    """
    if (scale is None) == (size is None):
        raise ValueError("give either scale or size, not both and not neither")
    request, upscaler = SizeRequest(scale, size), Upscaler.from_pretrained(model, device, precision=precision)
    is_file = isinstance(source, str | Path | bytes)
    if not is_file and (output is not None or format is not None):
        raise ValueError("output and format are for image files; save the picture that is returned instead")
    if isinstance(source, Tensor):
        return upscaler.upscale(source, scale, size, noise=noise, jpeg=jpeg)
    if isinstance(noise, Tensor) or isinstance(jpeg, Tensor):
        raise ValueError("tensors of strengths are for tensors of images; give one strength")
    if is_file:
        named, options = source if isinstance(source, bytes) else Path(source), PictureOptions(request, format)
        options = dataclasses.replace(options, noise=noise, jpeg=jpeg)
        return upscale_file(named, options, upscaler, None if output is None else Path(output))
    image = image_of(source)
    request = SizeRequest(size=check_size(request.resolve(image.size)))
    # A TIFF could keep every depth.
    options = PictureOptions(request, "tif", noise=noise, jpeg=jpeg)
    conversion = tell(convert(Path("picture"), image, options, None), upscaler)
    (strips,) = draw_frames(conversion, upscaler, ignore, whole=True)
    return picture_of(np.concatenate(list(strips)), image.metadata.profile)
