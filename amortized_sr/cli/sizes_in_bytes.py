"""Numbers of bytes as options give them: `500M`, `2G`."""

import re

import typer

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_bytes(option: str, text: str, least: int) -> int:
    """Return a number of bytes.

    Raises:
        typer.BadParameter: If it is malformed, or below `least`.
    """
    match = re.fullmatch(r"(\d{1,15}(?:\.\d+)?)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise typer.BadParameter(f"{option} must be a number of bytes, such as 500M or 2G, got {text!r}")
    count = int(float(match[1]) * _UNITS[match[2].upper()])
    if count < least:
        shown = f"{least // 2**20}M" if least >= 2**20 else str(least)
        raise typer.BadParameter(f"{option} must be at least {shown}, got {text!r}")
    return count
