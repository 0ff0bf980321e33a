"""`amortized-sr train`, `validate` and `export`."""

from pathlib import Path
from typing import Annotated

import typer

from amortized_sr.choices import CheckpointWeights
from amortized_sr.cli.exit_codes import failures_as_sentences


def train(context: typer.Context) -> None:
    """Train on MNIST or any folder of images: `train --config configs/mnist.yaml`; see `train --help`."""
    from amortized_sr.training.command import train as run

    raise typer.Exit(run(context.args))


def validate(context: typer.Context) -> None:
    """Measure a run's weights on its validation images: `validate --config RUN/config.yaml`; see `validate --help`."""
    from amortized_sr.training.command import validate as run

    raise typer.Exit(run(context.args))


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A .ckpt file of a run.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: the checkpoint's name with .safetensors.")
    ] = None,
    weights: Annotated[
        CheckpointWeights, typer.Option(help="The moving average of the weights, or those of the last step.")
    ] = "averaged",
    half: Annotated[bool, typer.Option("--half", help="Write half precision: half the size.")] = False,
) -> None:
    """Write the weights of a training checkpoint as a .safetensors."""
    with failures_as_sentences(export):
        import torch

        from amortized_sr.training.checkpoint import export_checkpoint

        written = output or checkpoint.with_suffix(".safetensors")
        export_checkpoint(checkpoint, written, weights, torch.float16 if half else torch.float32)
    kind = "averaged weights" if weights == "averaged" else "weights of the last step"
    typer.echo(f"wrote {written}, the {kind}{' in half precision' if half else ''}")
