"""docs/functions.md runs as it stands, prints what it says, and its pictures and numbers are right."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from pages import ROOT, blocks, run_in
from PIL import Image

from amortized_sr.latent import Latent
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.upscaler import Upscaler

pytestmark = pytest.mark.slow

TEXT = (ROOT / "docs" / "functions.md").read_text()
BLOCKS = blocks("functions.md")
MARK = "-- a block ends --"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run all blocks in order in one process; return the folder and what each block printed."""
    folder = tmp_path_factory.mktemp("page")
    code = f"\nprint({MARK!r})\n".join(block.code for block in BLOCKS)
    return folder, run_in(folder, code).split(MARK + "\n")


@pytest.mark.slow
def test_every_block_prints_what_the_page_shows(ran):
    printed = ran[1]
    assert len(printed) == len(BLOCKS) > 12
    for block, output in zip(BLOCKS, printed, strict=True):
        assert output == (block.output or ""), block.code


def picture(folder, name):
    with Image.open(folder / name) as opened:
        return opened.copy()


def test_sizes_are_height_then_width(ran):
    assert picture(ran[0], "stretched.png").size == (500, 300)
    assert picture(ran[0], "large.png").size == (512, 512)
    assert picture(ran[0], "thumbnail.png").size == (20, 20)


def test_zooming_shows_ever_smaller_parts(ran):
    pictures = [np.asarray(picture(ran[0], f"zoom_{step}.png"), float) for step in range(4)]
    # The middle half of each picture, shrunk, is the next one shrunk likewise.
    for outer, inner in pairwise(pictures):
        middle = outer[64:192, 64:192].reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
        assert np.abs(middle - inner.reshape(32, 8, 32, 8, 3).mean(axis=(1, 3))).max() < 4


def test_tiles_of_many_threads_are_the_whole(ran):
    tiles, whole = (np.asarray(picture(ran[0], name), int) for name in ("from_tiles.png", "large.png"))
    assert np.abs(tiles - whole).max() <= 1


@pytest.mark.slow
def test_a_latent_gives_the_same_bits_in_another_process(ran):
    (again,) = [block for block in BLOCKS if "Latent.load" in block.code]
    code = again.code + "\nimport hashlib\nprint(hashlib.sha256(again.render((90, 70)).numpy().tobytes()).hexdigest())"
    code = f"import torch\ntorch.set_num_threads(1)\n{code}"
    assert again.output is not None
    first, second = (run_in(ran[0], code) for _ in range(2))
    assert first.startswith(again.output)
    assert first == second
    here = Upscaler.from_pretrained(device="cpu")
    encoded = here.encode(ran[0] / "examples" / "kitten_64.png").latent
    torch.testing.assert_close(Latent.load(ran[0] / "kitten.safetensors").codes, encoded.codes)


def test_the_training_loop_beats_interpolation(ran):
    truth = picture_to_tensor(picture(ran[0], "examples/kitten_1024.jpg").resize((256, 256), Image.Resampling.BICUBIC))
    small = picture(ran[0], "examples/kitten_64.png")

    def error(candidate):
        return (picture_to_tensor(candidate) - truth).square().mean()

    bicubic = small.resize((256, 256), Image.Resampling.BICUBIC)
    assert error(picture(ran[0], "kitten_256.png")) < 0.96 * error(bicubic)  # 0.91 where it was written


def test_pictures_are_there_and_small():
    names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert 3 <= len(names) <= 4
    assert sum((ROOT / "docs" / name).stat().st_size for name in names) < 300_000


def test_every_link_leads_somewhere():
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", TEXT)]
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_the_memory_of_a_function_is_what_the_page_says():
    (size,) = re.findall(r"a function takes (\d+) bytes per pixel", TEXT)
    image = torch.rand(1, 3, 12, 20)
    assert Upscaler.from_pretrained(device="cpu").encode(image).latent.nbytes == int(size) * 12 * 20


def test_an_upscaler_computes_no_gradients_rather_than_half_of_them():
    upscaler, images = Upscaler.from_pretrained(device="cpu"), torch.rand(1, 3, 8, 8, requires_grad=True)
    assert not upscaler.encode(images).render((12, 12)).requires_grad
    assert upscaler.model.encode(images).render((12, 12)).requires_grad


def test_functions_have_a_short_repr():
    # The kitten's file has a colour profile of 7,000 bytes.
    function = Upscaler.from_pretrained(device="cpu").encode(ROOT / "examples" / "kitten_64.png")
    assert function.icc_profile is not None
    assert len(repr(function)) < 200
    assert "tensor" not in repr(function.function.base)
