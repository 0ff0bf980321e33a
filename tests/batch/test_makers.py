"""Small pictures that are alike are drawn at once; each file is that of its picture alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from batch_files import picture
from PIL import Image

from amortized_sr import tiling
from amortized_sr.batch import makers
from amortized_sr.batch.options import BatchBounds, BatchOptions
from amortized_sr.batch.plan import plan_batch
from amortized_sr.batch.report import Report
from amortized_sr.batch.run import run as run_batch
from amortized_sr.choices import Precision
from amortized_sr.compute import Compute
from amortized_sr.image_io import ImageError
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.sizes import SizeRequest


@pytest.fixture
def two_threads():
    """Let torch have two threads, on a machine of one core too: only then pictures are drawn side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def together(monkeypatch) -> list[int]:
    """How many pictures were drawn at once, each time."""
    sizes: list[int] = []

    def draw(conversions, *arguments):
        sizes.append(len(conversions))
        return draw_alike(conversions, *arguments)

    draw_alike = makers.draw_alike
    monkeypatch.setattr(makers, "draw_alike", draw)
    return sizes


def upscale(model: Path | str, output: str, precision: Precision = "bf16", source: str = "in", *, alone: bool = False):
    """Upscale a folder as a machine with two cores does, or one picture after the other."""
    options = BatchOptions(PictureOptions(SizeRequest(2.0)), str(model), Compute("cpu", precision=precision))
    report = Report(as_json=True, quiet=False, verbose=False)
    plan = plan_batch([Path(source)], options, Path(output))
    run_batch(plan, options, report, BatchBounds(), limit_threads=not alone)
    return report.finish()


def mixed_pictures(count: int) -> None:
    """Pictures of two sizes and of several kinds, which cannot all be drawn at once."""
    for number in range(count):
        name = f"in/{number:02d}.png"
        picture(name, *((9, 14) if number % 3 else (12, 7)), seed=number)
        if number % 5 == 3:
            Image.open(name).convert("L").save(name)
        if number % 7 == 4:
            Image.open(name).convert("RGBA").save(name)


def pixels(folder: str) -> dict[str, np.ndarray]:
    return {path.name: np.asarray(Image.open(path)) for path in sorted(Path(folder).glob("*.png"))}


def assert_same_pictures(folder: str, expected: str, share: float) -> None:
    """Check that of all values at most such a share differs, and by 1."""
    ours, theirs = pixels(folder), pixels(expected)
    assert ours.keys() == theirs.keys() != set()
    assert all(ours[name].shape == theirs[name].shape for name in ours)
    differences = np.concatenate([np.abs(ours[name].astype(int) - theirs[name]).ravel() for name in ours])
    assert differences.max() <= 1
    assert (differences > 0).mean() <= share


@pytest.mark.parametrize("conditions", [False, True], ids=["plain", "told"])
def test_pictures_that_are_alike_are_drawn_at_once_and_equal_those_drawn_alone(
    two_threads, together, small_weights, told_weights, capfd, conditions
):
    weights = told_weights if conditions else small_weights
    mixed_pictures(40)

    assert upscale(weights, "side by side") == 0
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    order = [line["output"] for line in told if "output" in line]
    assert upscale(weights, "alone", alone=True) == 0

    assert max(together) == 8
    assert len(order) == 40
    assert order == sorted(order)
    # Every sum of a layer has the same terms; only their order may differ.
    assert_same_pictures("side by side", "alone", share=1e-3)


def test_in_fp32_every_picture_is_drawn_alone(two_threads, together, small_weights):
    mixed_pictures(12)

    assert upscale(small_weights, "side by side", "fp32") == 0
    assert upscale(small_weights, "alone", "fp32", alone=True) == 0

    assert together == []
    assert_same_pictures("side by side", "alone", share=0)


def test_an_input_that_is_broken_and_an_output_that_cannot_be_written_cost_only_themselves(
    two_threads, together, small_weights, monkeypatch, capfd
):
    for number in range(16):
        picture(f"in/{number:02d}.png", 9, 14, seed=number)
    Path("in/05.png").write_bytes(Path("in/05.png").read_bytes()[:60])
    assert upscale(small_weights, "alone", alone=True) == 1
    capfd.readouterr()
    write_output = makers.write_output

    def write(path, *arguments):
        if path.name == "11_x2.png":
            raise ImageError(path, "cannot be written (no space left on device)", "choose another place")
        return write_output(path, *arguments)

    monkeypatch.setattr(makers, "write_output", write)
    assert upscale(small_weights, "out") == 1

    failed = [line for line in capfd.readouterr().out.splitlines() if "error" in line]
    assert len(failed) == 2
    assert "05.png" in failed[0]
    assert "no space left" in failed[1]
    assert together == [5, 8, 2]
    Path("alone/11_x2.png").unlink()
    assert_same_pictures("out", "alone", share=1e-3)


def test_a_picture_that_needs_a_fallback_is_the_only_one_that_gets_it(
    two_threads, together, small_weights, monkeypatch, capfd
):
    for number in range(8):
        picture(f"in/{number:02d}.png", 9, 14, seed=number)
    marked = np.asarray(Image.open("in/02.png"))[0, 0, 0] / 255
    is_plausible = tiling._is_plausible

    def spoiled(codes, planes):
        return is_plausible(codes, planes) and not torch.isclose(planes[:, 0, 0, 0], torch.tensor(marked).float()).any()

    monkeypatch.setattr(tiling, "_is_plausible", spoiled)

    assert upscale(small_weights, "out") == 0

    assert together == [8]
    lines = [line for line in capfd.readouterr().out.splitlines() if "fp32" in line]
    assert len(lines) == 1
    assert "02.png" in lines[0]


def test_what_changes_for_all_that_follows_is_told_once(two_threads, together, small_weights, monkeypatch, capfd):
    for number in range(8):
        picture(f"in/{number:02d}.png", 9, 14, seed=number)
    encode_tile, failed = tiling.TiledEncoder._encode_tile, []

    def short_of_memory(*arguments):
        if not failed:
            failed.append(True)
            raise MemoryError
        return encode_tile(*arguments)

    monkeypatch.setattr(tiling.TiledEncoder, "_encode_tile", short_of_memory)

    assert upscale(small_weights, "out") == 0

    lines = [line for line in capfd.readouterr().out.splitlines() if "tiles of half the side" in line]
    assert len(lines) == 1


def test_a_mistake_of_ours_ends_the_batch_after_a_report_of_all_that_was_made(
    two_threads, together, small_weights, monkeypatch, capfd
):
    for number in range(24):
        picture(f"in/{number:02d}.png", 9, 14, seed=number)
    write_output = makers.write_output

    def write(path, *arguments):
        if path.name == "11_x2.png":
            raise ZeroDivisionError
        return write_output(path, *arguments)

    monkeypatch.setattr(makers, "write_output", write)
    with pytest.raises(ZeroDivisionError):
        upscale(small_weights, "out")

    made = {path.name for path in Path("out").glob("*.png")}
    assert len(made) >= 15
    listed = [json.loads(line)["output"] for line in Path("out/_amortized_sr.jsonl").read_text().splitlines()]
    assert set(listed) == made


def test_of_a_colour_picture_one_constant_channel_is_no_fault_of_half_precision(two_threads, capfd):
    Path("in").mkdir()
    values = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    values[..., 2] = 0
    Image.fromarray(values).save("in/a.png")
    assert upscale("mnist", "out") == 0
    assert "fp32" not in capfd.readouterr().out


def test_a_picture_that_half_precision_spoils_is_noticed_among_others():
    codes, planes = torch.rand(3, 5, 4, 4), torch.rand(3, 3, 4, 4)
    assert tiling._is_plausible(codes, planes)
    codes[1] = 0.5
    assert not tiling._is_plausible(codes, planes)
    planes[1] = 0.25
    assert tiling._is_plausible(codes, planes)
    codes[2, 0, 3, 3] = torch.nan
    assert not tiling._is_plausible(codes, planes)
