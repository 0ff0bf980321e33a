"""`amortized-sr page`: what it writes, and what it refuses."""

import gzip
import hashlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.model_builder import build_autoencoder
from amortized_sr.web.page import site_files
from amortized_sr.weights import save_weights
from amortized_sr.weights_header import WeightsError

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "amortized_sr" / "web"
BUILT = WEB / "built"

pytestmark = pytest.mark.usefixtures("folder")


def test_the_site_holds_page_code_weights_and_examples(cli):
    result = cli("page", "-o", "site", "--model", "photo-tiny", "--model", "mnist", "--model", "mnist-morph")

    assert (result.code, result.err) == (0, "")
    written = {str(path.relative_to("site")) for path in Path("site").rglob("*") if path.is_file()}
    assert written == {
        *("index.html", "app.js", "style.css", "worker.js", "core.wasm"),
        *("weights/photo-tiny.safetensors", "weights/mnist.safetensors", "weights/mnist-morph.safetensors"),
        *("examples/kitten_64.png", "examples/owl_32.png", "examples/digit_28.png", "examples/digits_28.png"),
    }
    page = Path("site/index.html").read_text()
    assert "default-src 'none'" in page
    assert "<option>photo-tiny</option><option>mnist</option>" in page
    assert 'data-model="mnist-morph" >' in page
    assert "$" not in page
    # The examples of the repository are not installed, so the page has copies.
    for name in ("kitten_64.png", "owl_32.png", "digit_28.png"):
        assert Path("site/examples", name).read_bytes() == (ROOT / "examples" / name).read_bytes()


def test_a_space_of_the_hub_has_a_card(cli):
    assert cli("page", "-o", "site", "--model", "mnist", "--space").code == 0
    _, metadata, text = Path("site/README.md").read_text().split("---", 2)
    settings = yaml.safe_load(metadata)
    assert settings["sdk"] == "static"
    assert Path("site", settings["app_file"]).exists()
    assert "Nothing is uploaded" in text
    assert cli("page", "--single-file", "page.html", "--space").complaint.startswith("Invalid value: --space is for")


def test_without_an_autoencoder_there_is_no_section_for_digits():
    files = site_files(["photo-tiny"])

    assert 'data-model="" hidden>' in files["index.html"].decode()
    assert "examples/digits_28.png" not in files


def test_page_and_code_are_small():
    files = site_files(["photo-tiny", "mnist-morph"])
    code = [content for name, content in files.items() if "/" not in name]
    assert len(code) == 5
    assert sum(len(gzip.compress(content)) for content in code) <= 24_000
    assert sum(map(len, code)) <= 55_000


def test_the_built_scripts_are_those_of_their_sources(tmp_path):
    # Without node: the hashes that were written with them.
    written = dict(reversed(line.split("  ")) for line in (BUILT / "sources.sha256").read_text().splitlines())
    package = ROOT / "amortized_sr"
    sources = [*WEB.glob("*.js"), WEB / "style.css", *(package / "benchmark" / "viewer").glob("*.js")]
    assert {
        str(path.relative_to(package)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources
    } == written

    if not (ROOT / "tests" / "web" / "node_modules" / ".bin" / "esbuild").exists():
        pytest.skip("needs esbuild: npm install --prefix tests/web")
    subprocess.run([ROOT / "scripts" / "build_web_page", tmp_path], check=True)
    built = {path.name: path.read_bytes() for path in BUILT.iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == built


def test_the_single_file_names_no_other_file_and_allows_no_connection(cli):
    result = cli("page", "--single-file", "page.html")

    assert (result.code, result.err) == (0, "")
    assert [path.name for path in Path().iterdir()] == ["page.html"]
    text = Path("page.html").read_text()
    assert "connect-src" not in text
    assert "default-src 'none'" in text
    assert "'unsafe-inline'" not in text
    assert "://" not in text.replace("http://www.w3.org", "")
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(sources) == 5
    assert all(source.startswith("data:") for source in sources)
    # Nothing inside of a script can end it.
    assert text.count("</script>") == text.count("<script") == 6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "nothing"], "no weights named 'nothing'"),
        (["--model", "mnist-autoencoder"], "mnist-autoencoder: the page needs an upscaler for its pictures"),
        (["--model", "mnist", "--model", "mnist-morph", "--model", "mnist-autoencoder"], "with one autoencoder"),
        (["--model", "mnist", "--model", "mnist"], "two models of the page have the name mnist"),
        (["-o", "a", "--single-file", "b.html"], "--output and --single-file exclude each other"),
        (["-o", "taken"], "index.html exists; --overwrite replaces it"),
        (["--single-file", "taken/index.html"], "exists; --overwrite replaces it"),
        (["--single-file", "nowhere/page.html"], "the folder"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_sentence(cli, options, words):
    Path("taken").mkdir()
    Path("taken/index.html").write_text("mine")

    result = cli("page", *options)

    assert result.code in (1, 2)
    assert words in result.complaint
    assert Path("taken/index.html").read_text() == "mine"


@pytest.mark.parametrize("settings", [{"decoder": "film"}, {"code_grid": 2}], ids=str)
def test_an_autoencoder_that_the_page_cannot_run_is_refused(settings, tmp_path):
    config = AutoencoderConfig(
        **{"frame": 8, "code": 8, "encoder_width": 4, "hidden": 8, "grid": 2, "decoder_width": 8, **settings}
    )
    path = tmp_path / "weights.safetensors"
    save_weights(path, build_autoencoder(config).state_dict(), config, {})

    with pytest.raises(WeightsError, match="the page morphs with autoencoders with the decoder linear or modulated"):
        site_files(["photo-tiny", str(path)])
