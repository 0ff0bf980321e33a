"""Animations in files: every picture as it is shown, composed of what the file stores."""

from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import Blend, Disposal

from amortized_sr.image_io.image_file import ImageFile, Metadata, Pixels, upright
from amortized_sr.image_io.opening import orientation_of

ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
"""Formats whose further pictures are an animation."""


def read_animation(image: Image.Image, metadata: Metadata, notices: list[str]) -> ImageFile:
    """Decode every picture of an animation that Pillow has opened."""
    orientation = orientation_of(image)
    name, mode, repeats = str(image.format), image.mode, image.info.get("loop", 1 if image.format == "GIF" else 0)
    pictures: list[Image.Image] = []
    durations: list[float] = []
    for picture in _composed(image) if name == "PNG" else _decoded(image):
        durations.append(float(image.info.get("duration") or 100))
        pictures.append(picture)
    # A single picture that is transparent anywhere makes all of them so.
    common = "RGBA" if any(picture.mode == "RGBA" for picture in pictures) else "RGB"
    frames: list[Pixels] = [upright(np.array(picture.convert(common)), orientation) for picture in pictures]
    return ImageFile(frames, name, mode, metadata, durations if len(frames) > 1 else [], int(repeats or 0), notices)


def _decoded(image: Image.Image) -> Iterator[Image.Image]:
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        yield image.convert("RGBA" if image.has_transparency_data else "RGB")


def _composed(image: Image.Image) -> Iterator[Image.Image]:
    """Compose a PNG's pictures by the rules of its specification. Pillow blends alpha as if it were a colour."""
    canvas = Image.new("RGBA", image.size)
    # The first picture may be one that is only shown by programs without animations.
    first = 1 if image.info.get("default_image") else 0
    for number in range(first, getattr(image, "n_frames", 1)):
        image.seek(number)
        box, blend, disposal = image.info["bbox"], image.info["blend"], image.info["disposal"]
        # Leaves the picture's part as it is stored.
        image.blend_op = image.dispose_op = 0  # pyright: ignore[reportAttributeAccessIssue]
        image.load()
        part, before = image.crop(box).convert("RGBA"), canvas.copy()
        if blend == Blend.OP_OVER:
            canvas.alpha_composite(part, box[:2])
        else:
            canvas.paste(part, box)
        # Without transparency in the file, only places that no part covers are transparent.
        opaque = not image.has_transparency_data and canvas.getchannel("A").getextrema() == (255, 255)
        yield canvas.convert("RGB") if opaque else canvas.copy()
        if disposal == Disposal.OP_PREVIOUS and number > first:
            canvas = before
        elif disposal in (Disposal.OP_BACKGROUND, Disposal.OP_PREVIOUS):
            canvas.paste((0, 0, 0, 0), box)
