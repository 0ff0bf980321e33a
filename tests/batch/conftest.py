"""A folder of its own for every test, and the command line in this process."""

from pathlib import Path

import pytest
from command_line import Result

from amortized_sr.batch.options import BatchBounds, BatchOptions
from amortized_sr.batch.plan import plan_batch
from amortized_sr.batch.report import Report
from amortized_sr.batch.run import run as run_batch
from amortized_sr.cli import main
from amortized_sr.compute import Bounds, Compute
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.sizes import SizeRequest


@pytest.fixture(autouse=True)
def inside(folder) -> None:
    """Every test works in a folder of its own."""


@pytest.fixture
def run(capfd, small_weights):
    """Run `upscale -s 2` with a small model and torch, which some tests let fail."""

    always = ["-n", str(small_weights), "--device", "cpu", "--engine", "torch"]

    def upscale(*arguments: object, scale: object = 2) -> Result:
        with pytest.raises(SystemExit) as left:
            main(["upscale", "-s", str(scale), *always, *map(str, arguments)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Result(left.value.code, out, err)

    return upscale


@pytest.fixture
def run_within(capfd, small_weights):
    """Run a batch within bounds that are smaller than the program's."""

    def upscale(source: str, output: str, scale: float = 2.0, strip_pixels: int = 1 << 21, **bounds: int) -> Result:
        compute = Compute("cpu", bounds=Bounds(strip_pixels=strip_pixels))
        options = BatchOptions(PictureOptions(SizeRequest(scale=scale)), str(small_weights), compute)
        report = Report(as_json=False, quiet=False, verbose=False)
        run_batch(plan_batch([Path(source)], options, Path(output)), options, report, BatchBounds(**bounds))
        code = report.finish()
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return upscale
