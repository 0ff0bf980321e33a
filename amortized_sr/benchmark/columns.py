"""The numbers of a comparison's table: their headers, units, formats, and which value is better."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final


@final
@dataclass(frozen=True)
class Column:
    """One number of a method's results.

    Attributes:
        name: Its field, see `protocol.flat`.
        label: Its header.
        unit: What it is measured in; empty for counts.
        form: Its format.
        better: Whether a higher or a lower value is better.
        about: What it is, in a sentence for readers of a page.
    """

    name: str
    label: str
    unit: str
    form: str
    better: Literal["higher", "lower"]
    about: str

    @property
    def title(self) -> str:
        """Its header in a table of text, above which a protocol names decibels."""
        return f"{self.label} s" if self.unit == "s" else self.label

    def text(self, value: int | float | None) -> str:
        """Return a value as tables show it."""
        return "-" if value is None else self.form.format(value)

    def best(self, values: Sequence[int | float | None]) -> set[int]:
        """Return the places of the best values, of all that look like it; none where no value is worse.

        Example:
            >>> column = Column("psnr", "PSNR", "dB", "{:.1f}", "higher", "how close")
            >>> column.best([30.0, None, 31.01, 31.02]), column.best([30.0, None])
            ({2, 3}, set())
        """
        known = [value for value in values if value is not None]
        if not known:
            return set()
        best = self.text(max(known) if self.better == "higher" else min(known))
        shown = [self.text(value) for value in values]
        found = {place for place, text in enumerate(shown) if text == best}
        return found if len(found) < len(known) else set()


MEASURED = (
    Column(
        "psnr",
        "PSNR",
        "dB",
        "{:.2f}",
        "higher",
        "How close the picture is to the target: peak signal-to-noise ratio. Higher is better; 200 is equality.",
    ),
    Column(
        "ssim",
        "SSIM",
        "of 1",
        "{:.4f}",
        "higher",
        "Structural similarity of the picture and the target. Higher is better; 1 is equality.",
    ),
    Column(
        "lr_consistency",
        "LR",
        "dB",
        "{:.2f}",
        "higher",
        "Whether the picture agrees with its input: PSNR of the picture, shrunk again, against the input. Higher is "
        "better. Measured for clean inputs only.",
    ),
    Column(
        "cross_scale",
        "cross",
        "dB",
        "{:.2f}",
        "higher",
        "Whether two scales agree: PSNR of the rendering at twice the size, averaged over 2x2 pixels, against the "
        "picture. Higher is better.",
    ),
)
"""The measurements of a prediction."""

COLUMNS = (
    *MEASURED,
    Column(
        "numbers",
        "numbers per image",
        "",
        "{:,}",
        "lower",
        "How many numbers stand for one image: pixels of an interpolated image, parameters of a fit, codes of a model "
        "and the image that they add to. Fewer is better.",
    ),
    Column(
        "encode_seconds",
        "encode",
        "s",
        "{:.5f}",
        "lower",
        "Seconds for one image from the input to its function: the training of a fit, one pass of a model. Lower is "
        "better.",
    ),
    Column(
        "draw_seconds",
        "draw",
        "s",
        "{:.5f}",
        "lower",
        "Seconds for one image from its function to the picture. Lower is better.",
    ),
    Column(
        "speedup",
        "speed-up",
        "times",
        "{:,.1f}x",
        "higher",
        "How often the method, from input to picture, fits into the time of the best fit. Higher is better.",
    ),
    Column(
        "parameters",
        "parameters",
        "",
        "{:,}",
        "lower",
        "Learned numbers behind the function of one image; those of a model serve all images. Fewer is better.",
    ),
)
"""All numbers of a method in their order."""
