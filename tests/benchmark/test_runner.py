import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from amortized_sr.benchmark import report
from amortized_sr.benchmark.methods import Method, MethodSettings, method
from amortized_sr.benchmark.protocol import flat
from amortized_sr.benchmark.report import as_csv
from amortized_sr.benchmark.runner import OtherBenchmarkError, Plan, run
from amortized_sr.image_io import ImageError


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name, shape in (("a.png", (40, 44, 3)), ("b.png", (42, 40)), ("deep/c.png", (48, 40, 3))):
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(folder / name)
    return folder


def failing(images):
    raise RuntimeError("no luck")


METHODS = [
    method("bicubic", MethodSettings()),
    Method("failing", failing),
    method("lanczos", MethodSettings()),
]


def plan(photos, **changes):
    names = [one.name for one in METHODS]
    return Plan(**{"folders": {"photos": photos}, "scales": [2.0, 3.0], "methods": names, "convention": "y", **changes})


def bare(rows):
    """Rows without what differs from run to run."""
    return [dataclasses.replace(row, seconds=None, peak_mebibytes=None) for row in rows]


@pytest.mark.slow
def test_every_image_scale_and_method_has_a_row_and_a_failing_method_is_a_failed_row(photos, tmp_path):
    told = []
    rows = run(plan(photos), tmp_path / "journal", METHODS, lambda row, number, count: told.append((number, count)))
    assert [row.key for row in rows] == [
        ("photos", image, scale, name)
        for image in ("a.png", "b.png", "deep/c.png")
        for scale in (2.0, 3.0)
        for name in ("bicubic", "failing", "lanczos")
    ]
    assert told == [(number, 18) for number in range(1, 19)]
    for row in rows:
        assert (row.error == "RuntimeError: no luck") == (row.method == "failing")
        assert (row.quality.psnr is None) == (row.method == "failing")


@pytest.mark.slow
def test_a_run_that_stopped_anywhere_goes_on_and_measures_nothing_twice(photos, tmp_path):
    whole = run(plan(photos), tmp_path / "whole", METHODS, lambda *progress: None)
    lines = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    for kept, cut in ((1, 0), (4, 17), (19, 0), (0, 30)):
        journal = tmp_path / f"journal_{kept}"
        # A process that was killed may leave half a line.
        journal.write_bytes(b"".join(lines[:kept]) + (lines[kept][:cut] if cut else b""))
        told = []
        rows = run(plan(photos), journal, METHODS, lambda row, number, count, told=told: told.append(number))
        assert bare(rows) == bare(whole)
        assert rows[: max(0, kept - 1)] == whole[: max(0, kept - 1)]
        assert len(told) == 19 - max(kept, 1)


@pytest.mark.slow
def test_another_benchmarks_journal_is_refused(photos, tmp_path):
    journal = tmp_path / "journal"
    run(plan(photos, scales=[2.0]), journal, METHODS, lambda *progress: None)
    for changes in ({"scales": [3.0]}, {"convention": "rgb"}, {"settings": {"model": "mnist"}}, {"limit": 1}):
        with pytest.raises(OtherBenchmarkError, match="delete it, or choose another folder"):
            run(plan(photos, **{"scales": [2.0], **changes}), journal, METHODS, lambda *progress: None)
    Image.new("RGB", (40, 40)).save(photos / "a.png")
    with pytest.raises(OtherBenchmarkError):
        run(plan(photos, scales=[2.0]), journal, METHODS, lambda *progress: None)


@pytest.mark.slow
def test_a_journal_of_an_older_version_is_refused(photos, tmp_path):
    journal = tmp_path / "journal"
    run(plan(photos, scales=[2.0]), journal, METHODS[:1], lambda *progress: None)
    # Journals before the columns had their names: `lr` and `cross`, and an identity that named no columns.
    identity, *rows = map(json.loads, journal.read_text().splitlines())
    del identity["columns"]
    for row in rows:
        row["lr"], row["cross"] = row.pop("lr_consistency"), row.pop("cross_scale")
    journal.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in (identity, *rows)))
    with pytest.raises(OtherBenchmarkError, match="or of another version; delete it, or choose another folder"):
        run(plan(photos, scales=[2.0]), journal, METHODS[:1], lambda *progress: None)


@pytest.mark.slow
def test_a_damaged_image_is_a_failed_row(photos, tmp_path):
    (photos / "b.png").write_bytes(b"nothing")
    rows = run(plan(photos, scales=[2.0]), tmp_path / "journal", METHODS[:1], lambda *progress: None)
    assert [row.error is None for row in rows] == [True, False, True]


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(ImageError, match="no such folder"):
        run(plan(tmp_path / "none"), tmp_path / "journal", METHODS, lambda *progress: None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="no image files"):
        run(plan(tmp_path / "empty"), tmp_path / "journal", METHODS, lambda *progress: None)


@pytest.mark.slow
def test_the_report_has_protocol_means_costs_and_failures(photos, tmp_path):
    rows = run(plan(photos), tmp_path / "journal", METHODS, lambda *progress: None)
    text = report.markdown(rows, "y")
    assert "Y channel" in text
    assert f"Costs on {rows[0].machine}:" in text
    assert "## photos (3 images)" in text
    mean = np.mean([row.quality.psnr for row in rows if row.method == "bicubic" and row.scale == 2])
    assert f"| bicubic | {mean:.2f} |" in text
    assert "| failing | failed |" in text
    most = max(row.numbers for row in rows if row.method == "bicubic")
    costs = text[text.index("Costs on") :].splitlines()
    assert next(line for line in costs if line.startswith("| bicubic |")).endswith(f"| {most:,} | 0 |")
    assert text.count("no luck") == 6
    lines = list(csv.DictReader(io.StringIO(as_csv([flat(row) for row in rows]))))
    written = json.loads(report.as_json(rows, "y"))["rows"]
    assert len(lines) == len(written) == 18
    for row, line, values in zip(rows, lines, written, strict=True):
        assert list(line) == list(values)
        for name in ("psnr", "ssim", "lr_consistency", "cross_scale"):
            number = getattr(row.quality, name)
            assert values[name] == number
            assert line[name] == ("" if number is None else repr(number))


@pytest.mark.slow
def test_a_mean_over_fewer_images_says_so(photos, tmp_path):
    (photos / "b.png").write_bytes(b"nothing")
    rows = run(plan(photos, scales=[2.0]), tmp_path / "journal", METHODS[:1], lambda *progress: None)
    assert "(2 of 3)" in report.markdown(rows, "y")
