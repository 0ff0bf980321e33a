"""docs/add-a-field.md works as written: its field keeps the promises, learns, and passes the package's own tests."""

import importlib
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from pages import ROOT, blocks

import amortized_sr.fields
from amortized_sr.coords import pixel_cell, pixel_window
from amortized_sr.grids import pixel_grid

TEXT = (ROOT / "docs" / "add-a-field.md").read_text()
CLASS, TRIAL = blocks("add-a-field.md")
NAME = "amortized_sr.fields.gaussian"


@pytest.fixture
def gaussian(tmp_path, monkeypatch):
    """The module of the page's field, found beside the package's own fields, its annotations checked like theirs."""
    (tmp_path / "gaussian.py").write_text(CLASS.code)
    monkeypatch.setattr(amortized_sr.fields, "__path__", [*amortized_sr.fields.__path__, str(tmp_path)])
    yield importlib.import_module(NAME)
    del sys.modules[NAME]


@pytest.fixture
def trial(gaussian, capsys):
    """What the page's trial defines, after it ran and printed what the page says."""
    names = {}
    exec(TRIAL.code, names)
    assert capsys.readouterr().out == TRIAL.output
    return names


@pytest.fixture
def function(trial):
    """A function of the trial's model in float64, with a field that says something loud."""
    model = trial["model"].double()
    for parameter in [*model.head.parameters(), *model.field.parameters()]:
        torch.nn.init.normal_(parameter, std=0.5)
    return model.encode(torch.rand(2, 3, 5, 4, dtype=torch.float64))


def test_the_class_is_short_enough_to_be_an_example():
    body = CLASS.code.split("@final")[1]
    assert len(body.splitlines()) <= 45


def test_the_trial_prints_what_the_page_shows_and_the_loss_falls(trial):
    assert len(trial["losses"]) == 10
    assert trial["losses"][-1] < trial["losses"][0]


def test_a_grid_equals_its_points(function):
    size, window = (11, 13), (-0.7, -1.0, 0.9, 0.4)
    grid = pixel_grid(size, window, torch.float64).flatten(0, 1)
    cell = torch.tensor(pixel_cell(size, window), dtype=torch.float64)
    queried = function(grid, cell).movedim(-1, 1).unflatten(-1, size)
    torch.testing.assert_close(queried, function.render(size, window), atol=2e-4, rtol=0)


def test_a_window_equals_the_crop(function):
    crop = function.render((20, 24))[:, :, 3:14, 5:24]
    part = function.render((11, 19), pixel_window((3, 5, 14, 24), (20, 24)))
    torch.testing.assert_close(part, crop, atol=2e-4, rtol=0)


def test_every_parameter_gets_a_gradient(trial):
    parameters = dict(trial["model"].named_parameters())
    assert {"field.center", "field.log_width"} <= set(parameters)
    assert [name for name, value in parameters.items() if value.grad is None or not value.grad.any()] == []


def test_a_larger_footprint_holds_less_detail_and_keeps_the_volume(gaussian):
    # What the page says about footprints. Without neighbours the weight is one everywhere inside a cell.
    field = gaussian.GaussianField(channels=1, num_blobs=1, neighbors=1).double()
    field.center.data.zero_()
    field.log_width.data.fill_(-3.0)
    offset = pixel_grid((400, 400), dtype=torch.float64).flatten(0, 1) / 2 * (1 - 1e-9)
    code = torch.ones(len(offset), 1, dtype=torch.float64)
    sharp, blurred = (field(offset, torch.full_like(offset, extent), code)[:, 0] for extent in (0.0, 0.3))
    torch.testing.assert_close(blurred.sum(), sharp.sum(), rtol=1e-3, atol=0)
    assert blurred.max() < 0.6 * sharp.max()


def edited(folder):
    """Copy package and tests to a folder and do there what the page says; return the number of edits."""
    for name in ("amortized_sr", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    edits = 0
    for section in TEXT.split("\n## ")[1:]:
        path = re.match(r"\d\. .*`(amortized_sr/[\w/]+\.py)`\n", section)
        if path is None:
            continue
        file = folder / path[1]
        if "```python" in section:
            file.write_text(CLASS.code)
        for diff in re.findall(r"```diff\n(.*?)```", section, re.DOTALL):
            lines = diff.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] != "+")
            after = "".join(line[1:] for line in lines if line[0] != "-")
            text = file.read_text()
            assert text.count(before) == 1, f"{path[1]} has not exactly once:\n{before}"
            file.write_text(text.replace(before, after))
            edits += 1
    return edits


@pytest.mark.slow
def test_the_edited_package_passes_its_own_tests(tmp_path):
    assert edited(tmp_path) == 6
    (command,) = re.findall(r"^scripts/test (.*)$", TEXT, re.MULTILINE)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    (passed,) = re.findall(r"(\d+) passed", result.stdout)
    assert int(passed) >= 15


def test_the_static_checks_accept_the_class(tmp_path):
    path = tmp_path / "gaussian.py"
    path.write_text(CLASS.code)
    ruff = shutil.which("ruff")
    if ruff is None:
        pytest.skip("needs ruff: pip install -e '.[dev]'")
    config = ["--config", str(ROOT / "pyproject.toml")]
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        result = subprocess.run([ruff, *command, *config, str(path)], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
