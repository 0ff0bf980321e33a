"""Optional Weights & Biases logging: starts and finishes runs, logs tables and pictures.

A missing key or a server that cannot be reached never stops the work: the run becomes an offline one.
"""

import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from amortized_sr.choices import WandbMode
from amortized_sr.picture_tensor import tensor_to_picture

Run = Any
"""A run of wandb, whose own class would load it."""

_DATA_DIR = "WANDB_DATA_DIR"

# Limit of the delay of a run's start and end by an unreachable server, unless the environment sets another one.
_TIMEOUT_SECONDS = 20


def start_run(mode: WandbMode, folder: Path, settings: Mapping[str, Any], resume: bool = False) -> Run:
    """Return a wandb run with some settings as its configuration, or None if logging is disabled.

    Its files and its id go into `folder/wandb`; `resume` continues the run whose id is there. wandb's environment
    variables decide project, entity, tags, group and timeouts. A server that does not answer, or a missing key, makes
    the run an offline one, with a warning on stderr.
    """
    if mode == "disabled":
        return None
    import wandb
    from wandb.errors import Error

    home = folder / "wandb"
    home.mkdir(parents=True, exist_ok=True)
    # Without this variable, wandb stages the pictures of tables in the user's home folder.
    os.environ.setdefault(_DATA_DIR, str(home.absolute()))
    limits = wandb.Settings(silent=True)
    for name in ("init_timeout", "login_timeout", "finish_timeout"):
        setattr(limits, name, float(os.environ.get(f"WANDB_{name.upper()}", _TIMEOUT_SECONDS)))
    id_file = home / "run_id"
    chosen = id_file.read_text().strip() if resume and id_file.is_file() else None
    about = {
        "project": os.environ.get("WANDB_PROJECT") or "amortized_sr",
        "dir": str(folder),
        "config": dict(settings),
        "id": chosen,
        "resume": "allow" if chosen else None,
        "allow_val_change": bool(chosen),
        "settings": limits,
    }
    try:
        run = wandb.init(**about, mode=mode)
    except Error as error:
        reason = str(error).splitlines()[0]
        sys.stderr.write(f"warning: wandb is not reachable ({reason}); logging offline\n")
        run = wandb.init(**about, mode="offline")
    id_file.write_text(f"{run.id}\n")
    return run


def finish_run(run: Run, quiet: bool = False) -> None:
    """End a run, if there is one, and say on stderr where its files are; `quiet` reports problems only."""
    if run is None:
        return
    from wandb.errors import Error

    files = Path(run.dir).absolute().parent
    upload = f"upload it with: wandb sync {shlex.quote(str(files))}"
    try:
        run.finish()
    except (Error, TimeoutError) as error:
        sys.stderr.write(f"warning: wandb could not finish ({error}); the run is in {files}; {upload}\n")
    else:
        if not quiet:
            sys.stderr.write(f"wandb: the run is in {files}; {upload if run.offline else f'see {run.url}'}\n")
    if os.environ.get(_DATA_DIR) == str(files.parent):
        del os.environ[_DATA_DIR]


def log_table(run: Run, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Log records with the same fields as one table.

    Tensors are images `(1, channel, height, width)` in [0, 1]. A column without any value is left out.
    """
    import wandb

    columns = [column for column in rows[0] if any(row[column] is not None for row in rows)]
    cells = [[row[column] for column in columns] for row in rows]
    # As a picture, which has exactly the pixels of a PNG file: wandb would make a black one from a float array.
    data = [
        [wandb.Image(tensor_to_picture(cell)) if isinstance(cell, Tensor) else cell for cell in row] for row in cells
    ]
    run.log({name: wandb.Table(columns=[*columns], data=data)})


def log_means(run: Run, values: Iterable[tuple[str, float | None]]) -> None:
    """Log the mean of each name's values as the run's summary; unknown values are left out."""
    known: dict[str, list[float]] = {}
    for name, value in values:
        if value is not None:
            known.setdefault(name, []).append(value)
    for name, numbers in known.items():
        run.summary[name] = sum(numbers) / len(numbers)
