"""The engine without torch is taken where it is faster, and says what it cannot do."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from batch_files import contents, picture

from amortized_sr.batch.engines import Engines, name_of
from amortized_sr.batch.options import BatchOptions
from amortized_sr.compute import Compute
from amortized_sr.image_io.image_file import ImageFile, Metadata
from amortized_sr.pictures.conversion import convert
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.sizes import SizeRequest


def chosen(engine: str, side: int, scale: float = 4, num_jobs: int = 1, **options: object) -> tuple[str, list[str]]:
    """The engine that is taken for a picture of the default model, and the lines about it."""
    told: list[str] = []
    request = PictureOptions(SizeRequest(float(scale)), tta=bool(options.pop("tta", False)))
    settings = BatchOptions(request, compute=Compute(**options), engine=engine)
    engines = Engines(settings, num_jobs, told.append, nullcontext, limit_threads=False)
    image = ImageFile([np.zeros((side, side, 3), np.uint8)], "PNG", "RGB", Metadata())
    return name_of(engines.of(convert(Path("a.png"), image, request, None))), told


@pytest.mark.parametrize(
    ("side", "scale", "num_jobs", "expected"),
    [
        (16, 4, 1, "numpy"), (400, 4, 1, "numpy"), (512, 4, 1, "torch"), (1024, 1, 1, "torch"),
        (512, 32, 1, "numpy"), (64, 4, 10, "numpy"), (64, 4, 1000, "torch"), (16, 64, 10000, "torch"),
    ],
)  # fmt: skip
def test_numpy_is_taken_for_pictures_that_take_less_time_than_loading_torch(side, scale, num_jobs, expected):
    name, told = chosen("auto", side, scale, num_jobs)

    assert name == expected
    assert [line.endswith("by numpy") for line in told] == [expected == "numpy"]


@pytest.mark.parametrize("options", [{"tta": True}, {"precision": "bf16"}, {"device": "cpu:0"}], ids=str)
def test_torch_is_taken_for_what_numpy_lacks(options):
    name, told = chosen("auto", 16, **options)

    assert name == "torch"
    assert len(told) == 1


def test_an_engine_that_is_named_is_taken():
    assert chosen("torch", 16, device="cpu", precision="bf16") == ("torch", ["model photo-tiny on cpu in bf16"])
    assert chosen("numpy", 512) == ("numpy", ["model photo-tiny on cpu in fp32, by numpy"])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--tta"], 2, "the engine numpy has no self-ensemble; leave the engine to the program"),
        (["--precision", "fp16"], 2, "the engine numpy computes in fp32, not in fp16"),
        (["--memory", "64M"], 1, "more than the 64 that it may use; choose the engine torch (--engine)"),
        (["--model", "mnist-autoencoder"], 2, "the engine numpy has no autoencoders"),
    ],
    ids=str,
)
def test_a_command_that_numpy_cannot_carry_out_ends_with_a_sentence(cli, options, code, said):
    picture("a.png", 400, 400)

    result = cli("upscale", "a.png", "-s", 1, "--engine", "numpy", *options)

    assert result.code == code
    assert said in result.complaint
    assert not Path("a_x1.png").exists()


def test_too_little_memory_for_numpy_leaves_a_picture_to_torch(cli):
    picture("a.png", 400, 400)

    told = cli("upscale", "a.png", "-s", 1, "--memory", "64M", "-v").out

    assert "by numpy" not in told
    assert "model photo-tiny on " in told


def test_resuming_with_another_engine_makes_outputs_again(cli):
    picture("in/a.png")
    always = "upscale", "in", "-o", "out", "-s", 2, "--resume"
    assert cli(*always, "--engine", "torch").code == 0
    by_torch = contents("out")

    assert "already done" in cli(*always).out
    assert "8x6 -> 16x12" in cli(*always, "--engine", "numpy").out
    assert "already done" in cli(*always).out
    assert "8x6 -> 16x12" in cli(*always, "--engine", "torch").out
    assert contents("out") == by_torch
