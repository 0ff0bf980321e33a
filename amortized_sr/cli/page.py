"""`amortized-sr page`: the page that draws in a browser, without a server."""

from pathlib import Path
from typing import Annotated

import typer

from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder


def page(
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the site; default: site/.")
    ] = None,
    single_file: Annotated[
        str | None,
        typer.Option("--single-file", metavar="HTML", help="Write one file that opens from a disk instead."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Bundled name or weights file; repeat it for a choice of upscalers, and for one autoencoder, "
            "which morphs digits; default: photo-tiny, photo and mnist-morph.",
        ),
    ] = None,
    space: Annotated[
        bool, typer.Option("--space", help="Add the README.md with which the folder is a static Space of the hub.")
    ] = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a web page that enlarges pictures in the browser and morphs digits; nothing leaves the reader's machine."""
    if output is not None and single_file is not None:
        raise typer.BadParameter("--output and --single-file exclude each other; choose one")
    if space and single_file is not None:
        raise typer.BadParameter("--space is for a folder; leave --single-file out")
    from amortized_sr.image_io import replacing
    from amortized_sr.web import page as pages
    from amortized_sr.weights_header import PAGE_MODELS

    models = model or PAGE_MODELS
    with failures_as_sentences(page):
        if single_file is not None:
            path = checked_output(single_file, None, "page.html", overwrite)
            content = pages.single_file(models)
            create_folder(path.parent)
            with replacing(path) as file:
                file.write(content)
            line = f"{path}  {_size(len(content))}; open it in a browser"
        else:
            folder = Path(output or "site")
            if (folder / "index.html").exists() and not overwrite:
                raise typer.BadParameter(f"{folder / 'index.html'} exists; --overwrite replaces it")
            create_folder(folder)
            paths = pages.write_site(folder, models, space)
            size = sum(written.stat().st_size for written in paths)
            line = (
                f"{folder}  {len(paths)} files, {_size(size)}; serve it, for example: python -m http.server -d {folder}"
            )
    if not quiet:
        typer.echo(line)


def _size(count: int) -> str:
    return f"{count / 1000:,.0f} kB"
