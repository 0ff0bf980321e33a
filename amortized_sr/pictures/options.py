"""How one picture file becomes another."""

from dataclasses import dataclass
from typing import final

from amortized_sr.choices import FormatName
from amortized_sr.image_io.formats import DEFAULT_MAX_PIXELS
from amortized_sr.sizes import SizeRequest
from amortized_sr.strength import Dial, Restoration

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

WHOLE_BYTES = 48 * 2**20
"""Outputs up to this size are drawn as a whole before they are written; larger ones are written while drawn."""


@final
@dataclass(frozen=True)
class PictureOptions:
    """How a picture file is read, drawn and written.

    Attributes:
        size: The output's size.
        format: The output's format; None takes that of its name, or PNG if it has no name.
        quality: 1 to 100 for JPEG, AVIF and WebP; None is 95, and lossless WebP.
        compression: Effort for PNG and TIFF, 0 (fastest) to 9 (smallest).
        background: Colour behind transparency, in formats without transparency.
        strip_metadata: Whether EXIF, XMP, texts and resolution are left out.
        max_pixels: Most pixels that the input's header may announce.
        allow_truncated: Whether files that end too early are read as far as they go.
        tta: Whether the eight flips and transpositions of an image are encoded and averaged.
        noise: Strength of the noise to remove, see `Restoration`.
        jpeg: Strength of the compression to remove, see `Restoration`.

    Raises:
        StrengthError: If a strength is out of range.
    """

    size: SizeRequest
    format: FormatName | None = None
    quality: int | None = None
    compression: int = 1
    background: Colour = (255, 255, 255)
    strip_metadata: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS
    allow_truncated: bool = False
    tta: bool = False
    noise: Dial = "auto"
    jpeg: Dial = "auto"

    def __post_init__(self) -> None:
        """Reject strengths out of range."""
        Restoration(self.noise, self.jpeg)

    @property
    def restoration(self) -> Restoration:
        """Both strengths, as one record."""
        return Restoration(self.noise, self.jpeg)
