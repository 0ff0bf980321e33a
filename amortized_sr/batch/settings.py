"""Everything about a batch that is not the list of its files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amortized_sr.choices import DeviceName, Precision
from amortized_sr.compute import DEFAULT_MEMORY
from amortized_sr.coords import Size
from amortized_sr.image_io.limits import DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class Settings:
    """How the files of a batch are upscaled and written.

    Attributes:
        label: The size in words, for names of files.
        resolve: From an input's size to its output's; raises ValueError with a sentence.
        model: Bundled name or file.
        device: Where to compute.
        memory: Bytes of the working set.
        precision: Number format of the encoder.
        tta: Whether the eight flips and transpositions of an image are encoded and averaged.
        quality: Of formats that lose something.
        compression: Effort of those that do not.
        background: Behind transparency where a format has none.
        strip_metadata: Whether EXIF, XMP, texts and resolution are left out.
        max_pixels: Most pixels that a header may announce.
        allow_truncated: Whether cut files are taken.
        overwrite: Whether outputs that exist are made again.
        resume: Whether outputs that the manifest does not know in this form are made again.
    """

    label: str
    resolve: Callable[[Size], Size]
    model: str
    device: DeviceName = "auto"
    memory: int = DEFAULT_MEMORY
    precision: Precision = "fp32"
    tta: bool = False
    quality: int | None = None
    compression: int = 1
    background: tuple[int, int, int] = (255, 255, 255)
    strip_metadata: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS
    allow_truncated: bool = False
    overwrite: bool = False
    resume: bool = False

    def fingerprint(self) -> dict[str, Any]:
        """Return what decides the bytes of an output, besides the input and the model's weights."""
        return {
            "size": self.label,
            "precision": self.precision,
            "tta": self.tta,
            "memory": self.memory,
            "quality": self.quality,
            "compression": self.compression,
            "background": list(self.background),
            "strip_metadata": self.strip_metadata,
            "allow_truncated": self.allow_truncated,
        }
