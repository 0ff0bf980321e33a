"""The command line: one function per command, whose signature is its interface.

Everything heavy is imported inside the functions, so that `--help` answers at once.
"""

import atexit
import gc
import io
import sys
from typing import Annotated

import typer

from amortized_sr.cli.analyze import analyze
from amortized_sr.cli.art import add_art
from amortized_sr.cli.benchmark import benchmark
from amortized_sr.cli.codes import decode, encode, morph, sample
from amortized_sr.cli.compare import compare
from amortized_sr.cli.fit import fit
from amortized_sr.cli.info import info
from amortized_sr.cli.pack import pack
from amortized_sr.cli.page import page
from amortized_sr.cli.render import render
from amortized_sr.cli.serve import serve
from amortized_sr.cli.train import export, train, validate
from amortized_sr.cli.upscale import upscale
from amortized_sr.freed_memory import keep_freed_memory


def _show_version(show: bool) -> bool:
    if show:
        from amortized_sr import __version__

        typer.echo(f"amortized-sr {__version__}")
        raise typer.Exit
    return show


def main(args: list[str] | None = None) -> None:
    """Run the command line `args`, or the process' own, and exit.

    Exit codes: 0 all done, 1 some inputs failed, 2 wrong usage, 130 interrupted.
    """
    # A file's name may hold letters that the terminal's encoding lacks; they must not stop the work.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    keep_freed_memory()
    # Loading torch makes 276,000 objects that stay: looking through them again and again took a tenth of each start.
    gc.set_threshold(20_000, 50, 100)
    # The interpreter looks through all of them once more before it exits: a quarter of a small picture's time.
    atexit.register(gc.freeze)
    make_app()(args=args)


def make_app() -> typer.Typer:
    """Return the command line with all its commands."""
    app = typer.Typer(
        name="amortized-sr",
        help="Turn small images into functions and render them at any size.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_common)
    # LightningCLI reads everything after `train` and `validate` itself, `--help` included.
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    made = upscale, page, serve, fit, render, sample, morph, encode, decode
    commands = *made, compare, benchmark, analyze, pack, train, validate, export, info
    for command in commands:
        app.command(context_settings=passed_on if command in (train, validate) else None)(command)
    removes = "Remove noise and JPEG compression: as upscale, at the image's own size."
    app.command("denoise", help=removes, context_settings={"default_map": {"scale": 1.0, "command": "denoise"}})(
        upscale
    )
    add_art(app)
    return app


def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass
