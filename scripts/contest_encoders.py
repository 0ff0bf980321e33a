"""Train encoders below the same head and field for the same processor time, and compare them on unseen photographs.

Protocol: the head, field, data and losses of configs/photo-tiny.yaml without expansion; every entry gets the same
processor time of one thread, in which its learning rate falls to zero. How many steps that is follows from the
processor time of a step, measured for all entries in turn. PSNR of luma in dB at x2, x3, x4 and x8 on the central
256x256 pixels of photographs, without a border of `scale` pixels, with averaged weights. Encoding: 256x256, one thread,
float32 and bfloat16, medians of runs in turn.

Each run adds one line to contest.jsonl in the output folder. Runs in this file are not repeated, so an interrupted
contest resumes, and several processes can share one file with `--only`.

    python scripts/contest_encoders.py --photos TRAIN --val VAL --out FOLDER [--seeds 2] [--seconds 240] [--only edsr]
    python scripts/contest_encoders.py --out FOLDER --report        # the table, in Markdown
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from contests import Clock, data_of, mean_psnr, photographs, read, trainer_of, write
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from amortized_sr.benchmark.machine import describe_machine
from amortized_sr.data.pairs import ScaleRange
from amortized_sr.encoders.base import Encoder
from amortized_sr.encoders.edsr import EDSR
from amortized_sr.encoders.hybrid import Hybrid
from amortized_sr.encoders.span import SPAN
from amortized_sr.layers import ResidualBlock
from amortized_sr.model import AmortizedSR
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.super_resolution import SuperResolutionTask

_SCALES = (2, 3, 4, 8)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")


def _even(planes: Tensor) -> Tensor:
    """Continue an image of odd sides by a row or column."""
    return functional.pad(planes, (0, planes.shape[-1] % 2, 0, planes.shape[-2] % 2), mode="replicate")


class Unshuffled(Encoder):
    """EDSR at half the resolution, and one convolution of the image at its own."""

    def __init__(self, planes: int, width: int, blocks: int, outputs: int = 32) -> None:
        super().__init__()
        self.out_channels = outputs
        self.receptive_radius = 2 * (2 * blocks + 2) + 1
        self.shallow = _convolution(planes, outputs)
        self.first = _convolution(4 * planes, width)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.last = _convolution(width, 4 * outputs)

    def forward(self, planes: Tensor) -> Tensor:
        """Return features with the image's own resolution."""
        rows, columns = planes.shape[-2:]
        first = self.first(functional.pixel_unshuffle(_even(planes), 2))
        deep = functional.pixel_shuffle(self.last(self.blocks(first) + first), 2)[..., :rows, :columns]
        return deep + self.shallow(planes)


class Wide(Encoder):
    """EDSR with wider activations inside blocks, whose second convolution begins at zero, so that it learns faster.

    References:
        Yu et al., "Wide Activation for Efficient and Accurate Image Super-Resolution", 2018.
        https://arxiv.org/abs/1808.08718
    """

    def __init__(self, planes: int, width: int, blocks: int, expansion: int, outputs: int = 32) -> None:
        super().__init__()
        self.out_channels = outputs
        self.receptive_radius = 2 * blocks + 2
        self.first = _convolution(planes, width)
        self.blocks = nn.ModuleList()
        for _ in range(blocks):
            block = nn.Sequential(
                _convolution(width, expansion * width), nn.ReLU(), _convolution(expansion * width, width)
            )
            for parameter in block[-1].parameters():
                nn.init.zeros_(parameter)
            self.blocks.append(block)
        self.last = _convolution(width, outputs)
        self.shallow = nn.Conv2d(width, outputs, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Return features with the image's own resolution."""
        shallow = features = self.first(planes)
        for block in self.blocks:
            features = features + block(features)
        return self.last(features) + self.shallow(shallow)


@dataclass(frozen=True)
class _Entry:
    """An encoder of three planes, and the peak learning rate that suits it."""

    build: Callable[[], Encoder]
    learning_rate: float = 1e-3


_ENTRIES = {
    "edsr 32x6": _Entry(lambda: EDSR(3, 32, 6)),
    "edsr 48x8": _Entry(lambda: EDSR(3, 48, 8)),
    "edsr 32x6, rate 2e-3": _Entry(lambda: EDSR(3, 32, 6), 2e-3),
    "span 32x4": _Entry(lambda: SPAN(3, 32, 4)),
    "unshuffle 60x6": _Entry(lambda: Unshuffled(3, 60, 6)),
    "unshuffle 60x6, rate 2e-3": _Entry(lambda: Unshuffled(3, 60, 6), 2e-3),
    "hybrid 32x4, 64x4": _Entry(lambda: Hybrid(3, 32, 4, 64, 4)),
    "hybrid 48x2, 64x4": _Entry(lambda: Hybrid(3, 48, 2, 64, 4)),
    "wide 24x5, x3": _Entry(lambda: Wide(3, 24, 5, 3)),
    "wide 24x5, x3, rate 4e-3": _Entry(lambda: Wide(3, 24, 5, 3), 4e-3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder with photographs to train on")
    parser.add_argument("--val", type=Path, help="folder with photographs to measure on")
    parser.add_argument("--out", type=Path, required=True, help="folder for contest.jsonl and the decoded photographs")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each entry")
    parser.add_argument("--seconds", type=float, default=240.0, help="budget in processor time")
    parser.add_argument("--only", nargs="*", default=[], help="only entries whose name begins like one of these")
    parser.add_argument("--report", action="store_true", help="print the table of all runs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    journal = arguments.out / "contest.jsonl"
    if arguments.report:
        print(_report(read(journal)))
        return
    if not (arguments.photos and arguments.val):
        parser.error("a contest needs --photos and --val")
    arguments.out.mkdir(parents=True, exist_ok=True)
    photos = photographs(arguments.val)
    if not any(row["kind"] == "pace" for row in read(journal)):
        rounds = [
            {name: _train(entry, 30, 0, arguments, 10)[1] / 20 for name, entry in _ENTRIES.items()} for _ in range(2)
        ]
        for name in _ENTRIES:
            pace = min(times[name] for times in rounds)
            write(journal, {"kind": "pace", "name": name, "seconds": pace, "machine": describe_machine()})
    paces = {row["name"]: row["seconds"] for row in read(journal) if row["kind"] == "pace"}
    for seed in range(arguments.seeds):
        for name, entry in _ENTRIES.items():
            if arguments.only and not name.startswith(tuple(arguments.only)):
                continue
            if any((row["name"], row.get("seed")) == (name, seed) for row in read(journal)):
                continue
            steps = round(arguments.seconds / paces[name])
            model, seconds = _train(entry, steps, seed, arguments)
            ratios = {f"x{scale}": mean_psnr(model, photos, scale) for scale in _SCALES}
            row = {"kind": "run", "name": name, "seed": seed, "steps": steps, "seconds": round(seconds, 1)}
            write(journal, {**row, "psnr": ratios, "machine": describe_machine()})


def _model(entry: _Entry) -> AmortizedSR:
    """Return a fresh model with the entry's encoder."""
    encoder = entry.build()
    model = build_model(_config(encoder))
    model.encoder = encoder
    return model


def _config(encoder: Encoder) -> ModelConfig:
    """Return photo-tiny's configuration with as many features as an encoder has."""
    return ModelConfig(encoder_width=encoder.out_channels, mean=0.44, deviation=0.27)


class _Average(Callback):
    """Averages the weights as training does."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin with the first weights."""
        assert isinstance(pl_module, SuperResolutionTask)
        self.average = AveragedModel(pl_module.model, multi_avg_fn=get_ema_multi_avg_fn(0.998))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Add the weights of a step."""
        assert isinstance(pl_module, SuperResolutionTask)
        self.average.update_parameters(pl_module.model)


def _train(
    entry: _Entry, steps: int, seed: int, arguments: argparse.Namespace, warm: int = 0
) -> tuple[AmortizedSR, float]:
    """Return a model with averaged weights, and the processor time of its steps after the first `warm` ones."""
    seed_everything(seed, verbose=False)
    encoder = entry.build()
    task = SuperResolutionTask(
        _config(encoder), learning_rate=entry.learning_rate, warmup_steps=min(200, steps // 4), final_share=0.4
    )
    task.model.encoder = encoder
    task.model.to(memory_format=torch.channels_last)
    scales = ScaleRange(low=1.0, high=4.0, image_size=24, far=8.0, far_share=0.3, same_share=0.03, shrink=2.0)
    data = data_of(arguments, scales, steps, seed)
    clock, average = Clock(warm), _Average()
    trainer = trainer_of(steps, clock, average)
    trainer.fit(task, datamodule=data)
    model = average.average.module
    assert isinstance(model, AmortizedSR)
    return model.eval(), clock.seconds


@torch.inference_mode()
def _encoding_ms(precision: torch.dtype) -> dict[str, float]:
    """Return the median time of encoding 256x256 pixels with each entry, in turn."""
    models = {name: _model(entry).eval().to(precision) for name, entry in _ENTRIES.items()}
    image = torch.rand(1, 3, 256, 256).to(precision)
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(8):
        for name, model in models.items():
            begin = time.perf_counter()
            model.encode(image)
            times[name].append(1000 * (time.perf_counter() - begin))
    return {name: statistics.median(several[1:]) for name, several in times.items()}


def _report(rows: list[dict[str, Any]]) -> str:
    """Return the table: means over the seeds and, behind the scales' mean, half the range of the seeds."""
    scales = [f"x{scale}" for scale in _SCALES]
    columns = ["encoder", "parameters", "fp32 ms", "bf16 ms", "runs", "steps", *scales, "mean"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    slow, fast = _encoding_ms(torch.float32), _encoding_ms(torch.bfloat16)
    for name, entry in _ENTRIES.items():
        runs = [row for row in rows if row["kind"] == "run" and row["name"] == name]
        if not runs:
            continue
        means = [statistics.fmean(run["psnr"].values()) for run in runs]
        parameters = sum(parameter.numel() for parameter in _model(entry).parameters())
        cells = [f"`{name}`", f"{parameters:,}", f"{slow[name]:.0f}", f"{fast[name]:.0f}", len(runs)]
        cells += [f"{statistics.fmean(run['steps'] for run in runs):,.0f}"]
        cells += [f"{statistics.fmean(run['psnr'][scale] for run in runs):.2f}" for scale in scales]
        cells.append(f"{statistics.fmean(means):.2f} ± {(max(means) - min(means)) / 2:.2f}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", *sorted({row["machine"] for row in rows} | {describe_machine()})])


if __name__ == "__main__":
    main()
