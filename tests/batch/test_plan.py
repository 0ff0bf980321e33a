"""Plans and options of a batch, without a command line."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from batch_files import picture, tree

from amortized_sr.batch.options import NOT_IN_FINGERPRINT, BatchOptions
from amortized_sr.batch.plan import PlanError, plan_batch
from amortized_sr.compute import Bounds
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.sizes import SizeRequest

OPTIONS = BatchOptions(PictureOptions(SizeRequest(2.0)))

# For every field another value than the one above.
OTHERS: dict[str, Any] = {
    "size": SizeRequest(3.0), "format": "jpg", "quality": 50, "compression": 9, "background": (0, 0, 0),
    "strip_metadata": True, "max_pixels": 5, "allow_truncated": True, "tta": True, "noise": 9, "jpeg": 50,
    "model": "mnist", "device": "cpu", "memory": 2**29, "precision": "bf16", "bounds": Bounds(tile=9),
    "overwrite": True, "resume": True, "engine": "auto",
}  # fmt: skip


def test_every_option_changes_the_fingerprint_or_is_a_named_exception():
    fields: set[str] = set()
    for nested, record in (("", OPTIONS), ("pictures", OPTIONS.pictures), ("compute", OPTIONS.compute)):
        for name in {field.name for field in dataclasses.fields(record)} - {"pictures", "compute"}:
            changed = dataclasses.replace(record, **{name: OTHERS[name]})
            flipped = dataclasses.replace(OPTIONS, **{nested: changed}) if nested else changed
            assert flipped != OPTIONS
            assert (flipped.fingerprint() != OPTIONS.fingerprint()) == (name not in NOT_IN_FINGERPRINT), name
            fields.add(name)
    assert fields == set(OTHERS)
    assert fields | {"pictures", "compute"} >= NOT_IN_FINGERPRINT


def test_the_fingerprint_is_the_one_of_earlier_manifests():
    # They were made in fp32, which was the default.
    options = dataclasses.replace(OPTIONS, compute=dataclasses.replace(OPTIONS.compute, precision="fp32"))
    assert options.fingerprint() == {
        "size": "x2", "precision": "fp32", "tta": False, "memory": 2**30, "quality": None, "compression": 1,
        "background": [255, 255, 255], "strip_metadata": False, "allow_truncated": False,
    }  # fmt: skip


@pytest.mark.parametrize("option", ["--tta", "--strip-metadata", "--allow-truncated", "--background=red"])
def test_resuming_with_another_option_makes_outputs_again(run, option):
    picture("in/a.png")
    assert run("in", "-o", "out").code == 0

    assert "already done" in run("in", "-o", "out", "--resume").out
    assert "8x6 -> 16x12" in run("in", "-o", "out", "--resume", option).out
    assert "already done" in run("in", "-o", "out", "--resume", option).out


def test_a_plan_knows_outputs_failures_and_notes_and_writes_only_folders():
    picture("in/a.png"), picture("in/deep/b.jpg"), picture("in/a_x3.png")

    plan = plan_batch([Path("in"), Path("no*.png")], OPTIONS, Path("out"), recursive=True)

    assert [job.output_path for job in plan.jobs] == [Path("out/a_x2.png"), Path("out/deep/b_x2.png")]
    assert plan.manifest_folder == Path("out")
    assert [(path, error.problem) for path, error in plan.failures] == [
        (Path("no*.png"), "no image files match this pattern")
    ]
    assert plan.notes == [
        (
            Path("in"),
            "1 image was passed over as earlier outputs, such as a_x3.png; name files themselves to upscale them",
        )
    ]
    assert tree("out") == set()
    assert Path("out/deep").is_dir()


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_single_file_gets_a_folder_if_that_is_said(is_folder):
    picture("a.png")

    plan = plan_batch([Path("a.png")], OPTIONS, Path("out.png"), is_folder)

    assert plan.jobs[0].output_path == (Path("out.png/a_x2.png") if is_folder else Path("out.png"))
    assert plan.manifest_folder is None


def test_a_clash_names_both_inputs_and_no_option():
    picture("in/a.png"), picture("other/a.jpg")

    with pytest.raises(PlanError) as raised:
        plan_batch([Path("in/a.png"), Path("other/a.jpg")], OPTIONS, Path("out"))

    assert str(raised.value) == (
        "out/a_x2.png: both in/a.png and other/a.jpg would be written to it; "
        "upscale them one at a time, to different outputs"
    )
    assert not Path("out").exists()
