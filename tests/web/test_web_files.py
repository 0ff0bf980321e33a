"""`amortized-sr page`: what it writes, and what it refuses."""

import gzip
import re
from pathlib import Path

import pytest

from amortized_sr.web.page import site_files

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("folder")


def test_the_site_holds_page_code_weights_and_examples(cli):
    result = cli("page", "-o", "site", "--model", "photo-tiny", "--model", "mnist")

    assert (result.code, result.err) == (0, "")
    written = {str(path.relative_to("site")) for path in Path("site").rglob("*") if path.is_file()}
    assert written == {
        *("index.html", "app.js", "style.css", "worker.js", "core.wasm"),
        *("weights/photo-tiny.safetensors", "weights/mnist.safetensors"),
        *("examples/kitten_64.png", "examples/owl_32.png", "examples/digit_28.png"),
    }
    page = Path("site/index.html").read_text()
    assert "default-src 'none'" in page
    assert "<option>photo-tiny</option><option>mnist</option>" in page
    assert "$" not in page
    # The examples of the repository are not installed, so the page has copies.
    for name in ("kitten_64.png", "owl_32.png", "digit_28.png"):
        assert Path("site/examples", name).read_bytes() == (ROOT / "examples" / name).read_bytes()


def test_page_and_code_are_small():
    files = site_files(["photo-tiny"])
    code = [content for name, content in files.items() if "/" not in name]
    assert len(code) == 5
    assert sum(len(gzip.compress(content)) for content in code) <= 20_000
    assert sum(map(len, code)) <= 50_000


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
    assert len(sources) == 4
    assert all(source.startswith("data:") for source in sources)
    # Nothing inside of a script can end it.
    assert text.count("</script>") == text.count("<script") == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "nothing"], "no weights named 'nothing'"),
        (["--model", "mnist-autoencoder"], "these weights hold an autoencoder; choose others"),
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
