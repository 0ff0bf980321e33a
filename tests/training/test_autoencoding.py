"""What is special about training autoencoders: their mixture, their pictures, and what they refuse."""

import signal
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from PIL import Image
from safetensors.torch import load_file
from test_faults import with_callback
from torch.utils.data import DataLoader

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.mixture import GaussianMixture
from amortized_sr.training import autoencoder_pictures
from amortized_sr.training.autoencoder_pictures import AutoencoderPictures
from amortized_sr.training.autoencoding import AutoencoderTask
from amortized_sr.training.command import train, validate
from amortized_sr.training.retrying_writes import RetryingWrites
from amortized_sr.training.super_resolution import SuperResolutionTask
from amortized_sr.training.train_cli import find_task
from amortized_sr.weights import load_weights

SMALL = AutoencoderConfig(code=5, encoder_width=4, hidden=6, decoder_width=4, components=2)


@pytest.fixture
def task():
    return "autoencoder"


@pytest.fixture
def images(waves):
    return waves


@pytest.mark.slow
def test_the_mixture_of_all_training_codes_is_in_the_weights_and_in_the_last_checkpoint(
    arguments, images, tmp_path, capfd, cli
):
    run = tmp_path / "run"
    assert train([*arguments, "--model.learning_rate", "0.01"]) == 0
    shown = capfd.readouterr()
    assert "Warning" not in shown.out + shown.err
    trained = load_weights(run)
    assert f"try it: amortized-sr upscale IMAGE --scale 4 --model {trained.path}\n" in shown.out
    assert f"try it: amortized-sr sample --model {trained.path}\n" in shown.out
    assert set(trained.facts["metrics"]) == {"val/psnr", "val/psnr_28", "val/psnr_14", "val/psnr_7"}

    kept = np.random.default_rng(0).permutation(12)[:10]
    paths = sorted(images.iterdir())
    pixels = np.stack([np.asarray(Image.open(paths[index])) for index in kept])
    expected = GaussianMixture(2, 6)
    expected.fit(trained.model.encode(torch.from_numpy(pixels)[:, None].float() / 255), seed=0)

    for name, values in expected.state_dict().items():
        torch.testing.assert_close(trained.model.prior.state_dict()[name], values, atol=1e-4, rtol=1e-3)
    for weights in ("averaged", "last"):
        assert cli("export", run / "checkpoints" / "last.ckpt", "--weights", weights).code == 0
        assert load_weights(run / "checkpoints" / "last.safetensors").model.prior.is_fitted
    # From before the end, where the codes still moved.
    assert cli("export", run / "checkpoints" / "best.ckpt").code == 0
    assert not load_weights(run / "checkpoints" / "best.safetensors").model.prior.is_fitted


def test_codes_that_are_all_alike_have_a_mixture_too():
    mixture = GaussianMixture(3, 4)
    mixture.fit(torch.full((9, 4), 0.25), seed=0)
    torch.testing.assert_close(mixture.sample(5, 0), torch.full((5, 4), 0.25), atol=0.01, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("end", [["--trainer.max_steps", "8"], ["--trainer.max_steps=-1", "--trainer.max_epochs=4"]])
def test_a_finished_run_that_is_continued_has_no_mixture_until_its_new_end(arguments, tmp_path, monkeypatch, end):
    class Interrupt(Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            if trainer.global_step == 6:
                signal.raise_signal(signal.SIGINT)

    assert train(arguments) == 0
    first = load_file(tmp_path / "run" / "model.safetensors")
    longer = [*arguments, *end, "--ckpt_path", "last"]
    with monkeypatch.context() as patch:
        with_callback(patch, Interrupt())
        assert train(longer) == 130
    with pytest.raises(ValueError, match="this model has no distribution of codes; train it to the end"):
        load_weights(tmp_path / "run").model.prior.sample(1, 0)
    assert train(longer) == 0
    last = load_file(tmp_path / "run" / "model.safetensors")
    assert last["prior.share"].any()
    assert not torch.equal(last["prior.mean"], first["prior.mean"])


@pytest.mark.slow
def test_a_run_that_diverges_in_its_last_steps_has_no_mixture_and_says_so(arguments, tmp_path, capsys):
    assert train([*arguments, "--model.learning_rate", "1e30"]) == 1
    assert "error: the training images' codes hold NaN or infinity; lower the learning rate" in capsys.readouterr().err
    assert not load_file(tmp_path / "run" / "model.safetensors")["prior.share"].any()


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (
            ["--model.network.components", "11"],
            "10 training images are too few for a mixture of 11 Gaussians; lower components to at most 10, 0 for no "
            "mixture, or add images (--model.network.components)",
        ),
        (["--compare_every", "1"], "omit it for an autoencoder"),
        (["--data.scales.fixed_target", "false"], "set scales.fixed_target to true"),
        (["--data.crop_size", "20"], "scales.image_size and crop_size to 28, got 28 and 20"),
        (["--data.degradation.noise", "[0, 9]"], "omit degradation.noise and num_queries"),
        (["--data.num_queries", "9"], "omit degradation.noise and num_queries"),
        (["--data.shorter_side", "0"], "shorter_side must be at least 1, or null to shrink nothing, got 0"),
        (["--model.val_sides", "[29]"], "val_sides must be numbers of pixels from 1 to the frame's 28"),
        (["--model.network.finest_cell", "0.1"], "finest_cell must be at least 0.125"),
        (["--model.val_scales", "[2]"], "did you mean model.val_sides"),
        (["--task", "autoencodr"], "task must be upscaler or autoencoder, got 'autoencodr' (--task)"),
        (["--task"], "argument --task: expected one argument"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence_before_the_first_step(arguments, tmp_path, capsys, extra, sentence):
    assert train([*arguments, *extra]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("error: ")
    assert "Traceback" not in error
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_the_last_named_task_counts_wherever_it_is_named(tmp_path):
    named, other = tmp_path / "named.yaml", tmp_path / "other.yaml"
    named.write_text("task: autoencoder\n")
    other.write_text("seed_everything: 1\n")
    (tmp_path / "damaged.yaml").write_text("task: [autoencoder\n")
    (tmp_path / "list.yaml").write_text("task: [autoencoder]\n")
    for words in (
        ["--task", "autoencoder"],
        ["--task=autoencoder"],
        ["--config", str(named)],
        [f"--config={named}"],
        ["-c", str(named), "-c", str(other)],
        ["--task", "upscaler", "--config", str(named)],
        ["--trainer.max_steps", "3", "--task", "autoencoder", "--config", str(other)],
    ):
        assert find_task(words) is AutoencoderTask, words
    for words in ([], ["-c", str(named), "--task", "upscaler"], ["-c", str(tmp_path / "damaged.yaml")], ["-c", "none"]):
        assert find_task(words) is SuperResolutionTask, words
    with pytest.raises(ValueError, match="task must be upscaler or autoencoder"):
        find_task(["-c", str(tmp_path / "list.yaml")])


@pytest.mark.slow
def test_weights_are_validated_by_their_own_task_only(arguments, tmp_path, capsys, small_weights):
    run = tmp_path / "run"
    assert train(arguments) == 0
    capsys.readouterr()
    assert validate(["--config", str(run / "config.yaml")]) == 0
    lines = dict(line.rsplit(" ", 2)[:2] for line in capsys.readouterr().out.splitlines() if line.endswith(" dB"))
    logged = load_weights(run).facts["metrics"]
    assert {name: float(value) for name, value in lines.items()} == pytest.approx(logged, abs=0.006)
    assert validate(["--config", str(run / "config.yaml"), "--ckpt_path", str(small_weights)]) == 2
    assert "holds an upscaler; set --task upscaler" in capsys.readouterr().err


def test_images_of_other_sizes_are_brought_to_the_frame_by_their_middles():
    task, large = AutoencoderTask(SMALL), torch.rand(1, 1, 40, 31)
    assert torch.equal(task.framed(large), large[..., 6:34, 1:29])
    small = task.framed(torch.full((1, 1, 3, 9), 0.5))
    torch.testing.assert_close(small, torch.full((1, 1, 28, 28), 0.5))
    batches = [torch.randint(0, 256, (2, 1, 28, 28), dtype=torch.uint8), torch.zeros(1, 1, 40, 31, dtype=torch.uint8)]
    codes = task.codes(batches)
    assert codes.shape == (3, 5)
    torch.testing.assert_close(codes[:2], task.model.encode(batches[0] / 255))


@pytest.mark.parametrize(("count", "components"), [(9, 2), (1, 2), (9, 0)])
def test_pictures_show_reconstructions_a_morph_and_samples(tmp_path, monkeypatch, count, components):
    task = AutoencoderTask(AutoencoderConfig(**{**vars(SMALL), "components": components}), val_sides=(28, 7))
    torch.nn.init.normal_(task.model.decoder.last.weight, std=0.1)
    images, drawn = torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8), []

    def recorded(rows):
        drawn.extend(rows)
        return Image.new("L", (5, 5))

    monkeypatch.setattr(autoencoder_pictures, "captioned", recorded)
    loader = DataLoader(images.split(4), batch_size=None)
    trainer = Mock(
        Trainer, sanity_checking=False, is_global_zero=True, global_step=7, loggers=[], val_dataloaders=loader
    )
    with torch.no_grad():
        AutoencoderPictures(tmp_path, RetryingWrites(), seed=0).on_validation_epoch_start(trainer, task)

    assert (tmp_path / "samples" / "step_0000007.png").exists()
    shown, (large, *rest) = drawn[: min(count, 6)], drawn[min(count, 6) :]
    names = ["input 7", "bicubic 28", "model 28", "bicubic 7", "model 7", "target"]
    assert [[name for name, _ in row] for row in shown] == [names] * min(count, 6)
    assert {picture.size for row in shown for _, picture in row} == {(128, 128)}
    assert [(name, picture.size) for name, picture in large] == [("bicubic 28", (512, 512)), ("model 28", (512, 512))]
    targets = [np.asarray(dict(row)["target"].resize((28, 28), Image.Resampling.NEAREST)) for row in shown]
    assert (np.stack(targets) == images[:6, 0].numpy()).all()
    if count == 1:
        assert rest == []
        return
    morph, *samples = rest
    assert [len(row) for row in rest] == [8] * (3 if components else 1)
    # The morph begins and ends at what the model draws of the first two images.
    for (_, frame), row in zip((morph[0], morph[-1]), shown[:2], strict=True):
        difference = np.asarray(frame, int) - np.asarray(dict(row)["model 28"], int)
        assert abs(difference).max() <= 1
    assert len({picture.tobytes() for row in samples for _, picture in row}) == (16 if components else 0)
