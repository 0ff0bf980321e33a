"""Train fields with the same small encoder, data and budget, and compare them on photographs that none has seen.

Measured is the PSNR of luma on the central 256x256 pixels, without a border of `scale` pixels.

Two budgets. `steps`: every entry takes the same number of steps and supervises the same random pixels of the same
crops. `time`: every entry gets the same processor time and the supervision that suits it: all pixels of a crop for
fields that render grids fast, random pixels for the others. The number of steps follows from the processor time of a
step. It is measured once, for all entries in alternation, so that other work on the machine slows all of them alike.

Each run adds one line to contest.jsonl in the output folder. Runs in this file are not repeated, so an interrupted
contest resumes, and several processes can share one file with `--only`.

    python scripts/contest_fields.py --photos TRAIN --val VAL --out FOLDER [--seeds 3] [--steps 1000] [--only hyper]
    python scripts/contest_fields.py --out FOLDER --report        # the tables, in Markdown

The report measures the costs of a model, which do not depend on its weights: multiply-adds, and milliseconds from
128x128 to 512x512, the better of two rounds, because the first rendering pays for the memory of a fresh process.
"""

import argparse
import dataclasses
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from contests import Clock, Interpolated, data_of, mean_psnr, photographs, read, trainer_of, write
from lightning.pytorch import seed_everything

from amortized_sr.benchmark.machine import describe_machine, multiply_adds
from amortized_sr.data.pairs import ScaleRange
from amortized_sr.model import AmortizedSR
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.super_resolution import SuperResolutionTask

_SCALES = (2, 3, 4, 6, 8, 12)


@dataclasses.dataclass(frozen=True)
class _Entry:
    """What is trained and how: `queries` random pixels of each crop are supervised, or all of them (0)."""

    config: ModelConfig
    learning_rate: float = 1e-3
    queries: int = 512

    def replace(self, **changes: Any) -> "_Entry":  # noqa: ANN401 (whatever ModelConfig has)
        """Return the entry with another configuration."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, **changes))


# 25 functions for each pair of axes: 1, two cosines and two sines, squared.
_BASE = _Entry(
    ModelConfig(
        encoder_width=24,
        encoder_blocks=3,
        head_width=48,
        frequencies=2,
        functions=25,
        field_width=64,
        field_depth=3,
        finest_cell=0.125,
        mean=0.44,
        deviation=0.27,
    )
)

_FIELDS = {
    "hyper": _BASE,
    "learned": _BASE.replace(field="learned"),
    "film": _BASE.replace(field="film"),
    "concat": _BASE.replace(field="concat", field_width=128),
}
_NUMBERS = {
    "hyper, K = 9": _BASE.replace(frequencies=1),
    "hyper, K = 49": _BASE.replace(frequencies=3),
    "hyper, K = 121": _BASE.replace(frequencies=5),
    "learned, K = 9": _FIELDS["learned"].replace(functions=9),
    "learned, K = 49": _FIELDS["learned"].replace(functions=49),
    "learned, K = 121": _FIELDS["learned"].replace(functions=121),
}
_VARIANTS = {
    "concat, 1 neighbour": _FIELDS["concat"].replace(neighbors=1),
    "concat, LIIF's size": _FIELDS["concat"].replace(field_width=256, field_depth=4),
    "hyper, 1 neighbour": _BASE.replace(neighbors=1),
    "hyper, point": _BASE.replace(footprint="point"),
    "hyper, box": _BASE.replace(footprint="box"),
    "hyper, bilinear skip": _BASE.replace(skip="bilinear"),
    # Two blocks of three convolutions and a merge cost what EDSR's three blocks of two and its last one do.
    "hyper, span encoder": _BASE.replace(encoder="span", encoder_blocks=2),
}
_SLOWER = {
    f"{name}, rate 3e-4": dataclasses.replace(entry, learning_rate=3e-4)
    for name, entry in {**_FIELDS, "concat, 1 neighbour": _VARIANTS["concat, 1 neighbour"]}.items()
}
# As many as LIIF supervises.
_MORE = {"concat, 1 neighbour, 2304 pixels": dataclasses.replace(_VARIANTS["concat, 1 neighbour"], queries=2304)}

# Fields that draw grids fast supervise all pixels.
_TIMED = {
    name: dataclasses.replace(entry, queries=0) if entry.config.field == "hyper" else entry
    for name, entry in {
        **_FIELDS,
        **{name: _VARIANTS[name] for name in ("concat, 1 neighbour", "hyper, span encoder")},
    }.items()
}
_CONTESTS = (
    ("steps", _FIELDS),
    ("time", _TIMED),
    ("steps", _VARIANTS),
    ("steps", _SLOWER | _MORE),
    ("steps", _NUMBERS),
)

_ENTRIES = {name: entry for _, entries in _CONTESTS for name, entry in entries.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder with photographs to train on")
    parser.add_argument("--val", type=Path, help="folder with photographs to measure on")
    parser.add_argument("--out", type=Path, required=True, help="folder for contest.jsonl and the decoded photographs")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each entry")
    parser.add_argument("--steps", type=int, default=1000, help="budget of the first contest")
    parser.add_argument("--seconds", type=float, default=120.0, help="budget of the second, in processor time")
    parser.add_argument("--only", nargs="*", default=[], help="only entries whose name begins like one of these")
    parser.add_argument("--report", action="store_true", help="print the tables of all runs")
    arguments = parser.parse_args()
    journal = arguments.out / "contest.jsonl"
    if arguments.report:
        print(_report(read(journal)))
        return
    if not (arguments.photos and arguments.val):
        parser.error("a contest needs --photos and --val")
    arguments.out.mkdir(parents=True, exist_ok=True)
    photos = photographs(arguments.val)
    for name in ("bicubic", "lanczos"):
        if not any(row["name"] == name for row in read(journal)):
            ratios = {f"x{scale}": mean_psnr(Interpolated(name), photos, scale) for scale in _SCALES}
            write(journal, {"name": name, "budget": "none", "seed": 0, "psnr": ratios, "machine": describe_machine()})
    if not any(row["budget"] == "pace" for row in read(journal)):
        for name, seconds in _paces(arguments).items():
            write(journal, {"name": name, "budget": "pace", "seconds": seconds, "machine": describe_machine()})
    paces = {row["name"]: row["seconds"] for row in read(journal) if row["budget"] == "pace"}
    for seed in range(arguments.seeds):
        for budget, entries in _CONTESTS:
            for name, entry in entries.items():
                if arguments.only and not name.startswith(tuple(arguments.only)):
                    continue
                if any((row["name"], row["budget"], row.get("seed")) == (name, budget, seed) for row in read(journal)):
                    continue
                steps = arguments.steps if budget == "steps" else round(arguments.seconds / paces[name])
                row = {"name": name, "budget": budget, "seed": seed, **_run(entry, steps, seed, arguments, photos)}
                write(journal, row)


def _paces(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the processor time of a step of each timed entry: the better of two rounds of 50 steps each."""
    rounds = [
        {name: _train(entry, 60, 0, arguments, warm=10)[1] / 50 for name, entry in _TIMED.items()} for _ in range(2)
    ]
    return {name: min(times[name] for times in rounds) for name in _TIMED}


def _run(
    entry: _Entry, steps: int, seed: int, arguments: argparse.Namespace, photos: list[torch.Tensor]
) -> dict[str, Any]:
    """Train one entry and return its measurements."""
    model, seconds, trained = _train(entry, steps, seed, arguments)
    return {
        "steps": trained,
        "seconds": round(seconds, 1),
        "queries": entry.queries,
        "psnr": {f"x{scale}": mean_psnr(model, photos, scale) for scale in _SCALES},
        "machine": describe_machine(),
    }


def _train(
    entry: _Entry, steps: int, seed: int, arguments: argparse.Namespace, warm: int = 0
) -> tuple[AmortizedSR, float, int]:
    """Return a model, the processor time of its steps after the first `warm` ones, and the number of all."""
    seed_everything(seed, verbose=False)
    task = SuperResolutionTask(entry.config, learning_rate=entry.learning_rate, warmup_steps=100)
    scales = ScaleRange(low=1.0, high=4.0, image_size=24, far=8.0, far_share=0.15, same_share=0.05, shrink=2.0)
    data = data_of(arguments, scales, steps, seed, entry.queries)
    clock = Clock(warm)
    trainer = trainer_of(steps, clock)
    trainer.fit(task, datamodule=data)
    return task.model.eval(), clock.seconds, trainer.global_step


@torch.no_grad()
def _costs(model: AmortizedSR) -> dict[str, float]:
    """Return parameters, multiply-adds per input and per output pixel at scale 4, and milliseconds of 128 to 512."""
    image = torch.rand(1, 3, 128, 128)
    function = model.encode(image)
    times: list[float] = []
    while len(times) < 4 or sum(times) < 0.3:
        begin = time.perf_counter()
        function.render((512, 512))
        times.append(time.perf_counter() - begin)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "per_input": multiply_adds(lambda: model.encode(image)) / 128**2,
        "per_output": multiply_adds(lambda: function.render((512, 512))) / 512**2,
        "render_ms": 1000 * statistics.median(times[1:]),
    }


def _report(rows: list[dict[str, Any]]) -> str:
    """Return one table per budget, means over seeds and, behind the scales' mean, half the range of the seeds."""
    scales = [f"x{scale}" for scale in _SCALES]
    lines = ["### Interpolation", "", f"| | {' | '.join(scales)} | mean |", "|---" * (len(scales) + 2) + "|"]
    for row in (row for row in rows if row["budget"] == "none"):
        values = [row["psnr"][scale] for scale in scales]
        lines.append(
            f"| {row['name']} | " + " | ".join(f"{value:.2f}" for value in (*values, statistics.fmean(values))) + " |"
        )
    lines.append("")
    judged = {row["name"] for row in rows if row["budget"] in ("steps", "time")}
    rounds = [
        {name: _costs(build_model(entry.config).eval()) for name, entry in _ENTRIES.items() if name in judged}
        for _ in range(2)
    ]
    costs = {name: min((costs[name] for costs in rounds), key=lambda cost: cost["render_ms"]) for name in rounds[0]}
    for budget, title in (("steps", "Equal steps"), ("time", "Equal processor time")):
        chosen = [row for row in rows if row["budget"] == budget]
        names = [name for name in _ENTRIES if any(row["name"] == name for row in chosen)]
        columns = ["entry", "runs", "steps", "s", "parameters", "per input", "per output", "ms"]
        columns += [*scales, "mean"]
        lines += [f"### {title}", "", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
        for name in names:
            runs = [row for row in chosen if row["name"] == name]
            means = [statistics.fmean(run["psnr"].values()) for run in runs]

            steps = sorted(run["steps"] for run in runs)
            counted = f"{steps[0]:,}" if steps[0] == steps[-1] else f"{steps[0]:,} to {steps[-1]:,}"
            cells = [f"`{name}`", len(runs), counted, f"{statistics.fmean(run['seconds'] for run in runs):.0f}"]
            cells += [f"{costs[name][key]:,.0f}" for key in ("parameters", "per_input", "per_output", "render_ms")]
            cells += [f"{statistics.fmean(run['psnr'][scale] for run in runs):.2f}" for scale in scales]
            spread = f" ± {(max(means) - min(means)) / 2:.2f}" if len(runs) > 1 else ""
            cells.append(f"{statistics.fmean(means):.2f}{spread}")
            lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
        lines.append("")
    lines += sorted({row["machine"] for row in rows} | {describe_machine()})
    return "\n".join(lines)


if __name__ == "__main__":
    main()
