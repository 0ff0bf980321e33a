"""The output files of commands with one input: their names, and checks before anything is computed."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

OutputOption = Annotated[
    str | None, typer.Option("--output", "-o", metavar="OUT", help="Picture or folder/; default: beside the input.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def checked_output(output: str | None, source: Path | None, name: str, overwrite: bool, *others: Path | None) -> Path:
    """Return the path of an output: `output`, or `name` in it if it is a folder, or `name` beside the source.

    Without a source, the latter is the working folder. An output that ends with a slash is a folder that may not exist
    yet.

    Raises:
        typer.BadParameter: If it or one of the other outputs would replace something, or would lie in a folder that
            neither exists nor is the output.
    """
    path = (Path(name) if source is None else source.with_name(name)) if output is None else Path(output)
    if output is not None and (output.endswith(("/", os.sep)) or os.path.isdir(output)):
        path /= name
    paths = [path, *(other for other in others if other is not None)]
    real = [os.path.realpath(one) for one in paths]
    for one, known in zip(paths, real, strict=True):
        folder = one.absolute().parent
        if real.count(known) > 1:
            raise typer.BadParameter(f"two outputs have the same name, {one}; choose different names")
        if source is not None and known == os.path.realpath(source):
            raise typer.BadParameter(f"{one} is the input; choose another output")
        if one.exists() and not overwrite:
            raise typer.BadParameter(f"{one} exists; --overwrite replaces it")
        if not folder.is_dir() and folder != Path(output or ".").absolute():
            raise typer.BadParameter(f"the folder {folder} does not exist; create it first")
    return path


def create_folder(folder: Path) -> None:
    """Create the folder of outputs, unless it exists, or raise a `typer.BadParameter` if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{folder}: cannot be created ({error.strerror}); choose another --output") from None
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        problem = f"{folder}: cannot be written to ({error.strerror}); choose another --output"
        raise typer.BadParameter(problem) from None
