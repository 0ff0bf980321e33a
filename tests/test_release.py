"""Wheel and sdist hold what they need, and the files beside them say the same version."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import amortized_sr

ROOT = Path(__file__).resolve().parent.parent
needs_hatchling = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason='needs hatchling: pip install "amortized-sr[dev]"'
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@needs_hatchling
def test_the_wheel_holds_the_package_with_weights_and_page_and_nothing_else(built):
    wheel, _ = built
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = {
            name.rpartition("/")[2]: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name
        }
    tree = (path for path in (ROOT / "amortized_sr").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert files == {path.relative_to(ROOT).as_posix() for path in tree}
    for name in ("photo-tiny", "photo", "mnist", "mnist-autoencoder", "mnist-morph"):
        assert f"amortized_sr/weights_data/{name}.safetensors" in files
    assert {"amortized_sr/web/core.wasm", "amortized_sr/web/built/app.js", "amortized_sr/py.typed"} <= files
    assert f"Version: {amortized_sr.__version__}\n" in about["METADATA"]
    assert "amortized-sr = amortized_sr.cli:main" in about["entry_points.txt"]
    assert "LICENSE" in about
    assert wheel.stat().st_size < 10_000_000


@needs_hatchling
def test_the_sdist_holds_what_the_commands_of_readme_need_and_no_leftovers(built):
    _, sdist = built
    with tarfile.open(sdist) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    needed = (
        *("README.md", "CHANGELOG.md", "CITATION.cff", "SECURITY.md", "Dockerfile", "LICENSE", "pyproject.toml"),
        *("configs/mnist.yaml", "docs/index.md", "docs/conf.py", "docs/sizes.png", "examples/kitten_64.png"),
        *("examples/walkthrough.ipynb", "scripts/readme_commands.py", "tests/conftest.py", ".github/CONTRIBUTING.md"),
        *("amortized_sr/weights_data/photo-tiny.safetensors", "amortized_sr/web/core.wasm", ".ci/run"),
    )
    assert set(needed) <= files
    leftovers = r"(docs/copies|build|dist|runs|data|\.venv|wandb)/|.*(__pycache__|node_modules|\.ckpt$)"
    assert [name for name in files if re.match(leftovers, name)] == []


def test_the_citation_names_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == amortized_sr.__version__
    assert citation["license"] == "MIT"
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_workflows_lint_test_and_build():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yaml").read_text())["jobs"]
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    for script in (".ci/run", "scripts/build_docs", "scripts/check_release", "docker build"):
        assert any(script in line for line in runs), script
