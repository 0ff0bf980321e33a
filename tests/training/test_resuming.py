"""Resuming: a finished run, checkpoints that do not fit, and what is left of the folder."""

import json

import pytest

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.autoencoding import AutoencoderTask
from amortized_sr.training.checkpoint import check_network, is_finished
from amortized_sr.training.command import train
from amortized_sr.training.super_resolution import SuperResolutionTask


def contents(folder):
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()
    } | {path: None for path in sorted(folder.rglob("*")) if path.is_dir()}


def from_folder(tmp_path, *extra):
    """Return the arguments that are printed after an interruption."""
    return ["--config", str(tmp_path / "run" / "config.yaml"), "--ckpt_path", "last", *extra]


@pytest.mark.slow
def test_resuming_a_finished_run_says_so_and_changes_nothing(arguments, tmp_path, capsys):
    assert train(arguments) == 0
    before = contents(tmp_path / "run")
    capsys.readouterr()
    assert train(from_folder(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "is finished at step 4; to train longer, set a larger --trainer.max_steps" in out
    assert f"amortized-sr export {tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}" in out
    assert contents(tmp_path / "run") == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (["--model.network.encoder_width", "12"], "was trained with encoder_width 8, not 12; resume with"),
        (["--model.expansion", "2"], "was trained with expansion 0, not 2"),
        (["--model.network.field", "film", "--model.network.skip", "bilinear"], "field hyper, not film; skip bicubic"),
        (["--data.root", "nowhere"], "nowhere: no such folder"),
        (["--data.crop_size", "99"], "smaller than crop_size 99"),
        (["--model.learning_rat", "1", "--modle.loss", "l1"], "unrecognized arguments"),
        (["--ckpt_path", "nosuch.ckpt"], "no checkpoint nosuch.ckpt"),
    ],
)
@pytest.mark.parametrize("wandb", ["disabled", "offline"])
def test_a_resume_that_fails_leaves_the_run_folder_as_it_was(arguments, tmp_path, capsys, extra, sentence, wandb):
    assert train(arguments) == 0
    before = contents(tmp_path / "run")
    longer = ["--trainer.max_steps", "8", "--wandb", wandb]
    assert train(from_folder(tmp_path, *longer, *extra)) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error
    assert contents(tmp_path / "run") == before


@pytest.mark.slow
def test_a_longer_run_resumes_from_its_own_configuration(arguments, tmp_path):
    assert train(arguments) == 0
    assert train(from_folder(tmp_path, "--trainer.max_steps", "6")) == 0
    assert (tmp_path / "run" / "metrics_before_1.csv").exists()
    assert "max_steps: 6" in (tmp_path / "run" / "config.yaml").read_text()
    # So that the same command starts a run elsewhere and resumes this one.
    assert "ckpt_path: null" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.slow
def test_a_resumed_training_continues_its_wandb_run(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    assert train([*arguments, "--wandb", "offline"]) == 0
    assert train(from_folder(tmp_path, "--trainer.max_steps", "6")) == 0
    runs = sorted((tmp_path / "run" / "wandb").glob("offline-run-*"))
    assert len(runs) == 2
    assert len({path.name.split("-")[3] for path in runs}) == 1


def test_networks_are_compared_by_what_both_sides_know(tmp_path):
    known = {"network": {"encoder_width": 32, "expansion": 0}}
    check_network(tmp_path, known, SuperResolutionTask(ModelConfig()))
    check_network(tmp_path, {}, SuperResolutionTask(ModelConfig()))  # A checkpoint of an earlier version.
    with pytest.raises(ValueError, match="encoder_width 32, not 16"):
        check_network(tmp_path, known, SuperResolutionTask(ModelConfig(encoder_width=16)))
    # What the earlier version did not know was as it is by default.
    with pytest.raises(ValueError, match="keeps_tone False, not True"):
        check_network(tmp_path, known, SuperResolutionTask(ModelConfig(keeps_tone=True)))
    with pytest.raises(ValueError, match=r"holds an upscaler; resume with the config\.yaml"):
        check_network(tmp_path, known, AutoencoderTask(AutoencoderConfig(code=4, encoder_width=4, hidden=4)))


@pytest.mark.parametrize(
    ("steps", "epochs", "max_steps", "max_epochs", "finished"),
    [
        (4, 2, 4, -1, True),
        (4, 2, 5, -1, False),
        (4, 2, -1, 2, True),
        (4, 2, -1, 3, False),
        (4, 2, 9, 2, True),
        (4, 2, -1, None, False),
    ],
)
def test_a_run_is_finished_after_its_steps_or_its_epochs(steps, epochs, max_steps, max_epochs, finished):
    loops = {"fit_loop": {"epoch_progress": {"current": {"processed": epochs}}}}
    assert is_finished({"global_step": steps, "loops": loops}, max_steps, max_epochs) == finished


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--model.learning_rte", "1"], "model.learning_rate"),
        (["--data.val_cuont", "1"], "data.val_count"),
        (["--trainer.max_stpes", "1"], "trainer.max_steps"),
        (["--run_dri", "x"], "run_dir"),
        ({"model": {"network": {"encoder_widht": 8}}}, "model.network.encoder_width"),
        ({"data": {"scales": {"lwo": 1}}}, "data.scales.low"),
        ({"modle": {"loss": "l1"}}, "model.loss"),
    ],
)
def test_a_misspelt_key_names_the_one_that_was_meant(arguments, tmp_path, capsys, words, meant):
    if isinstance(words, dict):
        (tmp_path / "typo.yaml").write_text(json.dumps(words))
        words = ["--config", str(tmp_path / "typo.yaml")]
    assert train([*arguments, *words]) == 2
    assert f"did you mean {meant}?" in capsys.readouterr().err


def test_a_key_like_none_gets_no_suggestion(arguments, capsys):
    assert train([*arguments, "--qqq.zzz", "1"]) == 2
    assert "did you mean" not in capsys.readouterr().err
