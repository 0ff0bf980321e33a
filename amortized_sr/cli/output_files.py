"""The output files of commands with one input: their names, and checks before anything is computed."""

import os
from pathlib import Path
from typing import Annotated

import typer

OutputOption = Annotated[
    str | None, typer.Option("--output", "-o", metavar="OUT", help="Picture or folder/; default: beside the input.")
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]


def output_path(output: str | None, source: Path, name: str) -> Path:
    """Return the path of an output: `output`, or `name` in it if it is a folder, or `name` beside the source.

    Args:
        output: A file or a folder; a name that ends with a slash is a folder that may not exist yet.
        source: The input.
        name: The default name.
    """
    if output is None:
        return source.with_name(name)
    return Path(output) / name if output.endswith(("/", os.sep)) or os.path.isdir(output) else Path(output)


def check_outputs(paths: list[Path], source: Path, output: str | None, overwrite: bool) -> None:
    """Refuse outputs that would replace something, or whose folder neither exists nor is the output.

    Raises:
        typer.BadParameter: If so.
    """
    real = [os.path.realpath(path) for path in paths]
    for path, known in zip(paths, real, strict=True):
        folder = path.absolute().parent
        if real.count(known) > 1:
            raise typer.BadParameter(f"two outputs have the same name, {path}; choose different names")
        if known == os.path.realpath(source):
            raise typer.BadParameter(f"{path} is the input; choose another output")
        if path.exists() and not overwrite:
            raise typer.BadParameter(f"{path} exists; --overwrite replaces it")
        if not folder.is_dir() and folder != Path(output or ".").absolute():
            raise typer.BadParameter(f"the folder {folder} does not exist; create it first")


def create_folder(folder: Path) -> None:
    """Create the folder of outputs, unless it exists.

    Raises:
        typer.BadParameter: If it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{folder}: cannot be created ({error.strerror}); choose another --output") from None
