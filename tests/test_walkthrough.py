"""examples/walkthrough.ipynb runs from top to bottom, and what is stored in it is what it shows."""

import ast
import base64
import importlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "walkthrough.ipynb"
MAGIC = re.compile(r"^(\s*)%", re.MULTILINE)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def stored():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    return notebook


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Run the notebook with nbclient and return the result."""
    folder = tmp_path_factory.mktemp("walkthrough")
    # Settings of the user's IPython must not change what cells show.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "IPYTHONDIR": str(folder / "ipy")}
    command = [sys.executable, str(ROOT / "scripts" / "run_walkthrough.py"), "-o", str(folder / "run.ipynb")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return nbformat.read(folder / "run.ipynb", as_version=4)


def shown(cell):
    """Return what a cell shows without its numbers: texts, and sizes of pictures."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append((output.name, re.sub(r"[\d.,+-]+", "#", re.sub(r" +", " ", output.text))))
        elif "image/png" in output.data:
            with Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))) as picture:
                parts.append((picture.mode, picture.size))
        else:
            parts.append(sorted(output.data))
    return parts


def text_of(notebook, name):
    (cell,) = [cell for cell in code_cells(notebook) if cell.id == name]
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def qualities(notebook, name):
    """Return the PSNR by picture and method that a cell compared."""
    table = re.findall(r"^(\w+) +(\w+) +([\d.]+) dB", text_of(notebook, name), re.MULTILINE)
    return {(picture, method): float(value) for picture, method, value in table}


@pytest.mark.slow
def test_what_is_stored_is_what_the_cells_show(stored, executed):
    assert [cell.source for cell in stored.cells] == [cell.source for cell in executed.cells]
    for before, after in zip(code_cells(stored), code_cells(executed), strict=True):
        assert shown(before) == shown(after), before.source


@pytest.mark.parametrize("kind", ["stored", pytest.param("executed", marks=pytest.mark.slow)])
def test_every_cell_has_run_in_order_without_an_error_or_a_warning(kind, request):
    cells = code_cells(request.getfixturevalue(kind))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "execute_result"}
    assert {output.name for output in outputs if output.output_type == "stream"} == {"stdout"}
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 10


@pytest.mark.parametrize("kind", ["stored", pytest.param("executed", marks=pytest.mark.slow)])
def test_the_numbers_say_what_the_text_says(kind, request):
    notebook = request.getfixturevalue(kind)
    # Section 2: the network passes 40 dB and reproduces its pixels almost exactly.
    passed, reached = re.findall(r"from step (\d+), (\d+) dB at the end", text_of(notebook, "fit-curve"))[0]
    assert 20 < int(passed) < 100
    assert 80 < int(reached) < 160
    # Section 3: the kitten's network does not know the owl.
    strange, own = (float(value) for value in re.findall(r"([\d.]+) dB", text_of(notebook, "owl")))
    assert strange < 12 < 60 < own
    # Section 5: milliseconds where a fit takes seconds.
    seconds = float(re.findall(r"([\d.]+) s of computing", text_of(notebook, "fit-kitten"))[0])
    milliseconds = [float(value) for value in re.findall(r"([\d.]+) ms", text_of(notebook, "encode"))]
    assert len(milliseconds) == 4
    assert max(milliseconds) < 1000 * seconds / 20
    # Section 6: without codes bicubic interpolation remains, and the latent is codes and pixels.
    remaining = [float(value) for value in re.findall(r"([\d.]+) dB", text_of(notebook, "codes"))]
    assert len(remaining) == 2
    assert min(remaining) > 50
    total, codes, pixels = (
        int(value.replace(",", ""))
        for value in re.findall(r"([\d,]+) (?:bytes|of codes|of pixels)", text_of(notebook, "codes"))
    )
    assert total == codes + pixels
    assert codes == 25 * pixels
    # Section 8: fit is as good as interpolation or better, upscale above both, and slower than interpolation.
    compared = qualities(notebook, "measure")
    for picture in ("kitten", "owl"):
        bicubic, fitted, upscaled = (compared[picture, method] for method in ("bicubic", "fit", "upscale"))
        assert upscaled > max(bicubic, fitted) + 0.5
        assert fitted > bicubic - 0.3
    costs = [float(value) for value in re.findall(r"([\d.]+) ms", text_of(notebook, "cost"))]
    assert costs[0] < costs[1]
    # Section 9: better than interpolation, worse than the bundled weights.
    compared = qualities(notebook, "own-pictures")
    for picture in ("kitten", "owl"):
        bicubic, yours, bundled = (compared[picture, method] for method in ("bicubic", "yours", "bundled"))
        assert bicubic < yours < bundled
    assert int(re.findall(r"(\d+) s of computing", text_of(notebook, "own"))[0]) < 60
    # Section 11: standardized learns fastest, unit slowest.
    speed = dict(re.findall(r"^([\w ]+?) +\(.* ([\d.]+) dB after", text_of(notebook, "systems"), re.M))
    ranked = sorted(speed, key=lambda name: float(speed[name]))
    assert (len(ranked), ranked[0], ranked[-1]) == (4, "unit", "standardized")
    # Section 12: the digit drawn from its code is the same digit, but not the same pixels.
    (again,) = re.findall(r"([\d.]+) dB", text_of(notebook, "digits"))
    assert 20 < float(again) < 40
    # The whole: less than three minutes of computing, summed over the cores.
    (seconds,) = re.findall(r"(\d+) s of computing", text_of(notebook, "took"))
    assert 20 < int(seconds) < 180


def test_it_is_small_and_names_no_machine(stored):
    assert NOTEBOOK.stat().st_size < 2_000_000
    assert stored.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(not cell.metadata for cell in stored.cells)
    texts = [output.get("text", "") for cell in code_cells(stored) for output in cell.outputs]
    assert not re.search(r"/(home|work|tmp|root|Users)/", "".join(texts))


def test_it_tells_the_whole_story_in_order(stored):
    text = "\n".join(cell.source for cell in stored.cells if cell.cell_type == "markdown")
    titles = re.findall(r"^## \d+\. (.*)", text, re.MULTILINE)
    words = (
        *("2x2 to 4x4", "Fit one image", "train again", "encoder", "One forward pass", "latent", "Zoom", "Compare"),
        *("Train your own", "`fit` and `upscale`", "coordinate systems", "one code"),
    )
    assert len(titles) == len(words)
    assert [title for title, word in zip(titles, words, strict=True) if word not in title] == []
    # Short cells with comments between them.
    assert all(len(cell.source.splitlines()) <= 20 for cell in stored.cells)


def test_it_uses_public_names_only(stored):
    tree = ast.parse("\n".join(MAGIC.sub(r"\1pass  #", cell.source) for cell in code_cells(stored)))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [(node.module, alias.name) for node in imported for alias in node.names if "amortized_sr" in node.module]
    assert len(ours) > 10
    for module, name in ours:
        assert not any(part.startswith("_") for part in (*module.split("."), name))
        value = getattr(importlib.import_module(module), name)
        # Not what a module happens to import for itself; a folder may offer what its modules hold.
        assert f"{value.__module__}.".startswith(f"{module}."), name
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert [name for name in attributes if name.startswith("_")] == []


def test_one_cell_installs_the_package_where_it_is_missing(stored):
    installing = [cell.source for cell in code_cells(stored) if "pip install" in cell.source]
    assert len(installing) == 1
    assert 'find_spec("amortized_sr") is None' in installing[0]
    # A hosted notebook has no file of the repository.
    assert "examples/" not in "".join(cell.source for cell in code_cells(stored))
