"""The commands, arguments and options of `amortized-sr` as Markdown, from the functions that define them."""

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from amortized_sr.cli import make_app


def command_reference() -> str:
    """Return a section for each command; a group is taken apart into its commands."""
    return "\n".join(_sections(get_command(make_app()), "amortized-sr", None))


# Any: releases of typer take the classes of commands from different packages.
def _sections(command: Any, name: str, parent: Any) -> Iterator[str]:  # noqa: ANN401
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    if hasattr(command, "commands"):
        for inner in command.list_commands(context):
            yield from _sections(command.get_command(context, inner), inner, context)
        return
    path = context.command_path
    yield f"## {path.removeprefix('amortized-sr ')}\n"
    yield _escaped(command.help or "") + "\n"
    yield f"```text\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record is not None:  # the others are hidden
            names, text = record
            yield f"- `{names}`" + (f": {_escaped(text)}" if text else "")
    yield ""


def _escaped(text: str) -> str:
    """Return a help text on one line, in which all characters but backticks mean themselves in Markdown."""
    parts = " ".join(text.split()).split("`")
    return "`".join(
        part if number % 2 else re.sub(r"([\\*_<>\[\]#|])", r"\\\1", part) for number, part in enumerate(parts)
    )
