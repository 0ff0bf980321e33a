"""Which files are meant, and where their outputs go."""

import errno
import os
from pathlib import Path

import pytest
from batch_files import picture, tree
from PIL import Image


def test_a_folder_is_done_without_those_below(run):
    picture("in/a.png"), picture("in/b.jpg"), picture("in/deep/c.png")

    assert run("in", "-o", "out").code == 0

    assert tree("out") == {"a_x2.png", "b_x2.png", "_amortized_sr.jsonl"}


def test_a_tree_is_mirrored(run):
    picture("in/a.png"), picture("in/deep/a.png"), picture("in/deep/er/c.png")

    assert run("in", "-o", "out", "--recursive").code == 0

    assert tree("out") == {"a_x2.png", "deep/a_x2.png", "deep/er/c_x2.png", "_amortized_sr.jsonl"}


def test_without_an_output_each_goes_beside_its_input(run):
    picture("in/a.png"), picture("in/deep/c.png")

    assert run("in", "-r").code == 0

    assert tree("in") == {"a.png", "a_x2.png", "deep/c.png", "deep/c_x2.png"}


def test_an_input_that_is_named_twice_is_done_once(run):
    picture("in/a.png"), picture("in/b.png")

    result = run("in", "./in/a.png", "-o", "out")

    assert (result.code, result.err) == (0, "")
    assert tree("out") == {"a_x2.png", "b_x2.png", "_amortized_sr.jsonl"}


def test_scales_that_differ_have_names_that_differ(run):
    picture("a.png")

    for scale in ("2", "2.0", "2.0000001"):
        assert run("a.png", scale=scale).code == 0

    assert tree() == {"a.png", "a_x2.png", "a_x2.0000001.png"}


def test_a_pattern_in_quotes_is_expanded(run):
    picture("in/a.png"), picture("in/b.png"), picture("in/c.jpg")

    assert run("in/*.png", "-o", "out").code == 0

    assert tree("out") == {"a_x2.png", "b_x2.png", "_amortized_sr.jsonl"}


def test_a_pattern_without_matches_is_a_failure(run):
    result = run("*.png")

    assert (result.code, result.err) == (1, "error: *.png: no image files match this pattern; check the path\n")


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(run):
    picture("a[1].png")

    assert run("a[1].png").code == 0
    assert tree() == {"a[1].png", "a[1]_x2.png"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_list_of_files_is_read(run, encoding):
    picture("in/a.png"), picture("b c.png")
    Path("list.txt").write_text("in/a.png\n\n# more pictures\nb c.png\n", encoding=encoding)

    assert run("--list", "list.txt", "-o", "out").code == 0

    assert tree("out") == {"a_x2.png", "b c_x2.png", "_amortized_sr.jsonl"}


@pytest.mark.parametrize("text", ["", "# nothing\n\n"])
def test_an_empty_list_is_refused(run, text):
    Path("list.txt").write_text(text)

    result = run("--list", "list.txt", "-o", "out")

    assert result.code == 2
    assert "list.txt: the list names no files; give it one path a line (--list)" in result.err


def test_a_shard_without_inputs_says_so(run):
    picture("in/a.png")

    said = [run("in", "-o", "out", "--shard", f"{number}/2").err for number in (1, 2)]

    assert sorted(said)[0] == ""
    assert "none of 1 inputs belongs to shard" in sorted(said)[1]


def test_a_file_named_like_the_stream_is_a_file(run):
    picture("a.png")
    Path("a.png").rename("-")
    Path("list.txt").write_text("./-\n")

    for number, named in enumerate((["./-"], ["--list", "list.txt"])):
        assert run(*named, "-o", f"{number}.png" if number == 0 else "out").code == 0

    assert tree() == {"-", "list.txt", "0.png", "out/-_x2.png", "out/_amortized_sr.jsonl"}


@pytest.mark.parametrize("names", [["a.png"], ["a.png", "b.png"]])
def test_an_output_with_a_slash_at_its_end_is_a_folder_whatever_the_number_of_inputs(run, names):
    for name in names:
        picture(name)

    assert run(*names, "-o", "deep/new.d/").code == 0

    outputs = {name.replace(".png", "_x2.png") for name in names}
    assert tree("deep/new.d") - {"_amortized_sr.jsonl"} == outputs


@pytest.mark.parametrize("output", ["file.txt/", "out.xyz", "file.txt", "file.txt/out.png"])
@pytest.mark.parametrize("names", [["a.png"], ["a.png", "b.png"]])
def test_an_output_that_cannot_be_one_is_wrong_usage_whatever_the_number_of_inputs(run, names, output):
    for name in names:
        picture(name)
    Path("file.txt").touch()

    result = run(*names, "-o", output)

    assert result.code == 2
    assert tree() == {*names, "file.txt"}


def test_one_input_and_a_name_without_a_suffix(run):
    picture("a.png")

    result = run("a.png", "-o", "new")

    assert result.code == 2
    assert "new: there is no such folder, and no suffix says what kind of file to write" in result.err


def test_a_missing_list_is_refused(run):
    result = run("--list", "no.txt")

    assert result.code == 2
    assert "no.txt: the list cannot be read (No such file or directory)" in result.err


def test_junk_is_passed_over_silently(run):
    picture("in/a.png")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png", "._a.png", "notes.txt"):
        Path("in", name).write_bytes(b"junk")
    Path("in/folder.png").mkdir()

    result = run("in", "-o", "out")

    assert (result.code, result.err) == (0, "")
    assert tree("out") == {"a_x2.png", "_amortized_sr.jsonl"}


def test_a_folder_that_may_not_be_read_is_a_failure_and_the_rest_is_done(run, monkeypatch):
    picture("in/a.png"), picture("in/closed/b.png")
    scandir = os.scandir

    def guarded(place):
        if os.fspath(place).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(place))
        return scandir(place)

    monkeypatch.setattr("os.scandir", guarded)
    sentence = "error: in/closed: the folder cannot be read (Permission denied); make it readable\n"

    result = run("in", "-r", "-o", "out")

    assert (result.code, result.err) == (1, sentence)
    assert tree("out") == {"a_x2.png", "_amortized_sr.jsonl"}
    alone = run("in/closed")
    assert (alone.code, alone.err) == (1, sentence)


def test_links_in_a_circle_end(run):
    picture("in/a.png")
    Path("in/again").symlink_to("../in")
    Path("in/self.png").symlink_to("self.png")

    result = run("in", "-r", "-o", "out")

    assert result.code == 1
    assert result.err.startswith("error: in/self.png: the file is damaged") or "no such file" in result.err
    assert "a_x2.png" in tree("out")


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_device_is_refused_and_never_waited_for(run, kind):
    if kind == "pipe":
        os.mkfifo("a.png")
    else:
        Path("a.png").symlink_to("/dev/zero")

    result = run("a.png")

    assert result.code == 1
    assert result.err == "error: a.png: is a pipe or a device, not an image file; save its content as a file first\n"


def test_outputs_in_the_folder_of_the_inputs_are_no_inputs_the_next_time(run):
    picture("in/a.png"), picture("in/b.png")

    for scale in (2, 3):
        assert run("in", scale=scale).code == 0

    assert tree("in") == {"a.png", "b.png", "a_x2.png", "b_x2.png", "a_x3.png", "b_x3.png"}


def test_an_output_folder_within_the_inputs_is_never_searched(run):
    picture("in/a.png")
    for _ in range(2):
        assert run("in", "-r", "-o", "in/out", "--overwrite").code == 0

    assert tree("in") == {"a.png", "out/a_x2.png", "out/_amortized_sr.jsonl"}


def test_where_there_are_only_outputs_there_is_nothing_to_do_and_it_is_said(run):
    picture("in/out/a.png")

    for named in ("in", "in/*/*.png"):
        result = run(named, "-r", "-o", "in/out")
        assert result.code == 1
        assert "no image files" in result.err


def test_a_name_that_only_looks_like_an_output_is_an_input(run):
    picture("in/photo_x2.png")

    assert run("in").code == 0

    assert tree("in") == {"photo_x2.png", "photo_x2_x2.png"}


def test_what_is_taken_for_an_output_by_its_name_is_told_of_and_done_if_it_is_named(run):
    picture("icon.png"), picture("icon_16x16.png"), picture("icon_w3.png")

    result = run(".")

    assert result.code == 0
    assert tree() == {"icon.png", "icon_16x16.png", "icon_w3.png", "icon_x2.png"}
    assert result.err == (
        "note: .: 2 images were passed over as earlier outputs, such as icon_16x16.png; "
        "name files themselves to upscale them\n"
    )
    assert run("icon_16x16.png", "icon_w3.png").code == 0
    assert tree() == {"icon.png", "icon_16x16.png", "icon_w3.png", "icon_x2.png", "icon_16x16_x2.png", "icon_w3_x2.png"}


@pytest.mark.slow
def test_a_pattern_does_not_match_what_an_earlier_batch_of_it_made(run):
    picture("in/a.png"), picture("in/b.png")
    for options in ([], ["--resume"], ["--overwrite"]):
        assert run("*/*.png", "-o", "out", *options).code == 0

    assert tree() == {"in/a.png", "in/b.png", "out/a_x2.png", "out/b_x2.png", "out/_amortized_sr.jsonl"}
    assert run("*/*.png", scale=3).code == 0
    assert tree("out") == {"a_x2.png", "b_x2.png", "_amortized_sr.jsonl"}
    assert run("out/*.png", scale=3).code == 0
    assert tree("out") == {"a_x2.png", "b_x2.png", "_amortized_sr.jsonl", "a_x2_x3.png", "b_x2_x3.png"}


def test_the_folder_of_the_inputs_may_get_the_outputs(run):
    picture("in/a.png"), picture("in/deep/b.png")
    for options in ([], ["--resume"], ["-f", "jpg"]):
        assert run("in", "-r", "-o", "in", *options).code == 0

    assert tree("in") == {
        "a.png", "deep/b.png", "a_x2.png", "deep/b_x2.png", "a_x2.jpg", "deep/b_x2.jpg", "_amortized_sr.jsonl",
    }  # fmt: skip


def test_a_pattern_tells_of_what_it_passes_over_too(run):
    picture("hero.png"), picture("hero_x2.png")

    result = run("*.png", scale=3)

    assert tree() == {"hero.png", "hero_x2.png", "hero_x3.png"}
    assert "1 image was passed over as earlier outputs, such as hero_x2.png" in result.err


@pytest.mark.parametrize("name", ["a.png", "\udcff\u00e9 \n.png"])
def test_outputs_of_an_earlier_folder_below_are_no_inputs_without_it(run, name):
    picture(f"in/deep/{name}")
    assert run("in", "-r", "-o", "in/big").code == 0
    picture("in/big/own.png")
    stem = Path(name).stem

    result = run("in", "-r", scale=3)

    assert result.code == 0
    assert tree("in") == {
        f"deep/{name}",
        f"deep/{stem}_x3.png",
        "big/own.png",
        "big/own_x3.png",
        f"big/deep/{stem}_x2.png",
        "big/_amortized_sr.jsonl",
    }
    assert "note: in: 1 image was passed over as earlier outputs" in result.err
    assert run("in/big/deep", "in/big", "-o", "out").code == 0
    assert tree("out") == {f"{stem}_x2_x2.png", "own_x2.png", "_amortized_sr.jsonl"}


@pytest.mark.parametrize("names", [("a.png", "a.jpg"), ("A.png", "a.png"), ("\u00e9.png", "e\u0301.png")])
def test_clashes_are_found_before_the_start(run, names):
    for name in names:
        picture(f"in/{name}")
    if len(tree("in")) < 2:
        pytest.skip("this file system takes these names for one")

    result = run("in", "-o", "out")

    assert result.code == 2
    first, second = sorted(f"in/{name}" for name in names)
    assert f": both {first} and {second} would be written to it; upscale them one at a time" in result.err
    assert not Path("out").exists()


@pytest.mark.slow
def test_shards_are_disjoint_complete_and_stable(run):
    for number in range(12):
        picture(f"in/{number}.png", 2, 2)

    outputs = []
    for part in (1, 2, 3):
        before = tree("out") if Path("out").exists() else set()
        assert run("in", "-o", "out", "--shard", f"{part}/3").code == 0
        outputs.append(tree("out") - before)

    assert tree("out") == {f"{number}_x2.png" for number in range(12)} | {"_amortized_sr.jsonl"}
    assert all(outputs)
    Path("in/0.png").unlink()
    assert run("in", "-o", "again", "--shard", "1/3").code == 0
    assert tree("again") - {"_amortized_sr.jsonl"} == outputs[0] - {"0_x2.png", "_amortized_sr.jsonl"}


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_a_shard_that_makes_no_sense_is_refused(run, shard):
    picture("a.png")

    result = run("a.png", f"--shard={shard}")

    assert result.code == 2
    assert f"--shard must be I/N with I from 1 to N, such as 3/8, got '{shard}'" in result.err


@pytest.mark.parametrize("name", ["zeile\numbruch.png", "n" * 246 + ".png", "-s.png", "\x1b[31mred.png"])
def test_odd_names_work_and_do_not_reach_the_terminal_raw(run, name):
    picture(f"in/{name}")

    result = run("in")

    assert result.code == 0
    assert result.out.count("\n") == 1
    assert "\x1b" not in result.out
    assert len(tree("in")) == 2


def test_paths_of_more_than_260_characters_work(run):
    deep = "/".join(["d" * 60] * 6)
    picture(f"{deep}/a.png")

    assert run(f"{deep}/a.png").code == 0
    assert Path(f"{deep}/a_x2.png").exists()


def test_the_format_of_unnamed_outputs_can_be_chosen(run):
    picture("in/a.png")

    for name in ("jpg", "webp", "avif", "tif", "bmp"):
        assert run("in", "-o", "out", "--format", name).code == 0
        with Image.open(f"out/a_x2.{name}") as output:
            assert output.size == (16, 12)


def test_a_format_that_contradicts_the_output_is_refused(run):
    picture("a.png")

    result = run("a.png", "-o", "b.png", "--format", "jpg")

    assert result.code == 2
    assert "b.png: the name is not one of a JPEG file; leave the format out or choose another name (--format)" in (
        result.err
    )


def test_a_list_that_is_no_text_is_refused(run):
    picture("a.png")
    Path("picture.lst").write_bytes(b"a\0b.png\n")

    result = run("--list", "picture.lst")

    assert result.code == 2
    said = " ".join(result.err.replace("│", " ").split())
    assert "picture.lst: not a text file; give a list with one path a line (--list)" in said


def test_a_line_of_a_list_ends_at_its_end_only(run):
    picture("a\x1cb.png")
    Path("list.txt").write_bytes(b"a\x1cb.png\r\n")

    assert run("--list", "list.txt", "-o", "out").code == 0
    assert tree("out") == {"a\x1cb_x2.png", "_amortized_sr.jsonl"}


def test_a_jpeg_by_its_name_is_no_png_by_its_format(run):
    assert run(picture("a.png"), "-o", "b.jpeg", "-f", "png").code == 2
    assert run("a.png", "-o", "b.jpeg", "-f", "jpg").code == 0
