"""GeoTIFF tags: where on the earth a picture lies, and which pixels hold no data."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from amortized_sr.coords import Size
from amortized_sr.image_io.depths import WHITE
from amortized_sr.image_io.image_file import GeoTags, Metadata, Pixels, depth_of

NODATA = 42113
_PIXEL_SIZE, _TIE_POINTS, _KEYS, _DOUBLES, _TEXTS = 33550, 33922, 34735, 34736, 34737
_RASTER_TYPE, _IS_POINT = 1025, 2


def read_geo(tags: Callable[[int], object], orientation: int, notices: list[str]) -> GeoTags:
    """Return the GeoTIFF tags that `resize_geo` can keep true; they describe pixels as they are stored, not turned."""
    read = {tag: tags(tag) for tag in (_PIXEL_SIZE, _TIE_POINTS, _KEYS, _DOUBLES, _TEXTS)}
    geo: GeoTags = {tag: value for tag, value in read.items() if isinstance(value, tuple | str) and value}
    if geo and orientation != 1:
        notices.append("the georeference is left out, because the picture is stored turned")
        return {}
    return geo


def resize_geo(tags: GeoTags, image_size: Size, size: Size) -> GeoTags:
    """Return the tags that give a picture of another size the same place on the earth."""
    keys = tags.get(_KEYS, ())
    # Pixels are counted from the corner of the first one, or from its centre.
    is_point = any(keys[i] == _RASTER_TYPE and keys[i + 3] == _IS_POINT for i in range(4, len(keys) - 3, 4))
    start, scales = 0.5 if is_point else 0.0, (size[1] / image_size[1], size[0] / image_size[0])
    resized = dict(tags)
    if isinstance(lengths := tags.get(_PIXEL_SIZE), tuple):
        resized[_PIXEL_SIZE] = (*(n / scale for n, scale in zip(lengths[:2], scales, strict=False)), *lengths[2:])
    if isinstance(points := tags.get(_TIE_POINTS), tuple):
        # Each has three numbers of the picture, x first, and three of the earth.
        resized[_TIE_POINTS] = tuple(
            (n + start) * scales[i % 6] - start if i % 6 < 2 else n for i, n in enumerate(points)
        )
    return resized


def mask_nodata(pixels: Pixels, metadata: Metadata, notices: list[str]) -> tuple[Pixels, Metadata]:
    """Make pixels without data transparent, so that their value does not spread into the others.

    The metadata returned have a nodata value only if writing it again restores the pixels.
    """
    nodata = metadata.nodata
    if nodata is None:
        return pixels, metadata
    without = dataclasses.replace(metadata, nodata=None)
    try:
        value = pixels.dtype.type(float(nodata) if pixels.dtype.kind == "f" else int(float(nodata)))
    except (ValueError, OverflowError):
        notices.append(f"the nodata value {nodata!r} is no value of these pixels and is left out")
        return pixels, without
    alpha = pixels.shape[2] in (2, 4)
    colours = pixels[..., :-1] if alpha else pixels
    absent = (np.isnan(colours) if math.isnan(value) else colours == value).all(axis=2, keepdims=True)
    opacity = pixels[..., -1:] if alpha else np.full_like(pixels[..., :1], WHITE[depth_of(pixels)])
    masked = np.where(absent, pixels.dtype.type(0), np.concatenate((colours, opacity), axis=2))
    return masked, without if alpha else metadata


def unmask_nodata(pixels: Pixels, nodata: str) -> Pixels:
    """Return pixels without their alpha, and `nodata` where more than half of a pixel is transparent."""
    absent = pixels[..., -1:] < WHITE[depth_of(pixels)] / 2
    return np.where(absent, pixels.dtype.type(float(nodata)), pixels[..., :-1])
