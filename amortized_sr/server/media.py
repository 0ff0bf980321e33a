"""Media types of picture files. Loads nothing."""

from amortized_sr.choices import FormatName

MEDIA: dict[FormatName, str] = {
    "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp",
    "avif": "image/avif", "tif": "image/tiff", "bmp": "image/bmp",
}  # fmt: skip
"""Media types by the names of formats."""
