"""`amortized-sr render`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OutputOption, OverwriteOption, checked_output, create_folder
from amortized_sr.cli.target import HeightOption, LongestOption, ScaleOption, SizeOption, WidthOption, parse_target


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
    """Render an image that `fit --save` has saved, at any size."""
    target = parse_target(scale, size, width, height, longest)
    path = checked_output(output, fitted, f"{fitted.stem}_{target.label}.png", overwrite)

    from amortized_sr.baselines.storage import ModelWeightsError, load_fitted
    from amortized_sr.image_io import check_output, write_picture
    from amortized_sr.picture_tensor import tensor_to_picture

    with failures_as_sentences(render):
        try:
            function = load_fitted(fitted)
        except ModelWeightsError as error:
            command = f"amortized-sr upscale IMAGE --scale 4 --model {shlex.quote(str(fitted))}"
            raise ValueError(f"{error}: {command}") from None
        output_size = target.resolve(function.size)
        create_folder(path.parent)
        check_output(path, output_size)
        write_picture(tensor_to_picture(function.render(output_size)), path)
    typer.echo(f"{fitted}  {function.size[1]}x{function.size[0]} -> {output_size[1]}x{output_size[0]}  {path}")
