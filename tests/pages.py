"""Runs the Python blocks of a page of docs/, for all tests that do."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Block:
    """A Python block of a page and the output that the page shows below it, if any."""

    code: str
    output: str | None


def blocks(page: str) -> list[Block]:
    """Return the Python blocks of `docs/page` in order."""
    text = (ROOT / "docs" / page).read_text()
    found = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    return [Block(code, output or None) for code, output in found]


def run_in(folder: Path, code: str) -> str:
    """Run code in a fresh process in a folder that has the examples, and return what it prints.

    Warnings are errors, as in the tests themselves.
    """
    if not (folder / "examples").exists():
        shutil.copytree(ROOT / "examples", folder / "examples")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout
