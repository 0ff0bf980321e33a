"""wandb, for whoever asks for it: the only place that knows how it wants its pictures.

A server that cannot be reached, or a missing key, does not stop a run: it becomes an offline one.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import WandbMode
from amortized_sr.picture_tensor import tensor_to_picture

_DATA_DIR = "WANDB_DATA_DIR"

# How long an unreachable server may keep a run from beginning, and from ending.
_PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Comparison:
    """One image, and what several methods made of it.

    Attributes:
        name: The image's name.
        image: The input, `(1, channel, height, width)` in [0, 1].
        target: The truth, if there is one.
        drawn: Each method's picture.
        numbers: Each method's measurements by name, such as PSNR in dB.
    """

    name: str
    image: Tensor
    target: Tensor | None
    drawn: Mapping[str, Tensor]
    numbers: Mapping[str, Mapping[str, float | None]]


def start_run(mode: WandbMode, folder: Path, settings: Mapping[str, Any], resume: bool = False) -> Any:  # noqa: ANN401 (wandb's own class)
    """Return a wandb run that writes below `folder`, or None if that is disabled.

    A server that does not answer, or a missing key, makes the run an offline one, and says so on stderr.
    """
    if mode == "disabled":
        return None
    import wandb
    from wandb.errors import Error

    (folder / "wandb").mkdir(parents=True, exist_ok=True)
    # Pictures of tables wait for their upload in a folder of the user's, unless they are told to stay with the run.
    os.environ.setdefault(_DATA_DIR, str(folder.absolute() / "wandb"))
    limits = wandb.Settings(init_timeout=_PATIENCE_SECONDS, login_timeout=_PATIENCE_SECONDS, silent=True)
    limits.finish_timeout = _PATIENCE_SECONDS
    known = folder / "wandb_run_id"
    project = {"project": "amortized_sr", "dir": str(folder), "config": dict(settings)}
    project |= {"id": known.read_text() if resume and known.exists() else None, "resume": "allow" if resume else None}
    try:
        run = wandb.init(**project, mode=mode, settings=limits)
    except Error as error:
        reason = str(error).splitlines()[0]
        sys.stderr.write(f"warning: wandb is not reachable ({reason}); logging offline, see `wandb sync` for later\n")
        run = wandb.init(**project | {"id": None, "resume": None}, mode="offline", settings=limits)
    known.write_text(run.id)
    return run


def wandb_image(image: Float[Tensor, "1 channel height width"]) -> Any:  # noqa: ANN401 (wandb's own class)
    """Return values in [0, 1] as a picture for wandb, pixel by pixel what a PNG file would hold.

    From a float array wandb would make a black picture.
    """
    import wandb

    return wandb.Image(tensor_to_picture(image))


def log_comparisons(run: Any, comparisons: Sequence[Comparison], name: str = "comparison") -> None:  # noqa: ANN401
    """Log one table of comparisons, a row per image, and each method's means as the run's summary.

    Columns: `image`, `input`, each method's picture, `target`, and `METHOD NUMBER` for each number.
    """
    import wandb

    methods = list(comparisons[0].drawn)
    numbers = list(dict.fromkeys(number for one in comparisons for method in methods for number in one.numbers[method]))
    columns = ["image", "input", *methods, "target"]
    columns += [f"{method} {number}" for method in methods for number in numbers]
    table = wandb.Table(columns=[*columns])
    for one in comparisons:
        pictures = [wandb_image(one.image), *(wandb_image(one.drawn[method]) for method in methods)]
        target = None if one.target is None else wandb_image(one.target)
        values = [one.numbers[method].get(number) for method in methods for number in numbers]
        table.add_data(one.name, *pictures, target, *values)
    run.log({name: table})
    for method in methods:
        for number in numbers:
            known = [value for one in comparisons if (value := one.numbers[method].get(number)) is not None]
            if known:
                run.summary[f"{method}/{number}"] = sum(known) / len(known)


def log_rows(
    run: Any,  # noqa: ANN401 (wandb's own class)
    rows: Sequence[Mapping[str, Any]],
    by: Sequence[str],
    means: Sequence[str],
) -> None:
    """Log records of one kind as a table, and means of some columns over the rows that share others as the summary."""
    import wandb

    columns = list(rows[0])
    run.log({"rows": wandb.Table(columns=[*columns], data=[[row[column] for column in columns] for row in rows])})
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault("/".join(str(row[column]) for column in by), []).append(row)
    for name, some in groups.items():
        for column in means:
            known = [row[column] for row in some if row[column] is not None]
            if known:
                run.summary[f"{name}/{column}"] = sum(known) / len(known)


def finish_run(run: Any) -> None:  # noqa: ANN401 (wandb's own class)
    """End a run of `start_run`; a server that has gone away meanwhile is reported and otherwise ignored."""
    if run is None:
        return
    from wandb.errors import Error

    try:
        run.finish()
    except (Error, TimeoutError) as error:
        sys.stderr.write(f"warning: wandb could not finish ({error}); its files are in {run.dir}\n")
    if os.environ.get(_DATA_DIR) == str(Path(run.dir).absolute().parents[1]):
        del os.environ[_DATA_DIR]
