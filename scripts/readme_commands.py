"""Print the shell lines of the README block that a marker announces.

A marker is an HTML comment alone on its line, such as `<!-- run -->`; the next line that is not
empty must open a fenced shell block. Continuous integration runs what this prints, so anything
unexpected is an error: a command that silently disappears would never be checked again.

Usage: python3 readme_commands.py NAME README.md
"""

import sys
from pathlib import Path

SHELLS = {"bash", "sh", "shell"}


def shell_block(text: str, name: str) -> str:
    """Return the lines of the fenced block after the marker `<!-- name -->`, as written.

    Raises:
        ValueError: If the marker is missing or repeated, or if no shell block follows it.
    """
    marker = f"<!-- {name} -->"
    lines = text.splitlines()
    places = [number for number, line in enumerate(lines) if line.strip() == marker]
    if len(places) != 1:
        raise ValueError(f"{marker} must stand alone on exactly one line, found {len(places)}")

    rest = lines[places[0] + 1 :]
    while rest and not rest[0].strip():
        rest.pop(0)
    if not rest or not rest[0].startswith("```") or rest[0][3:].strip() not in SHELLS:
        raise ValueError(f"{marker} must be followed by a block that opens with ```sh")
    if "```" not in rest[1:]:
        raise ValueError(f"the block after {marker} is never closed")

    block = rest[1 : rest.index("```", 1)]
    if not any(line.strip() for line in block):
        raise ValueError(f"the block after {marker} is empty")
    return "\n".join(block) + "\n"


def main() -> None:
    name, path = sys.argv[1:]
    try:
        print(shell_block(Path(path).read_text(encoding="utf-8"), name), end="")
    except (OSError, ValueError) as error:
        sys.exit(f"{path}: {error}")


if __name__ == "__main__":
    main()
