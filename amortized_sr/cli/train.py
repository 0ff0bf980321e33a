"""`amortized-sr train`."""

import typer


def train(context: typer.Context) -> None:
    """Train on MNIST or any folder of images: `train --config configs/mnist.yaml`; see `train --help`."""
    from amortized_sr.training.command import train as run

    raise typer.Exit(run(context.args))
