"""The data that wandb gets, read back from the files of its offline runs."""

import ast
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from amortized_sr.benchmark.comparison import Comparison, log_comparisons
from amortized_sr.benchmark.evaluation import Prediction
from amortized_sr.benchmark.protocol import Quality
from amortized_sr.tracking import finish_run, log_means, log_table, start_run

DEAD = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setenv("WANDB_BASE_URL", DEAD)
    monkeypatch.setenv("WANDB_SILENT", "true")


def logged_tables(folder):
    """Return columns and rows of every table that offline runs below `folder` have; pictures as arrays."""
    staged = {path: path.read_bytes() for path in folder.rglob("artifacts/staging/*")}
    pictures = {hashlib.sha256(data).hexdigest(): path for path, data in staged.items()}

    def cell(value):
        if not isinstance(value, dict):
            return value
        with Image.open(pictures[value["sha256"]]) as picture:
            return np.asarray(picture)

    # wandb keeps a second copy of some files.
    tables = {data for data in staged.values() if data[:1] == b"{" and json.loads(data).get("_type") == "table"}
    return [
        (table["columns"], [[cell(value) for value in row] for row in table["data"]])
        for table in map(json.loads, sorted(tables))
    ]


def logged_configuration(folder):
    """Return the configuration of the last run below `folder`."""
    lines = (folder / "wandb" / "debug.log").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("config: ")]
    return ast.literal_eval(line.removeprefix("config: "))


def logged_table(folder):
    """Return columns and rows of the one table."""
    (table,) = logged_tables(folder)
    return table


def test_a_comparison_is_a_table_with_pixel_exact_pictures(tmp_path):
    images = [torch.rand(1, 3, 5, 7), torch.rand(1, 1, 5, 7)]
    target = torch.rand(1, 1, 10, 14)
    # Overshoot is clamped, not wrapped.
    rows = [
        Comparison("a", images[0], None, {"bicubic": Prediction(images[0] * 1.3 - 0.1, Quality(psnr=20.5), 0.1)}),
        Comparison("b", images[1], target, {"bicubic": Prediction(images[1], Quality(psnr=30.5), 0.3)}),
    ]
    run = start_run("offline", tmp_path, {"scale": 2})
    log_comparisons(run, rows)
    summary = dict(run.summary)
    finish_run(run)
    columns, data = logged_table(tmp_path)
    assert columns == ["image", "input", "bicubic", "target", "bicubic psnr", "bicubic encode_seconds"]
    assert [row[0] for row in data] == ["a", "b"]
    assert [row[4:] for row in data] == [[20.5, 0.1], [30.5, 0.3]]
    assert data[0][3] is None
    for place, image in ((data[0][1], images[0]), (data[0][2], images[0] * 1.3 - 0.1), (data[1][3], target)):
        expected = (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).squeeze(-1).numpy()
        assert np.array_equal(place, expected)
    assert summary["bicubic/psnr"] == pytest.approx(25.5)


def test_records_are_a_table_without_columns_that_hold_nothing_and_means_leave_out_the_unknown(tmp_path):
    rows = [{"method": "a", "scale": 2.0, "psnr": value, "error": None} for value in (10.0, 20.0, None)]
    run = start_run("offline", tmp_path, {})
    log_table(run, "rows", rows)
    log_means(run, [(f"{row['method']}/{row['scale']}/psnr", row["psnr"]) for row in rows] + [("nothing", None)])
    assert run.summary["a/2.0/psnr"] == pytest.approx(15)
    assert "nothing" not in dict(run.summary)
    finish_run(run)
    columns, data = logged_table(tmp_path)
    assert columns == ["method", "scale", "psnr"]
    assert data[2] == ["a", 2.0, None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "about"),
    [
        ({}, ["amortized_sr", "", [], ""]),
        (
            {"WANDB_PROJECT": "other", "WANDB_ENTITY": "team", "WANDB_TAGS": "a,b", "WANDB_RUN_GROUP": "sweep"},
            ["other", "team", ["a", "b"], "sweep"],
        ),
    ],
)
def test_project_entity_tags_and_group_of_the_environment_are_those_of_the_run(tmp_path, environment, about):
    # wandb reads its environment once in a process.
    code = (
        "import json; from pathlib import Path; from amortized_sr.tracking import finish_run, start_run\n"
        "run = start_run('offline', Path('.'), {})\n"
        "print(json.dumps([run.project, run.entity, list(run.tags), run.group])); finish_run(run)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(shown.stdout) == about
    assert "upload it with: wandb sync" in shown.stderr


@pytest.mark.slow
def test_a_resumed_run_has_the_id_that_its_folder_keeps_and_a_new_one_has_not(tmp_path):
    ids = []
    for resume in (False, True, False, True):
        run = start_run("offline", tmp_path, {"steps": len(ids)}, resume=resume)
        assert run.config["steps"] == len(ids)
        ids.append(run.id)
        finish_run(run)
    assert ids[0] == ids[1] != ids[2] == ids[3]
    run = start_run("offline", tmp_path / "fresh", {}, resume=True)
    assert run.id not in ids
    finish_run(run)


def test_the_end_says_where_the_files_lie_and_how_to_upload_them(tmp_path, capsys):
    folder = tmp_path / "with a space"
    for quiet in (False, True):
        run = start_run("offline", folder, {})
        files = Path(run.dir).parent
        finish_run(run, quiet)
        said = capsys.readouterr().err
        assert (f"upload it with: wandb sync '{files}'\n" in said) != quiet
        assert files.is_relative_to(folder)
        assert list(files.glob("run-*.wandb"))


@pytest.mark.slow
def test_disabled_is_nothing_and_does_not_load_wandb(tmp_path):
    code = (
        "import sys; from pathlib import Path; from amortized_sr.tracking import finish_run, start_run; "
        "finish_run(start_run('disabled', Path('.'), {})); sys.exit('wandb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("key", [None, "0" * 40])
def test_an_unreachable_server_or_a_missing_key_makes_the_run_an_offline_one(tmp_path, monkeypatch, capsys, key):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    monkeypatch.setenv("WANDB_LOGIN_TIMEOUT", "2")
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("WANDB_API_KEY", key)
    run = start_run("online", tmp_path / "run", {})
    log_table(run, "rows", [{"method": "a", "psnr": 1.0}])
    finish_run(run)
    assert "wandb is not reachable" in capsys.readouterr().err
    assert logged_table(tmp_path / "run")[1] == [["a", 1.0]]
    for path in (tmp_path / "run").rglob("*"):
        assert path.is_dir() or key is None or key.encode() not in path.read_bytes(), path
