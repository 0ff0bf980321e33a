import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from amortized_sr import Coder, ModelConfig, Upscaler, build_model, load_weights, save_weights
from amortized_sr.hub import push_folder, save_folder
from amortized_sr.hub_card import card_of
from amortized_sr.hub_files import HubError
from amortized_sr.model_builder import build
from amortized_sr.weights_header import WeightsError, bundled_models, find_weights

hub = pytest.importorskip("huggingface_hub", reason="needs the extra hub")

CONFIG = ModelConfig(channels=1, encoder_width=8, encoder_blocks=1, head_width=8)
COMMIT = "1" * 40


class Mixed(nn.Module, hub.PyTorchModelHubMixin):
    """What somebody writes who publishes one of our networks with the hub's own class."""

    def __init__(self, config: dict):
        super().__init__()
        model = build(ModelConfig(**config | {"conditions": tuple(config["conditions"])}))
        for name, child in model.named_children():
            self.add_module(name, child)
        self.register_buffer("mean", model.mean)
        self.register_buffer("deviation", model.deviation)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    save_weights(path, build_model(CONFIG).state_dict(), CONFIG, {"steps": 3, "metrics": {"val/psnr_x2": 30.123}})
    return path


@pytest.fixture
def folder(weights, tmp_path):
    return Upscaler.from_pretrained(weights).save_pretrained(tmp_path / "tiny")


def differences(state, other):
    assert state.keys() == other.keys()
    return max(float((state[name].float() - other[name].float()).abs().max()) for name in state)


@pytest.mark.parametrize("name", ["mnist", "photo-tiny", "photo"])
def test_our_folder_loads_in_the_hubs_mixin_and_its_folder_in_ours(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ours = Upscaler.from_pretrained(name)
    mixed = Mixed.from_pretrained(str(ours.save_pretrained(tmp_path / "ours")), strict=True)
    assert differences(ours.trained.model.state_dict(), mixed.state_dict()) == 0
    mixed.save_pretrained(tmp_path / "theirs")
    back = Upscaler.from_pretrained(tmp_path / "theirs")
    assert differences(ours.trained.model.state_dict(), back.trained.model.state_dict()) == 0
    assert back.trained.config == ours.trained.config
    image = torch.rand(1, ours.trained.config.channels, 7, 9)
    assert torch.equal(ours.upscale(image, scale=2.3), back.upscale(image, scale=2.3))


def test_a_folder_holds_what_the_mixin_writes_and_keeps_the_facts(folder, weights, tmp_path):
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    Mixed(asdict(CONFIG)).save_pretrained(tmp_path / "mixed")
    assert (folder / "config.json").read_text() == (tmp_path / "mixed" / "config.json").read_text()
    back = load_weights(folder)
    assert back.facts == load_weights(weights).facts
    assert back.digest == load_weights(weights).digest


def test_autoencoders_have_folders_too(tmp_path):
    trained = load_weights("mnist-morph")
    coder = Coder.from_pretrained(save_folder(trained, tmp_path / "morph"))
    assert coder.digest == trained.digest
    (tmp_path / "plain").mkdir()
    save_file(load_file(trained.path), tmp_path / "plain" / "model.safetensors")
    (tmp_path / "plain" / "config.json").write_bytes((tmp_path / "morph" / "config.json").read_bytes())
    assert load_weights(tmp_path / "plain").config == trained.config


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_cards_hold_the_metadata_and_the_measurements_of_the_header(name):
    trained = load_weights(name)
    text = card_of(trained, name)
    data = hub.ModelCard(text).data
    assert data.license == "mit"
    assert data.pipeline_tag == "image-to-image"
    values = {result.metric_value for result in data.eval_results}
    assert values == set(trained.facts["metrics"].values())
    assert yaml.safe_load(text.split("---")[1])["model-index"][0]["name"] == name
    for heading in ("## Use", "## Data", "## Measurements", "## Limits"):
        assert heading in text
    assert ("enlarges noise" in text) == (name in ("mnist", "photo-tiny"))


def test_a_card_that_was_edited_stays(folder, weights):
    (folder / "README.md").write_text("mine")
    Upscaler.from_pretrained(weights).save_pretrained(folder)
    assert (folder / "README.md").read_text() == "mine"


def changed(folder, **values):
    settings = json.loads((folder / "config.json").read_text()) | values
    (folder / "config.json").write_text(json.dumps(settings))


def plain(folder):
    """Take our header away, as in a file that the mixin wrote."""
    save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors")


FAULTS = {
    "foreign keys": (lambda f: (plain(f), changed(f, vocab_size=3)), "unknown setting 'vocab_size'; it is of another"),
    "a wrong type": (lambda f: (plain(f), changed(f, encoder_width="wide")), "encoder_width must be of type int"),
    "no object": (lambda f: (plain(f), (f / "config.json").write_text("[1]")), "must be an object"),
    "not JSON": (lambda f: (plain(f), (f / "config.json").write_text("{")), "not a valid configuration"),
    "deep": (lambda f: (plain(f), (f / "config.json").write_text("[" * 60000)), "not a valid configuration"),
    "long": (lambda f: (plain(f), (f / "config.json").write_text(" " * 70000)), "longer than 65,536 characters"),
    "binary": (lambda f: (plain(f), (f / "config.json").write_bytes(b"\xff\xfe\xff")), "not a valid configuration"),
    "two truths": (lambda f: changed(f, encoder_width=16), "differs from the header of model.safetensors"),
    "another network": (lambda f: (plain(f), changed(f, encoder_width=16)), "the model needs"),
    "no configuration": (lambda f: (plain(f), (f / "config.json").unlink()), "was not written by amortized-sr"),
    "pickle only": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        "pickled weights are not read",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_folders_that_are_not_ours_are_refused_in_a_sentence(fault, folder):
    damage, sentence = FAULTS[fault]
    damage(folder)
    with pytest.raises(WeightsError, match=sentence):
        load_weights(folder)


def test_a_newer_format_is_refused(folder):
    save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors", {"format_version": "2"})
    with pytest.raises(WeightsError, match="format_version is '2', this version reads '1'; install the version"):
        load_weights(folder)


def test_local_weights_have_no_revision(folder):
    for source in ("photo-tiny", folder):
        with pytest.raises(WeightsError, match="is not on the hub, so it has no revision 'v1'"):
            find_weights(source, "v1")


def test_without_the_extra_a_sentence_names_it(monkeypatch, tmp_path, weights):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", None)
    with pytest.raises(WeightsError, match=r"no weights named 'someone/tiny'.*install the extra.*\[hub\]"):
        find_weights("someone/tiny")
    with pytest.raises(HubError, match=r"amortized-sr\[hub\]"):
        Upscaler.from_pretrained(weights).save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


class Hub(BaseHTTPRequestHandler):
    """The hub as far as downloads go."""

    files: dict[str, bytes]
    asked: list[str]

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, body=True):
        self.asked.append(self.path)
        *_, repository, resolve, revision, name = [*self.path.lstrip("/").split("/"), "", "", ""][:5]
        known = repository == "tiny" and resolve == "resolve"
        error = None if known else "RepoNotFound"
        if known and revision not in ("main", COMMIT):
            error = "RevisionNotFound"
        elif known and name not in self.files:
            error = "EntryNotFound"
        content = b"" if error else self.files[name]
        self.send_response(404 if error else 200)
        if error:
            self.send_header("X-Error-Code", error)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{len(content)}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(folder):
    handler = type("Served", (Hub,), {"files": {p.name: p.read_bytes() for p in folder.iterdir()}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def find_in_process(tmp_path, port, *arguments, offline=False):
    """Return what a process with a hub of its own finds, or its sentence."""
    code = (
        "import sys; from amortized_sr.weights_header import *\n"
        "try: print(read_header(find_weights(*sys.argv[1:])).config.encoder_width, 'torch' in sys.modules)\n"
        "except WeightsError as error: print(error)"
    )
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HTTP", "http", "https"))},
        "HF_HOME": str(tmp_path / "cache"), "HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": str(int(offline)),
    }  # fmt: skip
    run = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_repository_is_downloaded_once_and_then_found_without_a_network(served, tmp_path):
    handler = served.RequestHandlerClass
    assert find_in_process(tmp_path, served.server_port, "someone/tiny") == "8 False"
    count = len(handler.asked)
    assert count > 0
    assert find_in_process(tmp_path, served.server_port, "someone/tiny") == "8 False"
    assert len(handler.asked) == count, "the cache comes first"
    assert find_in_process(tmp_path, 9, "someone/tiny", COMMIT) == "8 False"
    assert "no revision 'v9'" in find_in_process(tmp_path, served.server_port, "someone/tiny", "v9")


def test_what_the_hub_does_not_have_is_said_in_a_sentence(served, tmp_path):
    handler = served.RequestHandlerClass
    assert "no such repository" in find_in_process(tmp_path, served.server_port, "someone/huge")
    handler.files["pytorch_model.bin"] = handler.files.pop("model.safetensors")
    assert "holds no model.safetensors; pickled" in find_in_process(tmp_path, served.server_port, "someone/tiny")
    assert "cannot be reached" in find_in_process(tmp_path, 9, "someone/other", offline=True)


def test_pushing_uploads_the_folder_and_keeps_a_card_that_is_there(weights, monkeypatch):
    done = []

    class Api:
        def create_repo(self, name, private, exist_ok):
            done.append((name, private, exist_ok))
            return type("Created", (), {"repo_id": name})

        def file_exists(self, name, file):
            return True

        def upload_folder(self, repo_id, folder_path, commit_message, ignore_patterns):
            done.append((repo_id, sorted(p.name for p in Path(folder_path).iterdir()), commit_message, ignore_patterns))
            return "address"

    monkeypatch.setattr(hub, "HfApi", Api)
    assert Upscaler.from_pretrained(weights).push_to_hub("someone/tiny", private=True) == "address"
    assert done == [
        ("someone/tiny", True, True),
        ("someone/tiny", ["README.md", "config.json", "model.safetensors"], "Upload model", ["README.md"]),
    ]


def test_pushing_without_a_network_is_a_sentence(weights, monkeypatch):
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="someone/tiny was not uploaded"):
        push_folder(load_weights(weights), "someone/tiny")


def test_torch_hub_loads_our_entry_points():
    root = str(Path(__file__).parents[1])
    upscaler = torch.hub.load(root, "upscaler", "mnist", source="local")
    assert upscaler.upscale(torch.rand(1, 1, 4, 4), scale=2.0).shape == (1, 1, 8, 8)
    assert torch.hub.load(root, "autoencoder", source="local").model.code_size == 64
