"""`amortized-sr pack`: a folder of images as shards for training."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import QuietOption
from amortized_sr.cli.sizes_in_bytes import parse_bytes


def pack(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of images; folders below are read too.")],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PLACE", help="Folder, or address such as s3://bucket/set.")
    ],
    channels: Annotated[int, typer.Option(help="1 for grey, 3 for colour.")] = 3,
    shorter_side: Annotated[
        int | None, typer.Option(min=1, help="Shrink larger images until their shorter side has so many pixels.")
    ] = None,
    shard_size: Annotated[str, typer.Option(metavar="BYTES", help="Of a shard's images, such as 500M.")] = "256M",
    seed: Annotated[int, typer.Option(min=0, help="Decides the order of the images.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a set that is there.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Decode a folder of images into shards, for training on more than fits into memory or onto one machine.

    Train on them with --data.source shards --data.root PLACE. Exit code 1 says that some files were left out.
    """
    if channels not in (1, 3):
        raise typer.BadParameter(f"--channels must be 1 or 3, got {channels}")
    size, wanted = parse_bytes("--shard-size", shard_size, 2**16), _channels(channels)
    with failures_as_sentences(pack, "interrupted; the set is not complete, pack it again"):
        from amortized_sr.data.shard_writing import pack_folder

        tell = _ignore if quiet else typer.echo
        written, unreadable = pack_folder(folder, output, wanted, shorter_side, size, seed, overwrite, tell)
    for problem in unreadable.values():
        typer.echo(f"error: {problem}", err=True)
    if not quiet:
        typer.echo(str(written))
    raise typer.Exit(1 if unreadable else 0)


def _channels(channels: int) -> Literal[1, 3]:
    return 1 if channels == 1 else 3


def _ignore(line: str) -> None:
    pass
