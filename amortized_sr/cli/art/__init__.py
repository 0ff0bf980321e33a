"""`amortized-sr art`: pictures and films made of functions, one command per file."""

import typer

from amortized_sr.cli.art.cppn import cppn
from amortized_sr.cli.art.dream import dream
from amortized_sr.cli.art.emerge import emerge
from amortized_sr.cli.art.mix import mix
from amortized_sr.cli.art.morph import morph
from amortized_sr.cli.art.zoom import zoom


def add_art(app: typer.Typer) -> None:
    """Add the group of commands to the command line."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    commands = cppn, zoom, morph, mix, dream, emerge
    for command in commands:
        group.command()(command)
    names = ", ".join(command.__name__ for command in commands)
    app.add_typer(group, name="art", help=f"Make pictures and films of functions: {names}.")
