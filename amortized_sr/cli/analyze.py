"""`amortized-sr analyze`: how linear images as functions are, and what their points depend on."""

from pathlib import Path
from typing import Annotated

import typer

from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.methods import (
    METHODS_HELP,
    DeviceOption,
    ModelOption,
    SeedOption,
    find_methods,
    read_pictures,
)
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, create_folder


def analyze(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files, or folders of them.")],
    methods: Annotated[
        str, typer.Option(metavar="A,B,...", help=METHODS_HELP)
    ] = "bilinear,bicubic,lanczos,fit:siren,amortized",
    side: Annotated[
        int, typer.Option(min=2, max=256, metavar="N", help="Analyse the middle N x N pixels of larger images.")
    ] = 64,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    fit_steps: Annotated[
        int, typer.Option(min=1, help="Steps of the methods `fit`: 100 are enough for siren and finer, not for others.")
    ] = 100,
    seed: SeedOption = 0,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the report.")] = Path(
        "analysis"
    ),
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure how linear images as functions are: between pixels, in the image, in the latent."""
    from amortized_sr.analysis.page import STUDY_FILES, write_study
    from amortized_sr.analysis.report import as_text, tables
    from amortized_sr.analysis.study import middle_part, study
    from amortized_sr.benchmark.machine import describe_machine

    existing = [name for name in STUDY_FILES if (output / name).exists()]
    if existing and not overwrite:
        raise typer.BadParameter(f"{output / existing[0]} exists; --overwrite replaces it")

    def show(text: str) -> None:
        if not quiet:
            typer.echo(text, err=True)

    with failures_as_sentences(analyze):
        chosen, _ = find_methods(analyze, methods, None, model, device, fit_steps, 2, None, "own", seed, 20)
        named, failures = read_pictures(analyze, images, None, 1.0)
        parts = [(name, middle_part(image, (side, side))) for name, image in named if image[0, 0].numel() > 1]
        for name, image in named:
            if image[0, 0].numel() == 1:
                typer.echo(f"error: {name}: 1x1 pixels have no neighbours; give an image with at least two", err=True)
                failures += 1
            elif max(image.shape[-2:]) > side:
                show(f"note: {name}: larger than {side}x{side}; its middle is analysed (--side)")
        if not parts:
            raise typer.Exit(1)
        create_folder(output)
        found = study(parts, chosen, lambda one: show(f"{one} ..."))
        write_study(output, found, describe_machine())
    if not quiet:
        typer.echo("\n\n".join(as_text(one) for one in tables(found)))
        typer.echo(f"\nwrote {output}/: {' '.join(STUDY_FILES)}")
    failed = [one for one in found.methods if one.error is not None]
    for one in failed:
        typer.echo(f"warning: {one.method} failed: {one.error}", err=True)
    raise typer.Exit(1 if failures or len(failed) == len(found.methods) else 0)
