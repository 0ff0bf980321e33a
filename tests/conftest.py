"""What several test files share: a small random model, the shared data, and the same seed for every test."""

import os
import shutil
import signal
from pathlib import Path

import pytest

# Two processes with two threads each slow each other tenfold. Set before torch reads it; what tests start inherits it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

import torch
from command_line import Result
from hypothesis import settings
from torch import nn

from amortized_sr.autoencoder import Autoencoder
from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.cli import main
from amortized_sr.decoders import GridDecoder
from amortized_sr.model_builder import build_autoencoder, build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.weights import save_weights

# The same examples every time, and no deadline: a busy machine is not a wrong result.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# A shell's background job ignores Ctrl-C and its children inherit that; the tests of Ctrl-C start processes.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu") is not None:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that a test works in."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def small_config(request: pytest.FixtureRequest) -> ModelConfig:
    """A model of a few thousand parameters; `parametrize("small_config", [1], indirect=True)` makes it grey."""
    channels = getattr(request, "param", 3)
    return ModelConfig(channels=channels, encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2)


@pytest.fixture
def small_weights(tmp_path: Path, small_config: ModelConfig) -> Path:
    """A `.safetensors` of a random small model, in a folder of its own."""
    model = build_model(small_config)
    # A fresh model is almost plain interpolation: what it adds has to show in 8 bits.
    nn.init.normal_([*model.head.children()][-1].weight, std=0.1)
    path = tmp_path / "weights" / "small.safetensors"
    path.parent.mkdir()
    save_weights(path, model.state_dict(), small_config, {})
    return path


@pytest.fixture
def told_weights(tmp_path: Path) -> Path:
    """A `.safetensors` of a random small model that reads noise and compression, in a folder of its own."""
    config = ModelConfig(
        encoder_width=8, encoder_blocks=1, head_width=16, frequencies=2, conditions=("noise", "jpeg")
    )  # fmt: skip
    model = build_model(config)
    # What it adds, and its correction of the image, have to show in 8 bits.
    for parameter in model.head.parameters():
        nn.init.normal_(parameter, std=0.1)
    path = tmp_path / "told" / "told.safetensors"
    path.parent.mkdir()
    save_weights(path, model.state_dict(), config, {})
    return path


@pytest.fixture
def small_autoencoder(request: pytest.FixtureRequest) -> tuple[AutoencoderConfig, Autoencoder]:
    """A random autoencoder with 6 numbers and a fitted mixture; `parametrize(..., [3], indirect=True)` makes it RGB."""
    channels = getattr(request, "param", 1)
    config = AutoencoderConfig(
        channels=channels, frame=8, code=6, encoder_width=4, hidden=8, grid=2, decoder_width=8, decoder_blocks=1,
        finest_cell=0.25, components=2,
    )  # fmt: skip
    model = build_autoencoder(config).eval()
    # A fresh model draws almost nothing: codes have to show in 8 bits.
    assert isinstance(model.decoder, GridDecoder)
    nn.init.normal_(model.decoder.last.weight, std=0.3)
    assert model.prior is not None
    # Known Gaussians: fitting takes a second.
    model.prior.share.fill_(0.5)
    model.prior.mean.copy_(torch.randn(2, 6))
    rows, columns = torch.tril_indices(6, 6)
    model.prior.factor.copy_(torch.eye(6)[rows, columns] * torch.tensor([[0.5], [0.2]]))
    return config, model


@pytest.fixture
def autoencoder_weights(tmp_path: Path, small_autoencoder: tuple[AutoencoderConfig, Autoencoder]) -> Path:
    """A `.safetensors` of the small autoencoder, in a folder of its own."""
    config, model = small_autoencoder
    path = tmp_path / "weights" / "autoencoder.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_weights(path, model.state_dict(), config, {})
    return path


@pytest.fixture
def digit_autoencoder(tmp_path: Path) -> Path:
    """A `.safetensors` of a random autoencoder with 16 numbers and the frame of MNIST, in a folder of its own."""
    config = AutoencoderConfig(code=16, encoder_width=4, hidden=16, decoder_width=8, components=3)
    model = build_autoencoder(config)
    # Fresh decoders draw almost nothing.
    assert isinstance(model.decoder, GridDecoder)
    nn.init.normal_(model.decoder.last.weight, std=0.1)
    path = tmp_path / "autoencoder" / "small.safetensors"
    path.parent.mkdir()
    save_weights(path, model.state_dict(), config, {})
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets beside the repository."""
    place = Path(os.environ.get("AMORTIZED_SR_SHARED", ROOT.parent / "shared"))
    if not (place / "data").is_dir():
        pytest.skip(f"needs shared data: {place / 'data'} is not there; set AMORTIZED_SR_SHARED")
    return place


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]):
    """Run a command line in this process."""

    def run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Result(left.value.code, out, err)

    return run


@pytest.fixture
def browser(tmp_path: Path):
    """Chromium without a window, whose logs hold its requests and its console."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium") or shutil.which("google-chrome")
    if driver is None or chromium is None:
        pytest.skip("needs a browser: install Chromium and ChromeDriver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=900,1400"),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(driver)
    started = webdriver.Chrome(options=options, service=service)
    yield started
    started.quit()
