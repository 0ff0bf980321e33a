"""Command lines in the documentation name commands, options, settings and files that exist; the first ones run."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from typer.main import get_command

from amortized_sr.cli import make_app
from amortized_sr.training.command import train

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAM = get_command(make_app())
CONTEXT = PROGRAM.make_context("amortized-sr", [], resilient_parsing=True)


def command_lines(text: str) -> list[list[str]]:
    """Return the words of every command of this package in the shell blocks of a page, and within its text."""
    lines: list[list[str]] = []
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in [*blocks, *re.findall(r"`(amortized-sr [a-z][^`]*)`", text)]:
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if set(word) <= set("|&;<>"):
                    if words and words[0].rpartition("/")[2] == "amortized-sr":
                        lines.append(words[1:])
                    words = []
                else:
                    words.append(word)
    return lines


def settings_of(capsys, config: str) -> set[str]:
    """Return the names of all settings of a training."""

    def names(values: dict[str, Any], prefix: str = "") -> set[str]:
        found = {f"{prefix}{key}" for key in values}
        inner = [names(value, f"{prefix}{key}.") for key, value in values.items() if isinstance(value, dict)]
        return found.union(*inner)

    with pytest.raises(SystemExit):
        train(["--config", str(ROOT / config), "--print_config"])
    return names(yaml.safe_load(capsys.readouterr().out))


def check(words: list[str], settings: dict[str, set[str]]) -> None:
    """Raise an error if a command line names what does not exist."""
    command, context = PROGRAM, CONTEXT
    while hasattr(command, "commands"):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
    if command.name not in ("train", "validate"):
        strict = type(context)(command, info_name=command.name, parent=context)
        command.make_parser(strict).parse_args(list(words))
        return
    config = words[words.index("--config") + 1] if "--config" in words else ""
    if config.startswith("configs/"):
        assert (ROOT / config).is_file(), config
    kind = "autoencoder" if "autoencoder" in config or "morph" in config else "upscaler"
    named = {word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")}
    assert named - {"config", "print_config", "help"} <= settings[kind], words


def test_every_command_in_the_documentation_exists(capsys):
    configs = {"upscaler": "configs/photo.yaml", "autoencoder": "configs/mnist-autoencoder.yaml"}
    settings = {kind: settings_of(capsys, config) for kind, config in configs.items()}
    lines = [(page, words) for page in PAGES for words in command_lines(page.read_text())]
    for page, words in lines:
        try:
            check(words, settings)
        except Exception as error:
            raise AssertionError(f"{page.name}: amortized-sr {shlex.join(words)}: {error}") from error
    assert len(lines) > 100


@pytest.mark.parametrize(
    "line",
    ["amortized-sr upscael a.png", "amortized-sr art cppn --sede 3", "amortized-sr train --config configs/x.yaml"],
)
def test_a_command_that_does_not_exist_is_found(line):
    (words,) = command_lines(f"```sh\n{line}  # a comment\n```\n")
    with pytest.raises(Exception):  # noqa: B017, PT011 (typer's classes of errors have moved between releases)
        check(words, {"upscaler": set()})


def test_the_command_of_the_container_exists():
    words = [
        json.loads(line) for line in re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", (ROOT / "Dockerfile").read_text(), re.M)
    ]
    name, *rest = [word for part in words for word in part]
    assert name == "amortized-sr"
    check(rest, {})


def test_the_quick_start_runs(cli, folder):
    (folder / "examples").symlink_to(ROOT / "examples")
    lines = command_lines((ROOT / "docs" / "quick-start.md").read_text())
    assert [words[0] for words in lines[:5]] == ["upscale", "compare", "denoise", "upscale", "train"]
    # Comparing takes many seconds and training hours; both run elsewhere, in small.
    for words in (lines[0], *lines[2:4]):
        result = cli(*words)
        assert result.code == 0, result.err
    sizes = {"kitten_512.png": 512, "clean.png": 64, "clean_128.png": 128}
    for name, side in sizes.items():
        with Image.open(folder / name) as picture:
            assert picture.size == (side, side)


@pytest.mark.parametrize("page", ["index", "quick-start"])
def test_the_python_of_the_first_pages_runs(page, folder):
    (folder / "examples").symlink_to(ROOT / "examples")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    exec(blocks[0], {})
    assert len(list(folder.glob("*.png"))) >= 2
