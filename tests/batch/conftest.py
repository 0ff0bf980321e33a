"""A folder of its own for every test, and the command line in this process."""

from pathlib import Path

import pytest
from command_line import Result

from amortized_sr.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def run(capfd, small_weights):
    """Run `upscale -s 2` with a small model."""

    def upscale(*arguments: object, scale: object = 2) -> Result:
        with pytest.raises(SystemExit) as left:
            main(["upscale", "-n", str(small_weights), "--device", "cpu", "-s", str(scale), *map(str, arguments)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Result(left.value.code, out, err)

    return upscale
