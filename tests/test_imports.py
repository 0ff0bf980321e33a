"""Importing the package gives no warning, and every public name is there and has a docstring."""

import subprocess
import sys

import pytest

import amortized_sr

PUBLIC = "import amortized_sr\nfor name in amortized_sr.__all__: getattr(amortized_sr, name)"
MODULES = """
import importlib, pkgutil, amortized_sr
for module in pkgutil.walk_packages(amortized_sr.__path__, "amortized_sr."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def run(code):
    """Run code in a fresh process in which a warning is an error, and return what it wrote on stderr."""
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    return result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("code", ["import amortized_sr", PUBLIC, MODULES], ids=["package", "names", "modules"])
def test_importing_gives_no_warning(code):
    assert run(code) == ""


def test_a_warning_would_be_seen():
    # The test above can fail.
    assert "DeprecationWarning" in run("import amortized_sr, warnings; warnings.warn('old', DeprecationWarning)")


def test_every_public_name_says_what_it_is():
    assert set(amortized_sr.__all__) <= set(dir(amortized_sr))
    for name in set(amortized_sr.__all__) - {"__version__"}:
        public = getattr(amortized_sr, name)
        assert public.__module__.startswith("amortized_sr."), name
        assert public.__doc__, name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'upscaled'"):
        _ = amortized_sr.upscaled
