"""The record of everything that an autoencoder is made of. Loads no torch."""

from dataclasses import dataclass
from typing import Literal

from amortized_sr.choices import ConditionName, DecoderName
from amortized_sr.model_config import check_bounds


@dataclass(frozen=True)
class AutoencoderConfig:
    """Everything that decides an autoencoder's parameters and what it computes.

    Attributes:
        channels: Colour channels, 1 or 3; images are converted.
        frame: Side in pixels of the square that every image is brought to before it is encoded.
        code: How many numbers the code of an image has.
        code_grid: Cells per axis that the numbers are spread over: 1 is one code for the whole image; with more, each
            cell's part of the code describes its part of the image.
        encoder_width: Feature channels after the first convolution; each halving of the side doubles them, up to
            twice as many.
        hidden: Width of the layer between features and code.
        decoder: How a code becomes the codes of a field: `linear` and `modulated` unfold it into a grid of `hyper`
            codes; `film`, `hyper` and `learned` make it the only code of a field that draws the whole image.
        grid: `linear` and `modulated`: cells per axis of the field.
        decoder_width: `linear` and `modulated`: channels of the convolutions; others: width of the hidden layer.
        decoder_blocks: `linear` and `modulated`: residual blocks between code and field.
        rank: `modulated`: width of the layer that the code writes.
        frequencies: `linear`, `modulated` and `hyper`: sinusoids per axis of the field.
        finest_cell: Pixels smaller than this part of a cell of the field blur like this one; at least `grid` over the
            largest side that training supervises.
        functions: `learned`: functions of the field's basis.
        field_width: `film` and `learned`: width of the field.
        field_depth: `film` and `learned`: hidden layers of the field.
        components: Gaussians of the mixture that new codes are drawn from; 0 for none.
        mean: Subtracted from the colours before the encoder: about the mean of the training images.
        deviation: Divides the result: about the standard deviation of the training images.
    """

    channels: Literal[1, 3] = 1
    frame: int = 28
    code: int = 64
    code_grid: int = 1
    encoder_width: int = 32
    hidden: int = 384
    decoder: DecoderName = "linear"
    grid: int = 7
    decoder_width: int = 64
    decoder_blocks: int = 2
    rank: int = 32
    frequencies: int = 2
    finest_cell: float = 0.125
    functions: int = 384
    field_width: int = 64
    field_depth: int = 4
    components: int = 50
    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        """Reject values that no autoencoder can have, before anything is allocated."""
        check_bounds(
            self,
            {
                "frame": (4, 512),
                "code": (1, 65536),
                "code_grid": (1, 64),
                "encoder_width": (1, 1024),
                "hidden": (1, 4096),
                "grid": (1, 128),
                "decoder_width": (1, 4096),
                "decoder_blocks": (0, 64),
                "rank": (1, 1024),
                "frequencies": (0, 64),
                "finest_cell": (0, 1),
                "functions": (1, 4096),
                "field_width": (1, 4096),
                "field_depth": (1, 64),
                "components": (0, 1000),
                "mean": (0, 1),
                "deviation": (1e-3, 10),
            },
        )
        if self.code_grid > 1 and self.decoder != "linear":
            raise ValueError(f"code_grid {self.code_grid} needs the decoder linear, got {self.decoder}")
        # Its table of waves has as many numbers as the fourth power of the grid.
        if self.decoder == "modulated" and self.grid > 32:
            raise ValueError(f"grid must be at most 32 for the decoder modulated, got {self.grid}")
        for name, whole in {"code": self.code_grid**2, "frame": self.code_grid, "grid": self.code_grid}.items():
            value = getattr(self, name)
            if value % whole:
                raise ValueError(f"{name} must be a multiple of {whole} for code_grid {self.code_grid}, got {value}")

    @property
    def conditions(self) -> tuple[ConditionName, ...]:
        """None: the encoder reads colours only."""
        return ()

    @property
    def cells(self) -> int:
        """Cells per axis of the field."""
        return self.grid if self.decoder in ("linear", "modulated") else 1
