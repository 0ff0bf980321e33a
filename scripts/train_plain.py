"""Train from a file of configs/ without the libraries of the command line (jsonargparse, typer, wandb, torchvision).

What it needs: torch, lightning, jaxtyping, numpy, pillow, safetensors; from a copy of the repository, where nothing is
installed. The same task, data, callbacks and checkpoints as `amortized-sr train`, which can resume what this has
begun and the other way round. Single settings are overridden as on its command line, one `name=value` each, the value
as YAML. Exit codes: 0 done, 1 diverged or disk full, 2 usage.

    PYTHONPATH=. python scripts/train_plain.py configs/photo.yaml data.root=PHOTOS run_dir=runs/photo [ckpt_path=last]
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer, seed_everything

from amortized_sr.data.datamodule import SuperResolutionData
from amortized_sr.data.pairs import ScaleRange
from amortized_sr.image_io import ImageError
from amortized_sr.model_config import ModelConfig
from amortized_sr.training.callbacks import TrainingDivergedError
from amortized_sr.training.patience import Patience, PatientCheckpoints, PatientLog
from amortized_sr.training.run import (
    TRAINER_SETTINGS,
    check_trainer,
    find_checkpoint,
    has_bfloat16,
    keep_log,
    run_callbacks,
)
from amortized_sr.training.task import SuperResolutionTask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("settings", nargs="*", metavar="name=value")
    arguments = parser.parse_args()
    try:
        fit = prepare(_read(arguments.config, arguments.settings))
    # What is built from a configuration complains in these ways about names, kinds and choices that it does not know.
    except (TypeError, AttributeError, AssertionError) as error:
        _end(f"the configuration does not fit: {error}", 2)
    except (MisconfigurationException, OSError, ValueError, yaml.YAMLError) as error:
        _end(error, 2)
    # As in the command line: only what is known to be the user's, and the traceback of a mistake of ours is seen.
    try:
        fit()
    except (TrainingDivergedError, OSError) as error:
        _end(error, 1)
    except (ImageError, MisconfigurationException) as error:
        _end(error, 2)


def prepare(config: dict[str, Any]) -> Callable[[], None]:
    """Return the training that a configuration describes.

    Raises:
        ValueError: If it makes no sense.
    """
    written = yaml.safe_dump(config, sort_keys=False)
    missing = {"model", "data", "trainer", "run_dir"} - config.keys()
    if missing:
        raise ValueError(f"the configuration has no {', '.join(sorted(missing))}; give a file of configs/")
    seed = seed_everything(int(config.pop("seed_everything", 0)))
    run_dir = Path(config.pop("run_dir"))
    chosen = config.pop("ckpt_path", None)
    ema_decay = float(config.pop("ema_decay", 0.999))
    model, data, trainer = (config.pop(part) for part in ("model", "data", "trainer"))
    if config:
        raise ValueError(f"unknown settings {', '.join(config)}; a run has model, data, trainer, run_dir and ckpt_path")
    task, food = _build(model, data, seed)
    check_trainer(trainer.get("max_steps", -1), trainer.get("max_epochs"), trainer.pop("logger", None))
    checkpoint = find_checkpoint(run_dir, chosen)
    precision = "bf16-mixed" if has_bfloat16(str(trainer.get("accelerator", "auto"))) else "32-true"
    patience = Patience()
    lightning = Trainer(
        callbacks=run_callbacks(run_dir, ema_decay, seed, patience),
        logger=PatientLog(patience, save_dir=run_dir.parent, name=run_dir.name, version=""),
        plugins=[PatientCheckpoints(patience)],
        **{**TRAINER_SETTINGS, "precision": precision, **trainer},
    )

    def fit() -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        keep_log(run_dir)
        (run_dir / "config.yaml").write_text(written)
        lightning.fit(task, datamodule=food, ckpt_path=checkpoint, weights_only=True)
        if patience.missing:
            _end(f"could not write {', '.join(patience.missing)}; make room and resume with ckpt_path=last", 1)

    return fit


def _end(error: object, code: int) -> NoReturn:
    # Settings have no dashes here; a file's name may.
    said = re.sub(r"(^|\s)--(?=[a-z])", r"\1", str(error))
    sys.stderr.write(f"error: {said}\n")
    raise SystemExit(code)


def _read(path: Path, settings: list[str]) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"a setting is name=value, such as trainer.max_steps=100, got {setting!r}")
        *folders, last = name.split(".")
        place = config
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = _parse(value)
    return config


def _build(model: dict[str, Any], data: dict[str, Any], seed: int) -> tuple[SuperResolutionTask, SuperResolutionData]:
    network = ModelConfig(**model.pop("network"))
    val_scales = tuple(model.pop("val_scales", (2, 3, 4)))
    task = SuperResolutionTask(network, val_scales=val_scales, **model)
    folders = {name: Path(data.pop(name)) for name in ("root", "val_root", "cache") if data.get(name)}
    scales = ScaleRange(**data.pop("scales", {}))
    food = SuperResolutionData(
        scales=scales, val_scales=val_scales, channels=network.channels, seed=seed, **folders, **data
    )
    return task, food


def _parse(text: str) -> Any:  # noqa: ANN401 (YAML)
    """Return a value; unlike YAML 1.1, 1e-3 is a number."""
    value = yaml.safe_load(text)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


if __name__ == "__main__":
    main()
