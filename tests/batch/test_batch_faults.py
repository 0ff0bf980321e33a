"""What goes wrong while a batch runs: nothing is lost, everything else is done, and it can go on."""

import io
import json
import os
import pty
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from batch_files import contents, picture, tree
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from amortized_sr.cli import main
from amortized_sr.image_io.profile import srgb_profile
from amortized_sr.image_io.reading import read_image
from amortized_sr.model import AmortizedSR
from amortized_sr.tiling import AdaptiveEncoder

PROGRAM = [sys.executable, "-m", "amortized_sr", "upscale"]


@contextmanager
def files_limited_to(size: int):
    """Let every write beyond `size` bytes fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def cli(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    return left.value.code


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


# --- kinds of images through the whole program: rows 12, 16 to 25 ---


@pytest.mark.parametrize(("date", "kept"), [("2020", False), ("2020:01:02 03:04:05", True)])
def test_a_date_that_is_none_is_left_out_with_a_note(run, date, kept):
    exif = Image.Exif()
    exif[0x0132] = date
    Image.new("RGB", (8, 6)).save("a.jpg", exif=exif)

    result = run("a.jpg", "-o", "b.tif")

    assert result.code == 0
    assert ("the date '2020' is invalid and left out" in result.err) == (not kept)
    with Image.open("b.tif") as image:
        assert image.getexif().get(0x0132) == (date if kept else None)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"])
@pytest.mark.parametrize("scale", [0.5, 1, 2.3])
def test_every_mode_is_upscaled(run, mode, scale):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 10, 4), dtype=np.uint8))
    image = image.convert("RGB").convert(mode) if mode != "LAB" else Image.new("LAB", (10, 8))
    image.save("a.png" if mode in ("1", "L", "LA", "P", "RGB", "RGBA") else "a.tif")

    assert run(*Path().glob("a.*"), "-o", "out.png", scale=scale).code == 0

    expected = {"1": 1, "L": 1, "LA": 2, "RGBA": 4}.get(mode, 3)
    assert read_image(Path("out.png")).frames[0].shape == (round(8 * scale), round(10 * scale), expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_stay_sixteen_bits(run, suffix):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    values = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (16, 64, 3)))
    tifffile.imwrite("a.tif", values, photometric="rgb")

    assert run("a.tif", "-o", f"b.{suffix}", scale=8).code == 0

    result = read_image(Path(f"b.{suffix}"))
    assert result.depth == "uint16"
    assert all(len(np.unique(result.frames[0][..., channel])) > 256 for channel in range(3))


def test_sixteen_bits_become_eight_with_a_note_where_no_more_are_held(run):
    tifffile.imwrite("a.tif", np.zeros((4, 4, 3), np.uint16), photometric="rgb")

    result = run("a.tif", "-o", "b.jpg")

    assert result.code == 0
    assert result.err == "note: a.tif: 16 bits become 8; JPEG holds no more, choose PNG or TIFF to keep them\n"


def test_floats_are_only_written_where_they_can_be_kept(run):
    tifffile.imwrite("a.tif", np.full((4, 4, 3), 1.5, np.float32), photometric="rgb")

    refused, kept = run("a.tif"), run("a.tif", "-o", "b.tif")

    assert (refused.code, kept.code) == (1, 0)
    assert refused.err == "error: a_x2.png: PNG cannot hold floating point; choose TIFF (--format)\n"
    assert read_image(Path("b.tif")).frames[0].max() > 1.2


def test_transparency_for_a_format_without_it_gets_a_background_and_a_note(run):
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save("a.png")

    result = run("a.png", "-o", "b.jpg", "--background", "#00ff00")

    assert result.code == 0
    assert result.err == (
        "note: a.png: transparency is put on the background #00ff00; JPEG has none, choose PNG to keep it\n"
    )
    with Image.open("b.jpg") as output:
        assert np.abs(np.array(output, int) - (0, 255, 0)).max() < 5


def test_an_unknown_background_is_refused(run):
    assert (
        "--background must be a colour such as white or #808080, got 'nocolour'"
        in run(picture("a.png"), "--background", "nocolour").err
    )


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_an_animation_stays_one(run, suffix):
    frames = [Image.new("RGB", (4, 3), (shade, 0, 0)) for shade in (10, 120, 250)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:], duration=[50, 120, 300], loop=0)

    assert run("a.gif", "-o", f"b.{suffix}").code == 0

    result = read_image(Path(f"b.{suffix}"))
    assert result.durations == [50, 120, 300]
    assert [frame[..., 0].mean() for frame in result.frames] == pytest.approx([10, 120, 250], abs=30)


def test_of_an_animation_for_a_format_without_them_the_first_picture_is_written_with_a_note(run):
    Image.new("L", (4, 4)).save("a.gif", save_all=True, append_images=[Image.new("L", (4, 4), 255)])

    result = run("a.gif", "-o", "b.jpg")

    assert result.code == 0
    assert (
        result.err == "note: a.gif: only the first of 2 pictures is written; JPEG holds one, choose PNG to keep all\n"
    )


def test_metadata_is_kept_and_can_be_left_out(run):
    exif = Image.Exif()
    exif[0x8825] = {1: "N"}
    Image.new("RGB", (4, 4)).save("a.jpg", exif=exif, dpi=(300, 300))

    assert run("a.jpg", "-o", "kept.png").code == run("a.jpg", "-o", "left.png", "--strip-metadata").code == 0

    with Image.open("kept.png") as kept, Image.open("left.png") as left:
        assert dict(kept.getexif().get_ifd(0x8825)) == {1: "N"}
        assert dict(left.getexif()) == {}
        assert "dpi" not in left.info


def test_a_broken_profile_is_a_note(run):
    Image.new("RGB", (4, 4)).save("a.png", icc_profile=b"no profile")

    result = run("a.png")

    assert result.code == 0
    assert result.err == "note: a.png: the colour profile is damaged; the colours are taken as sRGB\n"


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp", "avif"])
def test_a_wide_or_linear_profile_goes_through_with_its_colours(run, suffix):
    """Pixels stay numbers of the profile's space, whatever the network was shown."""
    profile = bytearray(srgb_profile())
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        if profile[entry : entry + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            start = int.from_bytes(profile[entry + 4 : entry + 8], "big")
            profile[start : start + 12] = b"curv" + bytes(8)  # A curve without entries: linear.
    Image.new("RGB", (12, 12), (200, 30, 90)).save("a.png", icc_profile=bytes(profile))

    assert cli("upscale", "a.png", "-s", "2", "-n", "photo-tiny", "-o", f"b.{suffix}") == 0

    with Image.open(f"b.{suffix}") as output:
        assert output.info["icc_profile"] == bytes(profile)
        assert np.abs(np.array(output.convert("RGB"), int) - (200, 30, 90)).max() <= 4


def test_values_that_are_not_finite_are_a_note(run):
    tifffile.imwrite("a.tif", np.full((4, 4), np.nan, np.float32))

    result = run("a.tif", "-o", "b.tif")

    assert result.code == 0
    assert "values that are not finite became 0" in result.err
    assert np.isfinite(read_image(Path("b.tif")).frames[0]).all()


def test_the_note_is_part_of_the_json_object(run):
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save("a.png")

    (done,) = lines(run("a.png", "-o", "b.jpg", "--json").out)

    assert done["notices"] == ["transparency is put on the background #ffffff; JPEG has none, choose PNG to keep it"]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (1, 5000)])
def test_images_smaller_than_the_receptive_field_and_of_extreme_shape_work(run, size):
    picture("a.png", *size)

    assert run("a.png", scale=1.5).code == 0

    expected = tuple(max(1, int(side * 1.5 + 0.5)) for side in size)
    assert read_image(Path("a_x1.5.png")).size == expected


# --- options and limits: rows 3, 4, 11, 14, 15, 36, 37, 38 ---


def test_max_pixels_and_allow_truncated_reach_the_reader(run):
    path = picture("a.jpg", 64, 64)
    assert "announces more than 100 pixels" in run("a.jpg", "--max-pixels", 100).err
    path.write_bytes(path.read_bytes()[:3000])

    assert run("a.jpg").code == 1
    assert run("a.jpg", "--allow-truncated").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--memory", "lots"], "--memory must be a number of bytes, such as 500M or 2G, got 'lots'"),
        (["--memory", "1M"], "--memory must be at least 64M, got '1M'"),
        (["--quality", "101"], "Invalid value for '--quality'"),
        (["--compression", "10"], "Invalid value for '--compression'"),
        (["--overwrite", "--resume"], "choose one of --overwrite and --resume"),
        (["--resume"], "output: there is no folder with a manifest to resume from; name a folder as output (--output)"),
        (["--format", "gif"], "'gif' is not one of"),
        (["--precision", "fp8"], "'fp8' is not one of"),
    ],
)
def test_options_that_make_no_sense_are_refused(run, options, said):
    picture("a.png")

    result = run("a.png", *options)

    assert result.code == 2
    assert said in result.err
    assert tree() == {"a.png"}


def test_formats_that_are_too_small_are_refused_before_the_model_is_loaded(run, monkeypatch):
    monkeypatch.setattr("amortized_sr.upscaler.load_weights", lambda source: pytest.fail("loaded"))
    picture("a.png", 1, 100)

    assert run("a.png", "-o", "a.webp", scale=200).err.endswith(
        "20000x200 pixels are more than WEBP can hold (16,383 a side); choose PNG or TIFF (--format)\n"
    )
    assert "70000x700 pixels are more than JPEG can hold (65,500 a side)" in run("a.png", "-o", "a.jpg", scale=700).err


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_an_output_larger_than_is_held_at_once_is_streamed(run, run_within, suffix):
    """The same picture as the whole at once, which the limits below forbid to make, but for roundings of sums."""
    picture("a.png", 30, 40)
    assert run("a.png", "-o", f"whole.{suffix}", scale=9).code == 0

    assert run_within("a.png", f"streamed.{suffix}", scale=9.0, whole_bytes=1000, strip_pixels=360 * 20).code == 0

    whole, streamed = (read_image(Path(f"{name}.{suffix}")).frames[0].astype(int) for name in ("whole", "streamed"))
    assert np.abs(whole - streamed).max() <= 1


def test_a_picture_that_only_fits_on_the_disk_is_refused_for_formats_that_cannot_be_streamed(run):
    picture("a.png", 10, 10)

    result = run("a.png", "-o", "a.jpg", scale=5000)

    assert result.code == 1
    assert "50000x50000 pixels are above the limit of 268,435,456; choose PNG or TIFF (--format)" in result.err


def test_running_out_of_memory_is_the_failure_of_one_input(run, monkeypatch):
    picture("a.png", 6, 8), picture("b.png", 3, 3)
    real = AdaptiveEncoder.encode

    def encode(self, planes, *rest):
        if planes.shape[-1] == 8:
            raise MemoryError("not enough memory")
        return real(self, planes, *rest)

    monkeypatch.setattr(AdaptiveEncoder, "encode", encode)

    result = run("a.png", "b.png")

    assert result.code == 1
    assert result.err == "error: a.png: not enough memory for 16x12 pixels; ask for a smaller size\n"
    assert Path("b_x2.png").exists()


@pytest.mark.slow
def test_smaller_tiles_after_running_out_of_memory_are_a_note_and_change_nothing(run, monkeypatch):
    picture("a.png", 64, 64)
    assert run("a.png", "-o", "before.png").code == 0
    real, failed = AmortizedSR.encode_part, []

    def tile(self, *part):
        if not failed:
            failed.append(True)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, *part)

    monkeypatch.setattr(AmortizedSR, "encode_part", tile)

    result = run("a.png", "-o", "after.png")

    assert (result.code, result.err) == (
        0,
        "note: a.png: not enough memory for a tile; using tiles of half the side\n",
    )
    before, after = (read_image(Path(f"{name}.png")).frames[0].astype(int) for name in ("before", "after"))
    assert np.abs(before - after).max() <= 1


# --- streams ---


def piped(small_weights, content: bytes, *options: str) -> subprocess.CompletedProcess:
    command = [*PROGRAM, "-", "-s", "2", "-n", str(small_weights), *options]
    return subprocess.run(command, input=content, capture_output=True, check=False, timeout=100)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["png", "tif"])
def test_a_picture_goes_through_a_pipe(small_weights, name):
    content = picture("a.png").read_bytes()

    done = piped(small_weights, content, "-o", "-", "--format", name)

    assert done.returncode == 0
    assert read_image(Path("x"), done.stdout).size == (12, 16)
    assert b"stdin  8x6 -> 16x12" in done.stderr or b"8x6 -> 16x12" in done.stderr


@pytest.mark.slow
def test_an_empty_pipe_is_an_error_and_writes_nothing(small_weights):
    done = piped(small_weights, b"", "-o", "-")

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"error: stdin: the file is empty; give an image file\n"


def test_more_than_a_pipe_may_send_is_refused(run_within, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bytes(5000))))

    result = run_within("-", "b.png", pipe_bytes=1000)

    assert result.code == 1
    assert result.err == "error: stdin: more than 1,000 bytes came in; give the path of a file\n"


@pytest.mark.slow
def test_a_pipe_that_is_closed_is_an_error(small_weights):
    command = [*PROGRAM, "-", "-s", "2", "-n", str(small_weights), "-o", "b.png"]

    done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, check=False, timeout=100)

    assert done.returncode == 1
    assert done.stderr == b"error: stdin: is closed; send a picture into it or give the path of a file\n"


@pytest.mark.slow
def test_a_picture_is_not_sent_to_an_output_that_is_closed(small_weights):
    command = [*PROGRAM, str(picture("a.png")), "-s", "2", "-n", str(small_weights), "-o", "-"]

    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], stderr=subprocess.PIPE, check=False, timeout=100
    )

    assert done.returncode == 2
    assert b"standard output is closed; name a file with -o" in done.stderr


def test_texts_of_a_png_are_told_of_where_they_cannot_be_kept(run):
    texts = PngInfo()
    texts.add_text("Title", "A title")
    Image.new("RGB", (4, 4)).save("a.png", pnginfo=texts)

    assert run("a.png", "-o", "b.png").err == ""
    assert Image.open("b.png").text == {"Title": "A title"}
    assert run("a.png", "-o", "b.jpg").err == "note: a.png: the texts Title are left out; choose PNG to keep them\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("b.bmp", "note: a.jpg: EXIF and XMP data are left out; BMP holds none, choose PNG to keep them\n"),
        ("b.tif", "note: a.jpg: only the main texts of the EXIF data are kept in a TIFF; choose PNG to keep all\n"),
        ("b.webp", ""),
    ],
)
def test_exif_is_told_of_where_it_cannot_be_kept(run, name, said):
    exif = Image.Exif()
    exif[0x8769] = {0x829A: 0.01}
    Image.new("RGB", (8, 8)).save("a.jpg", exif=exif)

    assert run("a.jpg", "-o", name).err == said
    assert run("a.jpg", "-o", name, "--overwrite", "--strip-metadata").err == ""


@pytest.mark.slow
def test_what_came_through_a_pipe_is_never_known_to_be_done(small_weights):
    first, second = (picture(f"{seed}.png", seed=seed).read_bytes() for seed in (0, 1))
    other = picture("other.png")
    Path("out").mkdir()
    results = []
    for content in (first, second):
        assert piped(small_weights, content, str(other), "-o", "out", "--resume").returncode == 0
        results.append(Path("out/stdin_x2.png").read_bytes())

    assert results[0] != results[1]


@pytest.mark.slow
def test_lines_that_cannot_be_written_do_not_end_the_batch(small_weights):
    picture("in/a.png"), picture("in/b.png")
    command = [*PROGRAM, "in", "-s", "2", "-n", str(small_weights), "-o", "out"]

    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=100)

    assert done.returncode == 1
    assert done.stderr.startswith(b"error: lines cannot be written (No space left on device); ")
    assert done.stderr.count(b"\n") == 1
    assert tree("out") == {"a_x2.png", "b_x2.png", "_amortized_sr.jsonl"}


def test_a_pipe_needs_an_output(run):
    result = run("-")

    assert result.code == 2
    assert "stdin: its picture needs an output; name a file or standard output (--output)" in result.err


@pytest.mark.slow
def test_a_picture_is_not_sent_to_a_terminal(small_weights):
    picture("a.png")
    terminal, ours = pty.openpty()
    command = [*PROGRAM, "a.png", "-s", "2", "-n", str(small_weights), "-o", "-"]

    done = subprocess.run(command, stdout=ours, stderr=subprocess.PIPE, check=False, timeout=100)
    os.close(ours)
    os.close(terminal)

    assert done.returncode == 2
    assert b"a terminal cannot show a picture" in done.stderr


@pytest.mark.slow
def test_a_reader_that_leaves_early_ends_the_program_quietly(small_weights):
    for number in range(30):
        picture(f"in/{number}.png")
    command = [*PROGRAM, "in", "-s", "2", "-n", str(small_weights)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.readline()
        running.stdout.close()
        error = running.stderr.read()
        running.wait(timeout=100)

    assert b"Traceback" not in error
    assert not [name for name in tree("in") if name.endswith(".part")]


@pytest.mark.slow
def test_progress_on_a_terminal_shows_counts_and_no_line_for_each(small_weights):
    for number in range(5):
        picture(f"in/{number}.png")
    terminal, ours = pty.openpty()
    command = [*PROGRAM, "in", "-s", "2", "-n", str(small_weights), "-o", "out"]

    running = subprocess.Popen(command, stdout=ours, stderr=ours, env={**os.environ, "TERM": "xterm"})
    os.close(ours)
    shown = bytearray()
    try:
        while part := os.read(terminal, 1000):
            shown += part
    except OSError:  # Linux's way of saying that the other end is closed.
        pass
    running.wait(timeout=100)
    os.close(terminal)

    assert running.returncode == 0
    assert b"5/5" in shown or b"4/5" in shown
    assert b"5 done" in shown
    assert b"->" not in shown


@pytest.mark.slow
def test_no_codes_for_terminals_in_a_pipe_and_no_home_needed(small_weights):
    picture("a.png")
    command = [*PROGRAM, "a.png", "-s", "2", "-n", str(small_weights)]
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "HOME": "/nonexistent", "CI": "1"}

    done = subprocess.run(command, env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL)

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout


# --- several inputs, some of them bad: rows 1, 2, 30 ---


def test_bad_files_are_reported_at_the_end_and_the_rest_is_done(run):
    picture("in/a.png"), picture("in/c.png")
    Path("in/b.png").write_text("no image")
    Path("in/d.png").touch()

    result = run("in", "-o", "out")

    assert result.code == 1
    assert tree("out") == {"a_x2.png", "c_x2.png", "_amortized_sr.jsonl"}
    assert [line.split(": ")[:2] for line in result.err.splitlines()] == [["error", "in/b.png"], ["error", "in/d.png"]]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(run):
    picture("a.png").chmod(0)

    assert "a.png: permission denied; make the file readable" in run("a.png").err


def test_outputs_that_exist_are_counted(run):
    picture("in/a.png"), picture("in/b.png")
    assert run("in/a.png", "-o", "in/a_x2.png").code == 0

    result = run("in")

    assert result.out.splitlines()[-1].startswith("1 skipped, 1 done")


# --- full disks: row 31 ---


@pytest.mark.parametrize("options", [[], ["-f", "tif"], ["-f", "jpg"], ["-f", "webp"]])
def test_a_full_disk_leaves_no_partial_file_and_no_lost_original(run, options):
    picture("in/a.png", 100, 100), picture("in/b.png", 4, 4)
    suffix = options[1] if options else "png"
    Path("out").mkdir()
    Path(f"out/a_x4.{suffix}").write_bytes(b"precious")

    with files_limited_to(20_000):
        result = run("in", "-o", "out", "--overwrite", *options, scale=4)

    assert result.code == 1
    assert "cannot be written (File too large); choose another place (--output)" in result.err
    assert Path(f"out/a_x4.{suffix}").read_bytes() == b"precious"
    assert tree("out") == {f"a_x4.{suffix}", f"b_x4.{suffix}", "_amortized_sr.jsonl"}


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_disk_that_fills_up_while_a_large_output_is_streamed_leaves_nothing(run_within, suffix):
    picture("a.png", 100, 100)

    with files_limited_to(50_000):
        result = run_within("a.png", f"b.{suffix}", scale=4.0, whole_bytes=1000, strip_pixels=400 * 20)

    assert result.code == 1
    assert f"b.{suffix}: cannot be written (File too large)" in result.err
    assert tree() == {"a.png"}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("Thread-")]


def test_an_output_folder_that_vanishes_is_the_failure_of_each_input(run, monkeypatch):
    picture("in/a.png"), picture("in/b.png")
    real = AdaptiveEncoder.encode

    def encode(self, *arguments):
        for path in Path("out").iterdir():
            path.unlink()
        Path("out").rmdir()
        Path("out").write_text("a file now")
        return real(self, *arguments)

    monkeypatch.setattr(AdaptiveEncoder, "encode", encode)
    result = run("in/a.png", "-o", "out") if Path("out").exists() else run("in", "-o", "out")

    assert result.code == 1
    assert "cannot be written" in result.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(run):
    picture("in/a.png")
    Path("in").chmod(0o500)

    assert "cannot be written (Permission denied)" in run("in/a.png").err


def test_an_output_folder_that_cannot_be_made_is_refused(run):
    picture("in/a.png")
    Path("file").touch()

    result = run("in", "-o", "file/out")

    assert result.code == 2
    assert "choose another output (--output)" in result.err


# --- interruptions: rows 32, 33, 49 ---


def started(small_weights, *options: str) -> subprocess.Popen:
    command = [*PROGRAM, "in", "-s", "9", "-n", str(small_weights), "-o", "out", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torch", "numpy"])
def test_kill_9_in_a_batch_of_200_and_resume_gives_the_set_of_an_uninterrupted_run(run, small_weights, engine):
    for number in range(200):
        picture(f"in/{number // 20}/{number}.png", 12, 12, seed=number)
    assert run("in", "-r", "-o", "whole", "--engine", engine, scale=9).code == 0

    with started(small_weights, "-r", "--engine", engine) as running:
        for _ in range(60):
            running.stdout.readline()
        running.kill()
    survivors = contents("out")
    result = run("in", "-r", "-o", "out", "--resume", "--json", "--engine", engine, scale=9)

    parts = {name for name in survivors if name.endswith(".part")}
    assert 60 <= len(survivors) < 200
    assert result.code == 0
    statuses = [line["status"] for line in lines(result.out)]
    assert statuses.count("skipped") == len(set(survivors) - parts)
    finals = {name: content for name, content in contents("out").items() if not name.endswith(".part")}
    assert finals == contents("whole")


def test_resuming_makes_again_what_was_made_otherwise_and_keeps_what_is_not_its_own(run):
    for name in "abc":
        picture(f"in/{name}.png")
    assert run("in", "-o", "out", "-f", "jpg").code == 0
    picture("in/a.png", seed=7)
    Path("out/d_x2.jpg").write_text("precious")
    picture("in/d.png")

    same = run("in", "-o", "out", "-f", "jpg", "--resume", "--json")
    other = run("in", "-o", "out", "-f", "jpg", "--quality", 50, "--resume", "--json")

    assert [line["status"] for line in lines(same.out)] == ["done", "skipped", "skipped", "skipped"]
    assert [line["status"] for line in lines(other.out)] == ["done", "done", "done", "skipped"]
    assert Path("out/d_x2.jpg").read_text() == "precious"


def test_resuming_makes_an_output_again_that_was_destroyed(run):
    picture("in/a.png"), picture("in/b.png")
    assert run("in", "-o", "out").code == 0
    before = contents("out")
    Path("out/b_x2.png").write_bytes(b"")

    result = run("in", "-o", "out", "--resume", "--json")

    assert [line["status"] for line in lines(result.out)] == ["skipped", "done"]
    assert contents("out") == before


@pytest.mark.slow
def test_resuming_a_batch_with_a_single_file_knows_its_manifest(run):
    picture("in/a.png"), picture("in/b.png")
    run("in", "-o", "out")

    assert "already done; the manifest lists it" in run("in/a.png", "-o", "out", "--resume").out
    assert run("in/a.png", "-o", "out", "--resume", "--compression", "9").out.startswith("in/a.png  8x6 -> 16x12")
    assert "already done; the manifest lists it" in run("in/a.png", "-o", "out", "--resume", "--compression", "9").out
    assert run("in/b.png", "-o", "out", "--overwrite", "--compression", "9").code == 0
    assert run("in", "-o", "out", "--resume", "--compression", "9").out.count("already done") == 2


def test_a_manifest_that_was_cut_costs_nothing(run):
    picture("in/a.png"), picture("in/b.png")
    assert run("in", "-o", "out").code == 0
    manifest = Path("out/_amortized_sr.jsonl")
    manifest.write_bytes(manifest.read_bytes()[:-20] + b"\xff")
    Path("out/b_x2.png").unlink()

    result = run("in", "-o", "out", "--resume", "--json")

    assert [line["status"] for line in lines(result.out)] == ["skipped", "done"]
    assert json.loads(manifest.read_text(errors="replace").splitlines()[-1])["output"] == "b_x2.png"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "terminated\n")],
)
def test_a_signal_ends_the_batch_with_whole_outputs_and_a_manifest_of_them(small_weights, number, code, said):
    for index in range(150):
        picture(f"in/{index}.png", 32, 32, seed=index)

    with started(small_weights) as running:
        for _ in range(5):
            running.stdout.readline()
        running.send_signal(number)
        _, err = running.communicate(timeout=60)

    command = f"amortized-sr upscale --resume in -s 9 -n {small_weights} -o out"
    assert (running.returncode, err) == (code, f"{said}to continue: {command}\n")
    outputs = contents("out")
    known = {json.loads(line)["output"] for line in Path("out/_amortized_sr.jsonl").read_text().splitlines()}
    assert 5 <= len(outputs) < 150
    assert set(outputs) == known
    assert all(read_image(Path("out") / name).size == (288, 288) for name in outputs)
    assert cli(*shlex.split(command)[1:], "--json") == 0
    assert len(contents("out")) == 150


@pytest.mark.slow
def test_ctrl_c_while_libraries_are_loaded_ends_quietly(small_weights):
    picture("in/a.png")

    with started(small_weights, "--engine", "torch") as running:
        maps = Path(f"/proc/{running.pid}/maps")
        while "libtorch" not in maps.read_text():
            time.sleep(0.002)
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=100)

    # A shell shows the end by a signal as 130.
    assert running.returncode in (-signal.SIGINT, 130)
    assert "Traceback" not in str(error)
    assert "terminate called" not in str(error)


def test_a_manifest_that_cannot_be_read_is_named(run):
    picture("in/a.png")
    Path("out/_amortized_sr.jsonl").mkdir(parents=True)
    Path("in/deep/_amortized_sr.jsonl").mkdir(parents=True)
    picture("in/deep/b.png")

    assert "out/_amortized_sr.jsonl: cannot be read (Is a directory); make it readable" in run("in", "-o", "out").err
    below = run("in", "-r")
    assert below.code == 1
    assert "in/deep/_amortized_sr.jsonl: cannot be read (Is a directory)" in below.err


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(small_weights):
    picture("a.png", 64, 64)
    command = [*PROGRAM, "a.png", "-s", "9", "-n", str(small_weights), "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.read(8)  # The picture is being written, into a pipe that nobody empties any more.
        running.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=1)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=5) == -signal.SIGINT


def test_verbose_tells_what_a_file_is_whatever_its_name(run):
    picture("a.tif").rename("a.png")

    assert "a.png  is TIFF RGB 8 bit\n" in run("a.png", "-v").out


@pytest.mark.slow
def test_ctrl_c_while_waiting_for_a_pipe_ends_at_once(small_weights):
    command = [*PROGRAM, "-", "-s", "2", "-n", str(small_weights), "-o", "b.png"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        time.sleep(5)  # Until it reads; there is nothing that it says before.
        running.send_signal(signal.SIGINT)
        # On a slow machine it may still load libraries, and is ended by the signal itself.
        assert running.wait(timeout=30) in (130, -signal.SIGINT)
    assert tree() == set()


@pytest.mark.slow
def test_two_processes_on_one_folder_do_no_harm(small_weights):
    for index in range(8):
        picture(f"in/{index}.png", 8, 8, seed=index)

    with started(small_weights, "--overwrite") as one, started(small_weights, "--overwrite") as other:
        assert (one.wait(timeout=100), other.wait(timeout=100)) == (0, 0)

    assert tree("out") == {f"{index}_x9.png" for index in range(8)} | {"_amortized_sr.jsonl"}
    assert all(read_image(Path("out") / name).size == (72, 72) for name in contents("out"))
    for line in Path("out/_amortized_sr.jsonl").read_text().splitlines():
        json.loads(line)
