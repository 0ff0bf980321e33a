"""`amortized-sr fit` and `amortized-sr render`: one coordinate network for one image."""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from amortized_sr.choices import FitCoords, NetworkName
from amortized_sr.cli.endings import failures_as_sentences
from amortized_sr.cli.target import (
    HeightOption,
    LongestOption,
    ScaleOption,
    Size,
    SizeOption,
    WidthOption,
    parse_target,
)

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from amortized_sr.baselines.fitting import FitSettings, FittedImage, Progress

# An animation shows this many moments, close together at first, when most of the image appears.
_FRAMES = 40
_FRAME_SIDE = 256
_ANIMATIONS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", metavar="OUT", help="Picture; default: beside.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


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
    steps: Annotated[int | None, typer.Option(min=1, help="Full-batch steps at most; default: the network's.")] = None,
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
        Path | None, typer.Option(metavar="FILE", help="Keep the function as .safetensors, for `render`.")
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Train a coordinate network on one image, the way of 2017 done right, and draw it at any size."""
    target = parse_target(scale, size, width, height, longest)
    if frames is not None and frames.suffix.lower() not in _ANIMATIONS:
        raise typer.BadParameter(f"--frames must end in {' '.join(_ANIMATIONS)}, got {frames}")
    if save is not None and save.suffix != ".safetensors":
        raise typer.BadParameter(f"--save must end in .safetensors, got {save}")
    place = output or image.with_name(f"{image.stem}_{network}_{target.label}.png")
    written = [path for path in (place, frames, save) if path is not None]
    _check_places(written, image, overwrite)

    from amortized_sr.baselines.fitting import FitSettings
    from amortized_sr.baselines.fitting import fit as train
    from amortized_sr.baselines.storage import save_fitted
    from amortized_sr.image_io import check_output, read_picture, replacing, write_picture
    from amortized_sr.metrics import psnr
    from amortized_sr.picture_tensor import picture_to_tensor

    with failures_as_sentences():
        try:
            settings = FitSettings(
                network, None if coords == "own" else coords, steps, learning_rate, target_psnr, seconds, region, seed
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        picture = read_picture(image)
        own = picture.height, picture.width
        wanted = target.resolve(own)
        check_output(place, wanted)
        values = picture_to_tensor(picture)
        film = None if frames is None else _Film(wanted)
        begin = time.perf_counter()
        with _progress(quiet or as_json) as tell:

            def report(progress: "Progress") -> None:
                tell(progress)
                if film is not None:
                    film.watch(progress)

            fitted = train(values, settings, report)
        elapsed = time.perf_counter() - begin
        reached = float(psnr(fitted.render(own), values))
        if math.isnan(reached):
            rate = f"a learning rate of {learning_rate:g}" if learning_rate else "the network's learning rate"
            raise ValueError(f"{image}: the training diverged at {rate}; lower --learning-rate")
        facts = _facts(settings, fitted, reached, elapsed)
        drawn = _drawn(fitted, wanted)
        if picture.info.get("icc_profile"):
            drawn.info["icc_profile"] = picture.info["icc_profile"]
        write_picture(drawn, place)
        if film is not None and frames is not None:
            film.end(fitted)
            with replacing(frames) as file:
                film.write(file, _ANIMATIONS[frames.suffix.lower()])
        if save is not None:
            save_fitted(save, fitted, facts)
    if as_json:
        typer.echo(json.dumps({"input": str(image), "outputs": [str(path) for path in written], **facts}))
    elif not quiet:
        typer.echo(
            f"{image}  {own[1]}x{own[0]} -> {wanted[1]}x{wanted[0]}  {network}, {reached:.1f} dB on its own pixels, "
            f"{elapsed:.1f} s  {' '.join(map(str, written))}"
        )


def render(
    fitted: Annotated[Path, typer.Argument(metavar="FITTED", help="A .safetensors file of `fit --save`.")],
    output: OutputOption = None,
    scale: ScaleOption = None,
    size: SizeOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    longest: LongestOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Draw an image that `fit --save` has kept, again and at any size."""
    target = parse_target(scale, size, width, height, longest)
    place = output or fitted.with_name(f"{fitted.stem}_{target.label}.png")
    _check_places([place], fitted, overwrite)

    from amortized_sr.baselines.storage import load_fitted
    from amortized_sr.image_io import check_output, write_picture

    with failures_as_sentences():
        function = load_fitted(fitted)
        wanted = target.resolve(function.size)
        check_output(place, wanted)
        write_picture(_drawn(function, wanted), place)
    typer.echo(f"{fitted}  {function.size[1]}x{function.size[0]} -> {wanted[1]}x{wanted[0]}  {place}")


def _check_places(places: list[Path], source: Path, overwrite: bool) -> None:
    """Refuse outputs that would take the place of something, before anything is computed."""
    real = [os.path.realpath(path) for path in places]
    if len(set(real)) < len(real):
        raise typer.BadParameter("two outputs have the same name; choose different ones")
    for path, known in zip(places, real, strict=True):
        if known == os.path.realpath(source):
            raise typer.BadParameter(f"{path} is the input; choose another output")
        if path.exists() and not overwrite:
            raise typer.BadParameter(f"{path} exists; --overwrite replaces it")
        if not path.absolute().parent.is_dir():
            raise typer.BadParameter(f"the folder {path.absolute().parent} does not exist; create it first")


@contextlib.contextmanager
def _progress(silent: bool) -> Iterator[Callable[["Progress"], None]]:
    """Yield what shows the progress of a fit: a bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.completed}/{task.total}"), BarColumn(), TextColumn("{task.fields[psnr]:.1f} dB")
    console = Console(file=sys.stderr)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=silent or not console.is_terminal) as bar:
        task = bar.add_task("", total=None, psnr=0.0)
        yield lambda progress: bar.update(
            task, total=progress.steps, completed=progress.step, psnr=float(progress.psnr.min())
        )


class _Film:
    """Pictures of a training, to be shown one after another."""

    def __init__(self, size: Size) -> None:
        shrink = min(1.0, _FRAME_SIDE / max(size))
        self.size = max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))
        self.pictures: list[Image.Image] = []

    def watch(self, progress: "Progress") -> None:
        """Take a picture if this is one of the moments."""
        # Evenly spaced on a logarithmic scale from the first step to the last.
        place = (_FRAMES - 1) * math.log(progress.step + 1) / math.log(progress.steps + 1)
        if place >= len(self.pictures):
            self.pictures.append(_drawn(progress.function, self.size))

    def end(self, function: "FittedImage") -> None:
        """Let the last picture be the result, also if the training ended early."""
        self.pictures[-1] = _drawn(function, self.size)

    def write(self, file: BinaryIO, name: str) -> None:
        """Write the animation, which stays on its last picture for a while and begins again."""
        durations = [80] * (len(self.pictures) - 1) + [2000]
        first, *rest = self.pictures
        options: dict[str, Any] = {"quality": 90} if name == "WEBP" else {}
        first.save(file, format=name, save_all=True, append_images=rest, duration=durations, loop=0, **options)


def _drawn(function: "FittedImage", size: Size) -> "Image.Image":
    import torch

    from amortized_sr.picture_tensor import tensor_to_picture

    with torch.inference_mode():
        drawn: Tensor = function.render(size, tile=1024)
    return tensor_to_picture(drawn)


def _facts(settings: "FitSettings", fitted: "FittedImage", reached: float, elapsed: float) -> dict[str, object]:
    return {
        "network": settings.network,
        "coords": settings.coords or "own",
        "region": settings.region,
        "seed": settings.seed,
        "parameters": sum(parameter.numel() for parameter in fitted.networks.parameters()),
        # JSON has no infinity: equal pictures give 200 dB, as in the benchmark.
        "psnr": round(min(reached, 200.0), 3),
        "seconds": round(elapsed, 3),
    }
