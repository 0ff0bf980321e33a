"""`amortized-sr fit`."""

import json
import math
import time
from pathlib import Path
from typing import Annotated

import typer

from amortized_sr.choices import FitCoords, NetworkName
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OutputOption, OverwriteOption, QuietOption, checked_output, create_folder
from amortized_sr.cli.target import HeightOption, LongestOption, ScaleOption, SizeOption, WidthOption, parse_target

_ANIMATIONS = (".gif", ".webp", ".png")


def fit(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image file.")],
    output: OutputOption = None,
    scale: ScaleOption = None,
    size: SizeOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    longest: LongestOption = None,
    network: Annotated[NetworkName, typer.Option(help="Kind of coordinate network.")] = "siren",
    coords: Annotated[
        FitCoords, typer.Option(help="Coordinates that the network sees; own: (y, x) in [-1, 1].")
    ] = "own",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Largest number of full-batch steps; default: the network's.")
    ] = None,
    target_psnr: Annotated[
        float | None, typer.Option(help="Stop at this PSNR on the image's own pixels, in dB.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after this time.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate; default: the network's.")] = None,
    region: Annotated[
        int, typer.Option(min=1, help="Supervise the mean of N x N points of each pixel instead of its centre.")
    ] = 2,
    seed: Annotated[int, typer.Option(help="Decides the initial weights.")] = 0,
    frames: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Animation of the training: .gif, .webp or .png.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the function as .safetensors, for `render`.")
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Train a coordinate network on one image, the older method, and render it at any size."""
    target = parse_target(scale, size, width, height, longest)
    if frames is not None and frames.suffix.lower() not in _ANIMATIONS:
        raise typer.BadParameter(f"--frames must end in {' '.join(_ANIMATIONS)}, got {frames}")
    if save is not None and save.suffix != ".safetensors":
        raise typer.BadParameter(f"--save must end in .safetensors, got {save}")
    path = checked_output(output, image, f"{image.stem}_{network}_{target.label}.png", overwrite, frames, save)

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from amortized_sr.baselines import fitting
    from amortized_sr.baselines.storage import save_fitted
    from amortized_sr.baselines.training_animation import TrainingAnimation
    from amortized_sr.image_io import check_output, read_picture, write_picture
    from amortized_sr.metrics import psnr
    from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

    try:
        normalization = None if coords == "own" else coords
        settings = fitting.FitSettings(network, normalization, steps, learning_rate, target_psnr, seconds, region, seed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with failures_as_sentences(fit):
        picture = read_picture(image)
        image_size = picture.height, picture.width
        output_size = target.resolve(image_size)
        create_folder(path.parent)
        check_output(path, output_size)
        values = picture_to_tensor(picture)
        animation = TrainingAnimation(output_size)
        start = time.perf_counter()
        columns = TextColumn("{task.completed}/{task.total}"), BarColumn(), TextColumn("{task.fields[psnr]:.1f} dB")
        console = Console(stderr=True)
        hidden = quiet or as_json or not console.is_terminal
        with Progress(*columns, TimeRemainingColumn(), console=console, disable=hidden) as bar:
            task = bar.add_task("", total=None, psnr=0.0)

            def report(step: fitting.Progress) -> None:
                bar.update(task, total=step.steps, completed=step.step, psnr=float(step.psnr.min()))
                if frames is not None:
                    animation.add(step)

            fitted = fitting.fit(values, settings, report)
        elapsed = time.perf_counter() - start
        reached = float(psnr(fitted.render(image_size), values))
        if math.isnan(reached):
            rate = f"a learning rate of {learning_rate:g}" if learning_rate else "the network's learning rate"
            raise ValueError(f"{image}: the training diverged at {rate}; lower --learning-rate")
        facts = {
            "network": network,
            "coords": coords,
            "region": region,
            "seed": seed,
            "parameters": fitted.parameter_count,
            # JSON has no infinity: equal pictures get 200 dB, as in the benchmark.
            "psnr": round(min(reached, 200.0), 3),
            "seconds": round(elapsed, 3),
        }
        enlarged = tensor_to_picture(fitted.render(output_size))
        if picture.info.get("icc_profile"):
            enlarged.info["icc_profile"] = picture.info["icc_profile"]
        write_picture(enlarged, path)
        if frames is not None:
            animation.write(frames, fitted)
        if save is not None:
            save_fitted(save, fitted, facts)
    written = [str(file) for file in (path, frames, save) if file is not None]
    if as_json:
        typer.echo(json.dumps({"input": str(image), "outputs": written, **facts}))
    elif not quiet:
        sizes = f"{picture.width}x{picture.height} -> {output_size[1]}x{output_size[0]}"
        result = f"{reached:.1f} dB on its own pixels, {elapsed:.1f} s"
        typer.echo(f"{image}  {sizes}  {network}, {result}  {' '.join(written)}")
