"""`sample`, `morph`, `encode` and `decode` from end to end."""

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from amortized_sr import Coder
from amortized_sr.cli.codes import decode, encode, morph, sample
from amortized_sr.code_file import CodeFile, CodeFileError
from amortized_sr.image_io import read_picture
from amortized_sr.model_builder import build_autoencoder
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.weights import save_weights

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def coded(cli, autoencoder_weights):
    """Run a command with the small autoencoder."""

    def run(*arguments: object):
        return cli(*arguments, "--model", autoencoder_weights, "--device", "cpu")

    return run


@pytest.fixture
def coder(autoencoder_weights) -> Coder:
    return Coder.from_pretrained(autoencoder_weights, "cpu")


def picture(name: str, height: int = 8, width: int = 8, channels: int = 0, seed: int = 0) -> Path:
    shape = (height, width, channels) if channels else (height, width)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(name)
    return Path(name)


def pixels(path: Path | str) -> torch.Tensor:
    return picture_to_tensor(read_picture(Path(path)))[0]


def codes_file(digest: str, **changed: object) -> Path:
    """Write a valid file of two codes, with some of its arrays changed or (None) left out."""
    arrays: dict[str, object] = {
        "codes": np.ones((2, 6), np.float32),
        "names": np.array(["a.png", "b.png"]),
        "sizes": np.array([[8, 8], [4, 6]]),
        "model": np.array(digest),
    }
    arrays |= changed
    np.savez("codes.npz", **{key: value for key, value in arrays.items() if value is not None})
    return Path("codes.npz")


# --- sample ---


def test_sample_draws_a_sheet_of_what_python_gives(coded, coder):
    result = coded("sample", "-n", 5, "--seed", 2, "--size", 20)

    assert (result.code, result.err) == (0, "")
    assert result.out == "5 pictures of 20x20, seed 2  samples.png\n"
    sheet = pixels("samples.png")
    assert sheet.shape == (1, 42, 64)
    for number, one in enumerate(coder.pictures(coder.sample(5, seed=2))):
        top, left = 22 * (number // 3), 22 * (number % 3)
        expected = picture_to_tensor(one.render((20, 20)))[0]
        assert torch.equal(sheet[:, top : top + 20, left : left + 20], expected)
    # Between pictures and in the empty cell it is white.
    assert (sheet[:, 20:22] == 1).all()
    assert (sheet[:, 22:, 44:] == 1).all()


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(coded):
    for name, seed in (("a.png", 0), ("b.png", 0), ("c.png", 1)):
        assert coded("sample", "-n", 3, "--seed", seed, "-o", name).code == 0
    first, again, other = (Path(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert first == again != other
    # Four pixels for each of the frame, and two columns.
    assert read_picture(Path("a.png")).size == (2 * 32 + 2, 2 * 32 + 2)


@pytest.mark.slow
@pytest.mark.parametrize("output", ["there", "new/"])
def test_samples_in_a_folder_are_files_of_their_own(coded, coder, output):
    Path("there").mkdir()
    result = coded("sample", "-n", 11, "-s", 1.5, "-o", output, "--json")
    names = sorted(path.name for path in Path(output).iterdir())
    assert names == [f"sample_{number:02}.png" for number in range(11)]
    facts = json.loads(result.out)
    assert [Path(path).name for path in facts["outputs"]] == names
    assert (facts["count"], facts["seed"], facts["temperature"], facts["width"]) == (11, 0, 0.8, 12)
    expected = coder.pictures(coder.sample(11))[7].render((12, 12))
    assert read_picture(Path(output) / names[7]) == expected
    again = coded("sample", "-n", 11, "-o", output)
    assert again.code == 2
    assert "sample_00.png exists; --overwrite replaces it" in again.complaint


@pytest.mark.slow
def test_temperature_0_draws_means(coded):
    assert coded("sample", "-n", 20, "--temperature", 0, "-o", "means/", "-q").out == ""
    assert len({path.read_bytes() for path in Path("means").iterdir()}) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-n", "0"], "Invalid value for '--count'"),
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (["--temperature", "-0.1"], "temperature must be a number from 0, got -0.1"),
        (["--temperature", "nan"], "temperature must be a number from 0, got nan"),
        (["--temperature", "inf"], "temperature must be a number from 0, got inf"),
        (["--size", "0"], "size must be WIDTHxHEIGHT"),
        (["--size", "5x"], "size must be WIDTHxHEIGHT"),
        (["-s", "2", "--width", "3"], "choose one of"),
        (["-o", "nosuch/a.png"], "does not exist; create it first"),
        (["--model", "nosuch"], "no weights named 'nosuch'"),
    ],
)
def test_samples_that_make_no_sense_are_refused(cli, autoencoder_weights, folder, arguments, said):
    result = cli("sample", "--model", autoencoder_weights, "--device", "cpu", *arguments)
    assert result.code == 2
    assert said in result.complaint
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("size", ["20000x20000", "400000"])
def test_a_sheet_that_is_too_large_is_refused_before_anything_is_drawn(coded, folder, size):
    result = coded("sample", "-n", 4, "--size", size)
    assert result.code == 1
    assert "above the limit" in result.complaint
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_weights_that_cannot_sample_say_so(cli, tmp_path, small_weights, small_autoencoder):
    config, _ = small_autoencoder
    unfitted, without = tmp_path / "unfitted.safetensors", tmp_path / "without.safetensors"
    for path, components in ((unfitted, 2), (without, 0)):
        changed = dataclasses.replace(config, components=components)
        save_weights(path, build_autoencoder(changed).state_dict(), changed, {})
    picture("a.png")
    for arguments in (["sample"], ["morph", "a.png", "a.png", "--path", "prior"]):
        for path, said in (
            (small_weights, "the weights are those of an upscaler"),
            (unfitted, "no distribution of codes; train it to the end"),
            (without, "distribution of codes"),
        ):
            result = cli(*arguments, "--model", path, "--device", "cpu")
            assert result.code == 2
            assert said in result.complaint
    assert cli("morph", "a.png", "a.png", "--model", without, "--device", "cpu").code == 0


# --- morph ---


@pytest.mark.slow
@pytest.mark.parametrize("path", ["line", "sphere", "prior"])
def test_a_strip_shows_the_way_from_one_picture_to_the_other(coded, coder, path):
    first, last = picture("a.png", seed=1), picture("b.png", seed=2)
    result = coded("morph", "a.png", "b.png", "--frames", 5, "--path", path, "-s", 2)

    assert (result.code, result.err) == (0, "")
    assert result.out == f"a.png -> b.png  5 pictures of 16x16, path {path}  a_b.png\n"
    strip = pixels("a_b.png")
    assert strip.shape == (1, 16, 5 * 18 - 2)
    codes = coder.morph(*coder.encode([first, last]), frames=5, path=path)
    for number, one in enumerate(coder.pictures(codes)):
        assert torch.equal(strip[:, :, 18 * number : 18 * number + 16], picture_to_tensor(one.render((16, 16)))[0])


def test_a_film_may_be_an_mp4(coded):
    av = pytest.importorskip("av")
    picture("a.png", seed=1)
    picture("b.png", seed=2)
    for name in ("film.mp4", "again.mp4"):
        assert coded("morph", "a.png", "b.png", "--frames", 3, "-o", name, "-q").code == 0
    assert Path("film.mp4").read_bytes() == Path("again.mp4").read_bytes()
    with av.open("film.mp4") as container:
        frames = [frame.to_ndarray(format="gray").astype(float) for frame in container.decode(video=0)]
    # Both ends are shown ten times as long.
    assert len(frames) == 10 + 1 + 10 + 1
    assert np.abs(frames[0] - frames[9]).max() < np.abs(frames[9] - frames[11]).max()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_a_film_runs_forth_and_back(coded, suffix):
    picture("a.png", seed=1)
    picture("b.png", seed=2)
    for name in (f"film{suffix}", f"again{suffix}"):
        assert coded("morph", "a.png", "b.png", "--frames", 4, "-o", name, "-q").code == 0
    assert Path(f"film{suffix}").read_bytes() == Path(f"again{suffix}").read_bytes()
    with Image.open(f"film{suffix}") as film:
        frames = [np.asarray(frame.convert("L"), float) for frame in ImageSequence.Iterator(film)]
    assert [frame.shape for frame in frames] == [(32, 32)] * 6
    # WebP loses a little.
    assert np.abs(frames[1] - frames[5]).mean() < 3
    assert np.abs(frames[2] - frames[4]).mean() < 3
    assert np.abs(frames[0] - frames[3]).mean() > 10


@pytest.mark.slow
def test_sizes_of_a_morph_refer_to_the_first_picture(coded):
    picture("a.png", 6, 12)
    picture("b.png", 2000, 5)
    assert coded("morph", "a.png", "b.png", "--frames", 2, "-s", 2, "-o", "x.png").code == 0
    assert read_picture(Path("x.png")).size == (2 * 24 + 2, 12)
    assert coded("morph", "a.png", "b.png", "--frames", 2, "-o", "y.png").code == 0
    assert read_picture(Path("y.png")).size == (2 * 32 + 2, 16)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["a.png", "b.png", "--frames", "1"], 2, "Invalid value for '--frames'"),
        (["a.png", "b.png", "-o", "b.png", "--overwrite"], 2, "b.png is the input; choose another output"),
        (["a.png", "b.png", "-o", "a.png", "--overwrite"], 2, "a.png is the input; choose another output"),
        (["a.png", "b.png", "-o", "there.webp"], 2, "there.webp exists; --overwrite replaces it"),
        (["a.png", "none.png"], 1, "none.png"),
        (["a.png", "text.png"], 1, "text.png"),
        (["a.png", "b.png", "-o", "film.avi"], 1, "cannot write files of type '.avi'"),
        (["a.png", "b.png", "--size", "9000", "-o", "film.webp"], 1, "above the limit"),
    ],
)
def test_a_morph_that_makes_no_sense_is_refused(coded, folder, arguments, code, said):
    picture("a.png")
    picture("b.png")
    Path("text.png").write_text("no picture")
    Path("there.webp").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = coded("morph", *arguments)
    assert result.code == code
    assert said in result.complaint
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


# --- encode and decode ---


def test_encode_writes_what_python_gives_and_numpy_reads(coded, coder, small_autoencoder):
    paths = [picture("in/a.png"), picture("in/deep/b.png", 14, 5, 3), picture("c.png", 1, 1, seed=3)]
    result = coded("encode", "in", "c.png", "-r")

    assert (result.code, result.err) == (0, "")
    assert result.out == "3 images, 6 numbers each  codes.npz\n"
    with np.load("codes.npz") as file:
        assert sorted(file.files) == ["codes", "model", "names", "sizes"]
        assert file["codes"].dtype == np.float32
        assert np.array_equal(file["codes"], coder.encode(paths).numpy())
        assert file["names"].tolist() == ["a.png", str(Path("deep/b.png")), "c.png"]
        assert file["sizes"].tolist() == [[8, 8], [14, 5], [1, 1]]
        assert str(file["model"]) == coder.digest
    first = Path("codes.npz").read_bytes()
    assert coded("encode", "in", "c.png", "-r").code == 2
    assert coded("encode", "in", "c.png", "-r", "--overwrite").code == 0
    assert Path("codes.npz").read_bytes() == first


@pytest.mark.slow
def test_pictures_of_every_kind_are_encoded(coded, coder):
    picture("alpha.png", channels=4)
    Image.fromarray(np.random.default_rng(0).integers(0, 65536, (4, 9), dtype=np.uint16)).save("deep.png")
    picture("tall.png", 2000, 5)
    paths = ["alpha.png", "deep.png", "tall.png"]
    assert coded("encode", *paths, "-o", "x.npz").code == 0
    assert np.array_equal(CodeFile.load(Path("x.npz")).codes, coder.encode(paths).numpy())


def test_images_that_cannot_be_read_do_not_stop_the_others(coded):
    picture("in/a.png")
    Path("in/text.png").write_text("no picture")
    result = coded("encode", "in", "none.png", "empty", "--json")
    assert result.code == 1
    lines = result.err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["error"] * 3
    for name, line in zip(("text.png", "none.png", "empty"), lines, strict=True):
        assert name in line
    facts = json.loads(result.out)
    assert facts["images"] == 1
    assert facts["failed"] == [str(Path("in/text.png")), "none.png", "empty"]
    assert CodeFile.load(Path("codes.npz")).names == ["a.png"]


def test_without_a_readable_image_nothing_is_written(coded, folder):
    Path("text.png").write_text("no picture")
    Path("old.npz").write_bytes(b"mine")
    result = coded("encode", "text.png", "-o", "old.npz", "--overwrite")
    assert (result.code, result.out) == (1, "")
    assert "text.png" in result.complaint
    assert Path("old.npz").read_bytes() == b"mine"


def test_the_codes_must_go_to_an_npz_file(coded):
    picture("a.png")
    result = coded("encode", "a.png", "-o", "codes.txt")
    assert result.code == 2
    assert "--output must end in .npz, got codes.txt" in result.complaint


def test_images_that_upscaling_wrote_are_passed_over_with_a_note(coded):
    picture("in/a.png")
    picture("in/a_x2.png", 16, 16)
    result = coded("encode", "in", "-q")
    assert (result.code, result.err) == (0, "")
    result = coded("encode", "in", "--overwrite")
    assert "a_x2.png; name files themselves to encode them" in result.err
    assert result.out.startswith("1 images, ")


def test_decode_draws_each_at_its_own_size(coded, coder):
    codes = coder.sample(2)
    codes_file(coder.digest, codes=codes.numpy())
    result = coded("decode", "codes.npz", "-s", 3, "-o", "out/")
    assert (result.code, result.err) == (0, "")
    first, second = coder.pictures(codes)
    assert read_picture(Path("out/a_x3.png")) == first.render((24, 24))
    assert read_picture(Path("out/b_x3.png")) == second.render((12, 18))
    assert coded("decode", "codes.npz", "-s", 3).out == "codes.npz  2 pictures  codes_x3.png\n"
    sheet = pixels("codes_x3.png")
    assert sheet.shape == (1, 24, 50)
    # The smaller one lies in the middle of its cell.
    assert torch.equal(sheet[:, 6:18, 29:47], picture_to_tensor(second.render((12, 18)))[0])


def test_one_code_makes_the_picture_itself(coded, coder):
    picture("a.png")
    assert coded("encode", "a.png").code == 0
    assert coded("decode", "codes.npz", "--size", "30x20", "-o", "a_large.png").code == 0
    assert read_picture(Path("a_large.png")) == coder.pictures(coder.encode(Path("a.png")))[0].render((20, 30))


def test_images_of_the_same_name_are_told_apart_by_their_numbers(coded, coder):
    codes_file(coder.digest, names=np.array(["../x/A.png", "/y/a.png"]))
    assert coded("decode", "codes.npz", "-s", 1, "-o", "out/").code == 0
    # Folders in names lead nowhere.
    assert sorted(path.name for path in Path("out").iterdir()) == ["0_A_x1.png", "1_a_x1.png"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"codes": np.ones(6, np.float32)}, "codes must be a table of floats"),
        ({"codes": np.ones((2, 6), np.int64)}, "codes must be a table of floats"),
        ({"codes": np.ones((0, 6), np.float32)}, "codes must be a table of floats"),
        ({"codes": np.full((2, 6), np.nan, np.float32)}, "codes hold NaN or infinity"),
        ({"codes": np.full((2, 6), 1e300)}, "codes hold NaN or infinity"),
        ({"names": np.array(["a.png"])}, "names must be 2 texts"),
        ({"sizes": np.array([[8, 8]])}, "sizes must be 2 pairs of whole numbers"),
        ({"sizes": np.array([[8, 8], [0, 8]])}, "sizes must be heights and widths of at most"),
        ({"sizes": np.array([[8, 8], [2**31, 2**33]])}, "sizes must be heights and widths of at most"),
        ({"model": np.array(["a", "b"])}, "model must be one text"),
        ({"names": None, "sizes": None}, "names and sizes missing"),
        ({"names": np.array(["a.png", None], dtype=object)}, "Object arrays cannot be loaded"),
    ],
)
def test_code_files_that_do_not_fit_are_refused(changed, said):
    path = codes_file("f" * 64, **changed)
    with pytest.raises(CodeFileError, match=rf"^codes\.npz: .*{said}"):
        CodeFile.load(path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"codes": np.ones((2, 7), np.float32)}, "a code has 7 numbers, one of this model 6; encode the images again"),
        ({"model": np.array("0" * 64)}, "made with other weights (SHA-256 000000000000..., these are "),
        ({"codes": np.full((2, 6), np.inf, np.float32)}, "codes hold NaN or infinity; encode the images again"),
    ],
)
def test_codes_that_a_model_cannot_draw_are_refused(coded, coder, folder, changed, said):
    codes_file(coder.digest, **changed)
    result = coded("decode", "codes.npz", "-s", 2)
    assert result.code == 1
    assert result.complaint.startswith("codes.npz: ")
    assert said in result.complaint
    assert [path.name for path in folder.iterdir()] == ["codes.npz"]


class Bomb:
    """An object whose pickle runs code."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("kind", ["none", "text", "npy", "pickle", "bomb", "cut", "folder"])
def test_what_is_no_code_file_is_refused_and_never_run(kind):
    path = Path("codes.npz")
    match kind:
        case "text":
            path.write_text("codes")
        case "npy":
            with path.open("wb") as file:
                np.save(file, np.ones((2, 6)))
        case "pickle":
            path.write_bytes(pickle.dumps(Bomb()))
        case "bomb":
            codes_file("", names=np.array([Bomb(), Bomb()]))
        case "cut":
            path.write_bytes(codes_file("").read_bytes()[:-40])
        case "folder":
            path.mkdir()
    with pytest.raises(CodeFileError, match=r"^codes\.npz: "):
        CodeFile.load(path)
    assert not Path("exploded").exists()


@pytest.mark.slow
def test_no_damaged_byte_of_a_code_file_is_a_traceback():
    content = codes_file("f" * 64).read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for place in random.integers(0, len(content), 150).tolist():
        damaged = bytearray(content)
        damaged[place] ^= int(random.integers(1, 256))
        Path("codes.npz").write_bytes(damaged)
        try:
            CodeFile.load(Path("codes.npz"))
        except CodeFileError:
            refused += 1
    assert refused > 50


# --- help ---


@pytest.mark.parametrize("command", [sample, morph, encode, decode])
def test_help_is_there(cli, command):
    result = cli(command.__name__, "--help")
    assert result.code == 0
    for option in ("--model", "--device", "--overwrite", "--quiet", "--json", "-o, --output"):
        assert option in result.out
