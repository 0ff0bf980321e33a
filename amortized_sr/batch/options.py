"""How a batch is upscaled, and how much of it is held at once."""

from dataclasses import dataclass, fields
from typing import Any, final

from amortized_sr.choices import EngineName
from amortized_sr.compute import DEFAULT_COMPUTE, Compute
from amortized_sr.pictures.options import WHOLE_BYTES, PictureOptions
from amortized_sr.weights_header import DEFAULT_MODEL

NOT_IN_FINGERPRINT = frozenset({
    "pictures", "compute",  # Their own fields are in it.
    "engine",  # The manifest knows that of each output.
    "model",  # The manifest knows the hash of the weights.
    "format",  # The output's name says it.
    "device", "bounds", "max_pixels", "overwrite", "resume",  # They do not decide an output's bytes.
})  # fmt: skip
"""Options that a manifest does not compare."""

_STRENGTHS = frozenset({"noise", "jpeg"})


@final
@dataclass(frozen=True)
class BatchOptions:
    """How the files of a batch are upscaled.

    Attributes:
        pictures: How each picture file is read, drawn and written.
        model: Bundled name or file.
        compute: Where to compute, and how much at once.
        overwrite: Whether outputs that exist are replaced.
        resume: Whether outputs are replaced that the manifest lists with other options or another input.
        engine: What computes; `auto` takes numpy where torch would take longer to load than numpy to draw.
    """

    pictures: PictureOptions
    model: str = DEFAULT_MODEL
    compute: Compute = DEFAULT_COMPUTE
    overwrite: bool = False
    resume: bool = False
    engine: EngineName = "torch"

    def fingerprint(self) -> dict[str, Any]:
        """Return what decides the bytes of an output, besides the input and the model's weights, as JSON values."""
        values = {
            field.name: getattr(options, field.name)
            for options in (self, self.pictures, self.compute)
            for field in fields(options)
            if field.name not in NOT_IN_FINGERPRINT
        }
        # Manifests from before there were strengths know none, and none is what `auto` was.
        values = {name: value for name, value in values.items() if name not in _STRENGTHS or value != "auto"}
        return {**values, "size": self.pictures.size.label, "background": list(self.pictures.background)}


@final
@dataclass(frozen=True)
class BatchBounds:
    """How much a batch holds at once.

    Attributes:
        read_ahead: How many inputs are decoded before their turn.
        write_behind: How many outputs, or groups of small ones, may be drawn and written meanwhile.
        whole_bytes: Size up to which outputs are drawn as a whole, and written by another thread.
        pipe_bytes: Most bytes that are read from standard input.
    """

    read_ahead: int = 3
    write_behind: int = 4
    whole_bytes: int = WHOLE_BYTES
    pipe_bytes: int = 2**30
