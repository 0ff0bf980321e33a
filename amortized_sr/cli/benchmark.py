"""`amortized-sr benchmark`: methods on folders at several scales, with and without noise and compression."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import Convention
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.methods import (
    METHODS_HELP,
    PROTOCOL_HELP,
    DeviceOption,
    FitCoordsOption,
    FitRegionOption,
    FitSecondsOption,
    FitStepsOption,
    JpegOption,
    LimitOption,
    ModelOption,
    NoiseOption,
    RefineOption,
    SeedOption,
    WandbOption,
    find_methods,
    parse_faults,
    parse_numbers,
)
from amortized_sr.cli.output_files import QuietOption, create_folder

if TYPE_CHECKING:
    from amortized_sr.benchmark.runner import Row


def benchmark(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of images, each a table.")],
    scales: Annotated[str, typer.Option(metavar="A,B,...", help="Scales, 1 or more each.")] = "2,3,4",
    methods: Annotated[
        str, typer.Option(metavar="A,B,...", help=METHODS_HELP)
    ] = "nearest,bilinear,bicubic,lanczos,amortized",
    protocol: Annotated[Convention, typer.Option(help=PROTOCOL_HELP)] = "rgb",
    limit: LimitOption = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    noise: NoiseOption = "0",
    jpeg: JpegOption = "0",
    fit_steps: FitStepsOption = None,
    fit_region: FitRegionOption = 2,
    fit_seconds: FitSecondsOption = None,
    fit_coords: FitCoordsOption = "own",
    seed: SeedOption = 0,
    refine: RefineOption = 20,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the report; an earlier run resumes.")
    ] = Path("benchmark"),
    wandb: WandbOption = "disabled",
    quiet: QuietOption = False,
) -> None:
    """Measure methods on folders of images at several scales: report.md, rows.csv, report.json."""
    chosen_scales, faults = parse_numbers("--scales", scales, 1, 64), parse_faults(noise, jpeg)
    names = {folder.absolute().name: folder for folder in folders}
    if len(names) < len(folders):
        raise typer.BadParameter("two folders have the same name; rename one, tables are named by their folders")

    from amortized_sr import __version__
    from amortized_sr.benchmark.layouts import originals
    from amortized_sr.benchmark.protocol import MEASUREMENTS, flat
    from amortized_sr.benchmark.report import BENCHMARK_FILES, markdown, write_benchmark
    from amortized_sr.benchmark.runner import OtherBenchmarkError, Plan, run
    from amortized_sr.tracking import finish_run, log_means, log_table, start_run

    def show(row: "Row", number: int, count: int) -> None:
        if not quiet:
            psnr = row.quality.psnr
            result = f"{psnr:.2f} dB" if psnr is not None else row.error or "no number"
            what = f"{row.data}/{row.image} x{row.scale:g} {row.faults} {row.method}"
            typer.echo(f"{number}/{count}  {what}  {result}", err=True)

    with failures_as_sentences(benchmark, f"interrupted; the same command resumes in {output}"):
        chosen, settings = find_methods(
            benchmark, methods, None, model, device, fit_steps, fit_region, fit_seconds, fit_coords, seed, refine
        )
        identities = [method.identity for method in chosen]
        described = {**dataclasses.asdict(settings), "identities": identities, "version": __version__}
        plan = Plan(names, chosen_scales, [method.name for method in chosen], protocol, limit, faults, described)
        # Read before the folder is created: a wrong input should leave nothing behind.
        images = [f"{name}/{image}" for name, image, _ in plan.images()]
        create_folder(output)
        for folder in folders:
            if not quiet and originals(folder) != folder:
                typer.echo(f"{folder}: measuring the originals in {originals(folder)}", err=True)
        try:
            rows = run(plan, output / "journal.jsonl", chosen, show)
        except OtherBenchmarkError as error:
            raise typer.BadParameter(f"{error} (--output)") from None
        write_benchmark(output, rows, protocol)
        about = {"protocol": protocol, "scales": plan.scales, "methods": plan.methods, "limit": limit}
        about["inputs"] = [*map(str, faults)]
        tracked = start_run(wandb, output, {**about, "images": images, **described})
        if tracked is not None:
            records = [flat(row) for row in rows]
            log_table(tracked, "rows", records)
            label = (
                "{data}/{method}/{scale}/{name}"
                if len(faults) == 1
                else "{data}/{method}/{scale}/{noise}/{jpeg}/{name}"
            )
            log_means(
                tracked, ((label.format(name=name, **row), row[name]) for row in records for name in MEASUREMENTS)
            )
        finish_run(tracked, quiet)
    if not quiet:
        typer.echo(markdown(rows, protocol))
        typer.echo(f"wrote {output}/: {' '.join(BENCHMARK_FILES)}")
    worked = {row.key[:2] for row in rows if row.error is None}
    raise typer.Exit(1 if any(row.key[:2] not in worked for row in rows) else 0)
