"""Train from a file of configs/ where there is torch and lightning but no LightningCLI's extras (jsonargparse, wandb).

The same task, data, callbacks and checkpoints as `amortized-sr train`, which can resume what this has begun and the
other way round. Single settings are overridden as on its command line, one `name=value` each, the value as YAML.

    python scripts/train_plain.py configs/photo.yaml data.root=PHOTOS run_dir=runs/photo [ckpt_path=last]
"""

import argparse
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer, seed_everything

from amortized_sr.config import ModelConfig
from amortized_sr.data.datamodule import SuperResolutionData
from amortized_sr.data.pairs import ScaleRange
from amortized_sr.training.patience import Patience, PatientCheckpoints, PatientLog
from amortized_sr.training.run import TRAINER_SETTINGS, has_bfloat16, run_callbacks
from amortized_sr.training.task import SuperResolutionTask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("settings", nargs="*", metavar="name=value")
    arguments = parser.parse_args()
    config: dict[str, Any] = yaml.safe_load(arguments.config.read_text())
    for setting in arguments.settings:
        name, equals, value = setting.partition("=")
        if not equals:
            parser.error(f"a setting is name=value, such as trainer.max_steps=100, got {setting!r}")
        *folders, last = name.split(".")
        place = config
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = yaml.safe_load(value)
    run(config)


def run(config: dict[str, Any]) -> None:
    """Train as a configuration says."""
    seed = seed_everything(int(config.pop("seed_everything", 0)))
    run_dir = Path(config.pop("run_dir"))
    checkpoint = config.pop("ckpt_path", None)
    ema_decay = float(config.pop("ema_decay", 0.999))
    model, data, trainer = (config.pop(part) for part in ("model", "data", "trainer"))
    if config:
        raise ValueError(f"unknown settings {', '.join(config)}; a run has model, data, trainer, run_dir and ckpt_path")
    network = ModelConfig(**model.pop("network"))
    val_scales = tuple(model.pop("val_scales", (2, 3, 4)))
    task = SuperResolutionTask(network, val_scales=val_scales, **model)
    folders = {name: Path(data.pop(name)) for name in ("root", "val_root", "cache") if data.get(name)}
    scales = ScaleRange(**data.pop("scales", {}))
    food = SuperResolutionData(
        scales=scales, val_scales=val_scales, channels=network.channels, seed=seed, **folders, **data
    )
    last = run_dir / "checkpoints" / "last.ckpt"
    if checkpoint is None and last.exists():
        raise ValueError(f"{run_dir} holds a run already; resume it with ckpt_path=last, or choose another run_dir")
    if checkpoint == "last":
        checkpoint = str(last)
    trainer = {**TRAINER_SETTINGS, "precision": "bf16-mixed" if has_bfloat16("auto") else "32-true", **trainer}
    run_dir.mkdir(parents=True, exist_ok=True)
    patience = Patience()
    lightning = Trainer(
        callbacks=run_callbacks(run_dir, ema_decay, seed, patience),
        logger=PatientLog(patience, save_dir=run_dir.parent, name=run_dir.name, version=""),
        plugins=[PatientCheckpoints(patience)],
        **trainer,
    )
    lightning.fit(task, datamodule=food, ckpt_path=checkpoint, weights_only=True)
    if patience.missing:
        raise SystemExit(f"could not write {', '.join(patience.missing)}; make room and resume with ckpt_path=last")


if __name__ == "__main__":
    main()
