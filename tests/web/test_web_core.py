"""The committed WebAssembly is what its source compiles to."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# The compiler that the committed bytes come from; others make other bytes.
CLANG = "14.0.6"


def test_the_source_gives_the_committed_bytes(tmp_path):
    if shutil.which("clang") is None or shutil.which("wasm-ld") is None:
        pytest.skip("needs clang and lld")
    version = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    if f"clang version {CLANG}" not in version:
        pytest.skip(f"needs clang {CLANG}, this is {version.splitlines()[0]}")

    subprocess.run([ROOT / "scripts" / "build_web_core", tmp_path / "core.wasm"], check=True)

    assert (tmp_path / "core.wasm").read_bytes() == (ROOT / "amortized_sr" / "web" / "core.wasm").read_bytes()
