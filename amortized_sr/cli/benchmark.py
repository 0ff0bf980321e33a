"""`amortized-sr benchmark`."""

import dataclasses
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.cli.endings import failures_as_sentences
from amortized_sr.cli.judging import (
    DeviceOption,
    FitCoordsOption,
    FitRegionOption,
    FitSecondsOption,
    FitStepsOption,
    MethodsOption,
    ModelOption,
    ProtocolOption,
    RefineOption,
    SeedOption,
    WandbOption,
    find_methods,
    method_settings,
)

if TYPE_CHECKING:
    from amortized_sr.benchmark.runner import Row


def benchmark(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of images, each a table.")],
    scales: Annotated[str, typer.Option(metavar="A,B,...", help="Scales, 1 or more each.")] = "2,3,4",
    methods: MethodsOption = "nearest,bilinear,bicubic,lanczos,amortized",
    protocol: ProtocolOption = "rgb",
    limit: Annotated[int | None, typer.Option(min=1, help="Most images of a folder.")] = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    fit_steps: FitStepsOption = None,
    fit_region: FitRegionOption = 2,
    fit_seconds: FitSecondsOption = None,
    fit_coords: FitCoordsOption = "own",
    seed: SeedOption = 0,
    refine: RefineOption = 20,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where the report goes; goes on with what is there."),
    ] = Path("benchmark"),
    wandb: WandbOption = "disabled",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> None:
    """Measure methods on folders of images at several scales: report.md, rows.csv, report.json."""
    wanted = _parse_scales(scales)
    names = {folder.name or str(folder.absolute().name): folder for folder in folders}
    if len(names) < len(folders):
        raise typer.BadParameter("two folders have the same name; rename one, tables are named by their folders")
    if output.exists() and not output.is_dir():
        raise typer.BadParameter(f"{output} is not a folder; choose another --output")

    import amortized_sr
    from amortized_sr.benchmark import report
    from amortized_sr.benchmark.runner import OtherBenchmarkError, Plan, run
    from amortized_sr.image_io import replacing
    from amortized_sr.tracking import finish_run, log_rows, start_run

    settings = method_settings(model, device, fit_steps, fit_region, fit_seconds, fit_coords, seed, refine)
    ways = find_methods(methods, settings)
    described = {
        **dataclasses.asdict(settings),
        "identities": [way.identity for way in ways],
        "version": amortized_sr.__version__,
    }
    plan = Plan(names, wanted, [way.name for way in ways], protocol, limit, described)

    def tell(row: "Row", number: int, count: int) -> None:
        if not quiet:
            result = f"{row.psnr:.2f} dB" if row.psnr is not None else row.error or "no number"
            sys.stderr.write(f"{number}/{count}  {row.data}/{row.image} x{row.scale:g} {row.method}  {result}\n")

    with failures_as_sentences(f"interrupted; the same command goes on where it was: {output}"):
        # Before the folder is made: a wrong input should leave nothing behind.
        plan.identity()
        output.mkdir(parents=True, exist_ok=True)
        try:
            rows = run(plan, output / "journal.jsonl", ways, tell)
        except OtherBenchmarkError as error:
            raise typer.BadParameter(str(error)) from None
        text = report.markdown(rows, protocol)
        for name, content in (
            ("report.md", text),
            ("rows.csv", report.as_csv(rows)),
            ("report.json", report.as_json(rows, protocol)),
        ):
            with replacing(output / name) as file:
                file.write(content.encode())
    tracked = start_run(wandb, output, {"protocol": protocol, "scales": wanted, **described})
    if tracked is not None:
        log_rows(
            tracked,
            [dataclasses.asdict(row) for row in rows],
            by=("data", "method", "scale"),
            means=("psnr", "ssim", "lr", "cross"),
        )
    finish_run(tracked)
    if not quiet:
        typer.echo(text)
        typer.echo(f"wrote {output}/: report.md rows.csv report.json")
    worked = {(row.data, row.image) for row in rows if row.error is None}
    raise typer.Exit(1 if any((row.data, row.image) not in worked for row in rows) else 0)


def _parse_scales(text: str) -> list[float]:
    try:
        scales = [float(part) for part in text.split(",")]
    except ValueError:
        scales = []
    if not scales or not all(math.isfinite(scale) and 1 <= scale <= 64 for scale in scales):
        raise typer.BadParameter(f"--scales must be numbers from 1 to 64, separated by commas, got {text!r}")
    return sorted(set(scales))
