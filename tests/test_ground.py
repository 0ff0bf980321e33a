"""What doors without torch stand on loads no torch, and loading a model loads no compiler."""

import subprocess
import sys

import pytest

GROUND = [
    "axes",
    "choices",
    "compute",
    "coords",
    "image_io",
    "model_config",
    "sheet",
    "sizes",
    "stores",
    "weights_header",
]


def loaded(code: str) -> set[str]:
    """Return the modules that a fresh process has loaded after some code."""
    script = f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


@pytest.mark.parametrize("name", GROUND)
def test_the_ground_loads_no_torch(name):
    assert "torch" not in loaded(f"import amortized_sr.{name}")


def test_a_header_is_read_without_torch():
    code = "from amortized_sr.weights_header import *; print(read_header(find_weights('photo-tiny')).config.channels)"
    assert "torch" not in loaded(code)


@pytest.mark.slow
def test_loading_a_model_loads_no_compiler():
    modules = loaded("from amortized_sr import Upscaler; Upscaler.from_pretrained('photo-tiny', 'cpu')")
    assert "torch" in modules
    assert "torch._dynamo" not in modules
    assert "sympy" not in modules
