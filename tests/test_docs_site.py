"""The site of the documentation builds without a warning, its links lead somewhere, and it asks no other host."""

import functools
import http.server
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from waiting import wait

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

# What a browser loads by itself; the links that a reader follows are not among them.
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "link": "href",
    "object": "data",
}
# Links of the head that name other pages and load nothing.
RELATIONS = {"index", "search", "next", "prev", "canonical"}


class Page(HTMLParser):
    """The names that links can lead to in a page, where its links lead, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.text = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        if "id" in attributes:
            self.names.add(attributes["id"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if LOADED.get(tag) in attributes and attributes.get("rel") not in RELATIONS:
            self.loaded.append(attributes[LOADED[tag]])

    def handle_data(self, data):
        self.text += data


def foreign(page: Page) -> list[str]:
    """Return what a page loads from another place than its own site."""
    return [link for link in page.loaded if re.match(r"(?!data:)([a-z]+:|//)", link)]


def broken_links(path: Path, pages: dict[Path, Page]) -> list[str]:
    """Return the links of a page to files or names that do not exist."""
    broken = []
    for link in pages[path].links + pages[path].loaded:
        place, name = urldefrag(link)
        if re.match(r"[a-z]+:|//", place):
            continue
        target = (path.parent / unquote(place.partition("?")[0])).resolve() if place else path
        if not target.is_file() or (name and target in pages and unquote(name) not in pages[target].names):
            broken.append(link)
    return broken


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built from nothing, with the notebook's stored outputs."""
    if any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_nb", "furo")):
        pytest.skip('needs the extra docs: pip install "amortized-sr[docs]"')
    folder = tmp_path_factory.mktemp("docs") / "site"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "docs", str(folder)]
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - start < 60
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Every page of the site by its path, but the live page, which is a program."""
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "live-page.html"}


def test_every_page_of_the_folder_is_in_the_table_of_contents(site, pages):
    first = {urldefrag(link)[0] for link in pages[site / "index.html"].links}
    named = {f"{path.stem}.html" for path in DOCS.glob("*.md")} - {"index.html"}
    assert named <= first
    assert {"copies/walkthrough.html", "copies/security.html", "copies/readme.html"} <= first
    assert {path.relative_to(site).as_posix() for path in pages} - {"genindex.html", "search.html"} <= {
        "index.html",
        *first,
    }


def test_every_link_inside_the_site_leads_somewhere(pages):
    assert {path.name: broken_links(path, pages) for path in pages if broken_links(path, pages)} == {}
    assert sum(len(page.links) for page in pages.values()) > 500


def test_nothing_is_loaded_from_another_host(site, pages):
    assert [link for page in pages.values() for link in foreign(page)] == []
    assert sum(len(page.loaded) for page in pages.values()) > 100
    styles = [path.read_text() for path in site.rglob("*.css")]
    assert styles
    assert not any(re.search(r"url\(\s*['\"]?(https?:)?//|@import\s+['\"]?https?:", style) for style in styles)


def test_broken_links_and_foreign_hosts_are_found(tmp_path):
    first, other = tmp_path / "first.html", tmp_path / "other.html"
    first.write_text(
        '<a href="other.html#there">x</a><a href="other.html#gone">x</a><a href="gone.html">x</a>'
        '<a href="https://a.b">x</a><img src="//a.b/c.png"><link rel="stylesheet" href="https://a.b/c.css">'
        '<img src="data:,"><script src="gone.js">'
    )
    other.write_text('<p id="there">x</p>')
    pages = {path: Page(path) for path in (first, other)}
    assert broken_links(first, pages) == ["other.html#gone", "gone.html", "gone.js"]
    assert foreign(pages[first]) == ["//a.b/c.png", "https://a.b/c.css"]


def test_commands_options_and_docstrings_are_those_of_the_code(site, pages):
    commands, api = pages[site / "commands.html"].text, pages[site / "api.html"].text
    for words in (
        "amortized-sr upscale [OPTIONS] [INPUT]",
        "--strip-metadata",
        "--link-key-file",
        "art cppn",
        "--print_config",
    ):
        assert words in commands, words
    for words in ("upscaler.upscale(Image.new", "warmup_steps", "StrengthError", "with_footprint"):
        assert words in api, words


def test_the_notebook_stands_there_with_what_its_cells_show(site, pages):
    notebook = pages[site / "copies" / "walkthrough.html"]
    assert "the whole notebook:" in notebook.text
    assert sum(link.endswith(".png") for link in notebook.loaded) >= 10


def test_a_browser_asks_nobody_else_and_the_live_page_draws(site, browser):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        for page in ("index.html", "copies/walkthrough.html", "live.html"):
            browser.get(f"{address}/{page}")
        frame = browser.find_element("tag name", "iframe")
        browser.execute_script("arguments[0].scrollIntoView()", frame)
        browser.switch_to.frame(frame)
        wait(lambda: "a function after" in browser.find_element("id", "status").text)
        server.shutdown()
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    # The browser's own start page asks for things too.
    asked = [one["request"]["url"] for one in sent if not one["documentURL"].startswith("chrome")]
    assert len([url for url in asked if url.startswith(address)]) > 10
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
