"""`amortized-sr train`, `validate` and `export`."""

from pathlib import Path
from typing import Annotated

import typer

from amortized_sr.choices import CheckpointWeights, ExportName
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
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="A .ckpt file of a run, a bundled name, or a weights file; default: photo-tiny."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File, or folder of graphs; default: named after MODEL."),
    ] = None,
    format_: Annotated[
        ExportName | None,
        typer.Option(
            "--format", help="Default: safetensors for a .ckpt, else onnx: graphs for programs without torch."
        ),
    ] = None,
    weights: Annotated[
        CheckpointWeights, typer.Option(help=".ckpt: the moving average of the weights, or those of the last step.")
    ] = "averaged",
    half: Annotated[bool, typer.Option("--half", help="safetensors: write half precision, half the size.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="onnx and hub: replace files of a folder that is not empty.")
    ] = False,
) -> None:
    """Write a checkpoint as a .safetensors, or a model as a folder of ONNX graphs or in the layout of the hub."""
    from amortized_sr.weights_header import DEFAULT_MODEL

    source = source or DEFAULT_MODEL
    is_checkpoint = source.endswith(".ckpt")
    wanted = format_ or ("safetensors" if is_checkpoint else "onnx")
    if is_checkpoint != (wanted == "safetensors"):
        remedy = "export it as safetensors first" if is_checkpoint else "choose onnx or hub, or give a .ckpt file"
        raise typer.BadParameter(f"--format {wanted} does not fit {source}; {remedy}")
    if not is_checkpoint and (half or weights != "averaged"):
        raise typer.BadParameter("--half and --weights are for a .ckpt file; leave them out")
    with failures_as_sentences(export):
        if is_checkpoint:
            typer.echo(_export_checkpoint(Path(source), output, weights, half))
        else:
            typer.echo(_export_folder(source, output, wanted, overwrite))


def _export_checkpoint(checkpoint: Path, output: Path | None, weights: CheckpointWeights, half: bool) -> str:
    import torch

    from amortized_sr.training.checkpoint import export_checkpoint

    written = output or checkpoint.with_suffix(".safetensors")
    export_checkpoint(checkpoint, written, weights, torch.float16 if half else torch.float32)
    kind = "averaged weights" if weights == "averaged" else "weights of the last step"
    return f"wrote {written}, the {kind}{' in half precision' if half else ''}"


def _export_folder(source: str, output: Path | None, format_: ExportName, overwrite: bool) -> str:
    from amortized_sr.weights import load_weights

    trained = load_weights(source)
    folder = output or Path(f"{Path(source).stem}-{format_}")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise typer.BadParameter(f"{folder} is not empty; --overwrite replaces files in it")
    if format_ == "hub":
        from amortized_sr.hub import save_folder

        save_folder(trained, folder)
        return f"{folder}  config.json, model.safetensors, README.md; try: amortized-sr info --model {folder}"
    try:
        from amortized_sr.export.folder import write_onnx_folder
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "onnxscript"):
            raise
        raise typer.BadParameter("graphs need the extra: pip install 'amortized-sr[export]'") from None
    paths = write_onnx_folder(trained, folder)
    size = sum(path.stat().st_size for path in paths)
    return f"{folder}  {len(paths)} files, {size / 1000:,.0f} kB; try: python {folder / 'run.py'} IN.png OUT.png 4"
