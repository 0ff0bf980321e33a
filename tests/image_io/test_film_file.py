"""Films in every format: the same bytes again, every picture, memory that does not grow, sentences for the rest."""

import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from amortized_sr.image_io import ImageError
from amortized_sr.image_io.film_file import check_film, write_film

SUFFIXES = (".gif", ".webp", ".png", ".mp4")


def pictures(count=4, size=(20, 12), mode="RGB"):
    """Smooth pictures, which films with losses keep, each unlike the others."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / max(size)
    waves = [np.stack([np.sin(3 * x + n), np.cos(2 * y + n), np.sin(x + y - n)], axis=-1) for n in range(count)]
    return [Image.fromarray(np.uint8(127.5 + 127 * wave)).convert(mode) for wave in waves]


def video(path):
    """Return the pictures of an MP4 and what its stream says."""
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(stream)]
        return frames, (stream.codec_context.name, stream.average_rate, stream.codec_context.pix_fmt)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_pictures_make_the_same_bytes(tmp_path, suffix):
    if suffix == ".mp4":
        pytest.importorskip("av")
    for name in ("a", "b"):
        write_film(tmp_path / f"{name}{suffix}", iter(pictures(12)), [50] * 12)
    content = (tmp_path / f"a{suffix}").read_bytes()
    assert content == (tmp_path / f"b{suffix}").read_bytes()
    write_film(tmp_path / f"c{suffix}", pictures(12)[::-1], [50] * 12)
    assert content != (tmp_path / f"c{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES[:3])
def test_animations_hold_every_picture_for_its_time(tmp_path, suffix):
    write_film(tmp_path / f"a{suffix}", iter(pictures()), [50, 50, 100, 600])
    with Image.open(tmp_path / f"a{suffix}") as film:
        assert film.info["loop"] == 0
        shown = [
            (np.asarray(frame.convert("RGB"), float), frame.info["duration"]) for frame in ImageSequence.Iterator(film)
        ]
    assert [duration for _, duration in shown] == [50, 50, 100, 600]
    for (frame, _), picture in zip(shown, pictures(), strict=True):
        assert np.abs(frame - np.asarray(picture)).mean() < 8


@pytest.mark.parametrize(("size", "mode"), [((20, 12), "RGB"), ((21, 13), "RGB"), ((7, 1), "RGB"), ((20, 12), "L")])
def test_an_mp4_repeats_pictures_that_are_shown_for_longer_and_makes_sides_even(tmp_path, size, mode):
    made = pictures(3, size, mode)
    pytest.importorskip("av")
    write_film(tmp_path / "a.mp4", iter(made), [50, 50, 200])
    frames, facts = video(tmp_path / "a.mp4")
    assert facts == ("h264", 20, "yuv420p")
    width, height = size[0] + size[0] % 2, size[1] + size[1] % 2
    assert [frame.shape for frame in frames] == [(height, width, 3)] * 6
    for frame, picture in zip(frames, [*made, *made[2:] * 3], strict=True):
        expected = np.asarray(picture.convert("RGB"), float)
        # Chroma has half the resolution.
        assert np.abs(frame[: size[1], : size[0]] - expected).mean() < 8
        # What is added repeats the edge: no dark line.
        assert np.abs(frame[-1, : size[0]] - expected[-1]).mean() < 16
        assert np.abs(frame[: size[1], -1] - expected[:, -1]).mean() < 16


def test_an_mp4_holds_few_pictures_however_long_the_film_is(tmp_path):
    pytest.importorskip("av")
    made, most = [], 0

    def drawn():
        nonlocal most
        for number in range(200):
            picture = Image.new("RGB", (64, 64), (number, 0, 0))
            made.append(weakref.ref(picture))
            most = max(most, sum(one() is not None for one in made))
            yield picture

    write_film(tmp_path / "a.mp4", drawn(), [40] * 200)
    assert most <= 3
    assert len(video(tmp_path / "a.mp4")[0]) == 200


@pytest.mark.parametrize("suffix", [".webp", ".mp4"])
def test_a_film_that_cannot_be_finished_leaves_what_was_there(tmp_path, suffix):
    if suffix == ".mp4":
        pytest.importorskip("av")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"mine")

    def drawn():
        yield from pictures(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_film(path, drawn(), [50] * 9)
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


def test_without_its_package_an_mp4_is_refused_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImageError) as caught:
        check_film(tmp_path / "a.mp4", (8, 8), 2)
    sentence = 'a.mp4: MP4 films need the package av, which is not installed; pip install "amortized-sr[video]"'
    assert str(caught.value).endswith(sentence)
    check_film(tmp_path / "a.webp", (8, 8), 2)


@pytest.mark.parametrize(
    ("name", "size", "frames", "sentence"),
    [
        ("a.webp", (9000, 9000), 4, r"4 pictures of 9000x9000 pixels are above the limit of 268,435,456 pixels, which "
         r"take 0\.8 GB of memory; ask for fewer or smaller ones, or for \.mp4"),
        ("a.gif", (2, 70_000), 2, r"70000x2 pixels are more than a film in GIF can have \(65,535 a side\)"),
        ("a.mp4", (8, 4097), 2, r"4097x8 pixels are more than a film in MP4 can have \(4,096 a side\); ask for"),
        ("a.mp4", (4096, 4096), 300, r"300 pictures of 4096x4096 pixels are above the limit of 4,294,967,296 pixels;"),
        ("a.avi", (8, 8), 2, r"is no film by its name; use one of \.gif \.webp \.png \.mp4"),
        ("none/a.webp", (8, 8), 2, "does not exist; create it first"),
    ],
)  # fmt: skip
def test_films_that_cannot_be_made_are_refused_before_anything_is_drawn(tmp_path, name, size, frames, sentence):
    if name.endswith(".mp4"):
        pytest.importorskip("av")
    with pytest.raises(ImageError, match=sentence):
        check_film(tmp_path / name, size, frames)


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    # Not by its mode, which does not bind the superuser.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ImageError, match="cannot be written to; choose another place"):
        check_film(tmp_path / "a.webp", (8, 8), 2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("suffix", [".webp", ".mp4"])
def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch, suffix):
    if suffix == ".mp4":
        pytest.importorskip("av")
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: opened(Path("/dev/full"), "r+b"))
    with pytest.raises(ImageError, match=r"a\.\w+: cannot be written \(No space left on device"):
        write_film(tmp_path / f"a{suffix}", pictures(40, (200, 120)), [50] * 40)
