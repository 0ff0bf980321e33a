import csv
import dataclasses
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from amortized_sr.benchmark import report
from amortized_sr.benchmark.faults import CLEAN, Faults
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


def failing(images, faults):
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
        ("photos", image, scale, name, CLEAN)
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
    for kept, cut in ((4, 17), (19, 0), (0, 30)):
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
    for changes in (
        {"scales": [3.0]},
        {"convention": "rgb"},
        {"settings": {"model": "mnist"}},
        {"limit": 1},
        {"faults": (Faults(5.0),)},
    ):
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


GRID = (CLEAN, Faults(25.0), Faults(jpeg=20), Faults(25.0, 20))


def test_a_grid_of_strengths_is_measured_against_what_numpy_and_pillow_make(photos, tmp_path):
    asked = plan(photos, scales=[1.0], convention="plain", faults=GRID, methods=["bicubic"])
    rows = run(asked, tmp_path / "journal", METHODS[:1], lambda *progress: None)
    assert [(row.image, row.faults) for row in rows] == [
        (image, faults) for image in ("a.png", "b.png", "deep/c.png") for faults in GRID
    ]
    # Bicubic changes nothing at scale 1, so that its PSNR is that of the input: 25 of 255, clipped, or a decoded file.
    levels = np.asarray(Image.open(photos / "deep" / "c.png"))
    clean, noisy, compressed, _ = rows[-4:]
    assert clean.quality.psnr == 200
    noise = np.random.default_rng((0, 4, 2))
    noise.random(2)
    seen = (levels.transpose(2, 0, 1) + 25 * noise.standard_normal((3, 48, 40), dtype=np.float32)).clip(0, 255)
    assert noisy.quality.psnr == pytest.approx(ratio(seen, levels.transpose(2, 0, 1)), abs=0.01)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=20, subsampling="4:2:0")
    assert compressed.quality.psnr == pytest.approx(ratio(np.asarray(Image.open(file)), levels), abs=0.01)
    assert [row.quality.lr_consistency is None for row in rows[-4:]] == [False, True, True, True]
    # Images have noise of their own, and the same one in every run.
    again = run(asked, tmp_path / "again", METHODS[:1], lambda *progress: None)
    assert bare(again) == bare(rows)
    assert len({row.quality.psnr for row in rows if row.faults == Faults(25.0)}) == 3


def ratio(seen, levels):
    return 10 * np.log10(255**2 / np.square(seen.astype(float) - levels).mean())


def test_the_report_of_a_grid_has_a_column_for_each_strength(photos, tmp_path):
    asked = plan(photos, scales=[1.0, 2.0], faults=GRID[:3], limit=1)
    rows = run(asked, tmp_path / "journal", METHODS[:2], lambda *progress: None)
    text = report.markdown(rows, "plain")
    tables = {part[0]: part[1] for part in re.findall(r"^(\w+):\n\n((?:\|.*\n)+)", text, re.MULTILINE)}
    assert list(tables) == ["PSNR", "SSIM", "LR", "cross"]
    header, _, bicubic, failed = tables["PSNR"].splitlines()
    names = [f"x{scale} {faults}" for scale in (1, 2) for faults in ("clean", "noise 25", "jpeg 20")]
    assert header == f"| method | {' | '.join(names)} |"
    found = {f"x{row.scale:g} {row.faults}": f"{row.quality.psnr:.2f}" for row in rows if row.method == "bicubic"}
    assert bicubic == f"| bicubic | {' | '.join(found[name] for name in names)} |"
    assert failed == f"| failing | {' | '.join(['failed'] * 6)} |"
    for sentence in ("Noise: white, Gaussian", "JPEG: Pillow's encoder", "LR is measured for clean inputs only"):
        assert sentence in text
    assert "All inputs" not in text
    assert "All inputs: noise 25." in report.markdown([row for row in rows if row.faults == Faults(25.0)], "plain")
    assert "Noise:" not in report.markdown([row for row in rows if row.faults == CLEAN], "plain")


@pytest.mark.parametrize(
    ("copies", "kept"),
    [
        (("original_png", "noisy15", "original"), "original_png"),
        (("original", "noisy15", "noisy25"), "original"),
        (("CBSD68/original_png", "CBSD68/noisy50"), "CBSD68/original_png"),
        (("refimgs", "jpeg", "wn"), "refimgs"),
        (("a", "b"), "a b"),
    ],
)
def test_of_published_layouts_the_originals_are_measured(tmp_path, copies, kept):
    for copy in copies:
        (tmp_path / "set" / copy).mkdir(parents=True)
        Image.new("RGB", (20, 20)).save(tmp_path / "set" / copy / "0.bmp")
    images = plan(tmp_path / "set").images()
    assert [image for _, image, _ in images] == [f"{folder}/0.bmp" for folder in kept.split()]
