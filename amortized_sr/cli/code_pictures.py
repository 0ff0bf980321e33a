"""What commands with codes of whole images share: options, the model, and pictures of codes as files."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amortized_sr.choices import DeviceName
from amortized_sr.cli.output_files import checked_output, create_folder
from amortized_sr.cli.target import parse_target

if TYPE_CHECKING:
    from torch import Tensor

    from amortized_sr.coder import Coder
    from amortized_sr.coords import Size
    from amortized_sr.sizes import SizeRequest

ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="NAME|PATH", help="Bundled weights or a .safetensors file.")
]
DeviceOption = Annotated[DeviceName, typer.Option(help="Where to compute.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
SideOption = Annotated[
    str | None, typer.Option("--size", metavar="N|WxH", help="Size of a picture in pixels, such as 512.")
]
SheetOption = Annotated[
    str | None, typer.Option("--output", "-o", metavar="OUT", help="One picture with all, or a folder/ for files.")
]

# Output side over the frame's where no size is asked for: a digit of 28 pixels becomes 112.
_USUAL_SCALE = 4


def parse_usual(scale: float | None, size: str | None, *sides: int | None) -> "SizeRequest | None":
    """Return the request that the options make, or None if none is given; a single number is both sides."""
    if (scale, size, *sides) == (None,) * 5:
        return None
    return parse_target(scale, f"{size}x{size}" if size is not None and size.isdecimal() else size, *sides)


def resolve_size(target: "SizeRequest | None", coder: "Coder", image_size: "Size") -> "Size":
    """Return the size to draw an image with; by default, some pixels for each that the model has seen."""
    from amortized_sr.sizes import SizeRequest

    return (target or SizeRequest(longest=_USUAL_SCALE * max(coder.model.frame))).resolve(image_size)


def load_coder(model: str | None, device: DeviceName, invents: bool = False) -> "Coder":
    """Return the named autoencoder on a device, or raise a `typer.BadParameter`.

    Args:
        model: Its name or file; None takes the usual one.
        device: The device.
        invents: Whether it is to draw codes that are no image's.
    """
    from amortized_sr.coder import Coder
    from amortized_sr.weights_header import DEFAULT_AUTOENCODER, DEFAULT_SAMPLER

    try:
        return Coder.from_pretrained(model or (DEFAULT_SAMPLER if invents else DEFAULT_AUTOENCODER), device)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def checked_outputs(
    output: str | None, source: Path | None, name: str, names: Sequence[str], overwrite: bool
) -> list[Path]:
    """Return the paths of one picture with all, called `name`, or of a picture for each in a folder, called `names`."""
    if output is None or not (output.endswith(("/", os.sep)) or os.path.isdir(output)):
        return [checked_output(output, source, name, overwrite)]
    return [checked_output(output, source, one, overwrite) for one in names]


def write_all(paths: list[Path], coder: "Coder", codes: "Tensor", sizes: "Sequence[Size]") -> None:
    """Draw codes, each to a file of its own, or all to one picture."""
    from amortized_sr.image_io import check_output, write_picture

    create_folder(paths[0].parent)
    if len(paths) == 1:
        write_sheet(paths[0], coder, codes, sizes, columns=math.ceil(math.sqrt(len(sizes))))
        return
    for path, size in zip(paths, sizes, strict=True):
        check_output(path, size)
    for path, code, size in zip(paths, codes.split(1), sizes, strict=True):
        write_picture(coder.pictures(code)[0].render(size), path)


def write_sheet(path: Path, coder: "Coder", codes: "Tensor", sizes: "Sequence[Size]", columns: int) -> None:
    """Draw codes to one picture."""
    from amortized_sr.image_io import check_output, write_picture
    from amortized_sr.sheet import sheet, sheet_size

    cell = max(rows for rows, _ in sizes), max(width for _, width in sizes)
    check_output(path, sheet_size(len(sizes), columns, cell))
    drawn = (coder.pictures(code)[0].render(size) for code, size in zip(codes.split(1), sizes, strict=True))
    write_picture(sheet(drawn, len(sizes), columns, cell, "L" if coder.model.channels == 1 else "RGB"), path)


def tell(line: str, paths: Sequence[Path], facts: dict[str, Any], as_json: bool, quiet: bool) -> None:
    """Print what was done: one JSON object, or a line with the first of the outputs."""
    if as_json:
        typer.echo(json.dumps({"outputs": [str(path) for path in paths], **facts}))
    elif not quiet:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        typer.echo(f"{line}  {paths[0]}{more}")
