"""`amortized-sr benchmark`."""

import dataclasses
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.cli import method_options as options
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import create_folder

if TYPE_CHECKING:
    from amortized_sr.benchmark.runner import Row


def benchmark(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of images, each a table.")],
    scales: Annotated[str, typer.Option(metavar="A,B,...", help="Scales, 1 or more each.")] = "2,3,4",
    methods: options.Methods = "nearest,bilinear,bicubic,lanczos,amortized",
    protocol: options.Protocol = "rgb",
    limit: options.Limit = None,
    model: options.Model = None,
    device: options.Device = "auto",
    fit_steps: options.FitSteps = None,
    fit_region: options.FitRegion = 2,
    fit_seconds: options.FitSeconds = None,
    fit_coords: options.Coords = "own",
    seed: options.Seed = 0,
    refine: options.Refine = 20,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the report; an earlier run resumes.")
    ] = Path("benchmark"),
    wandb: options.Wandb = "disabled",
    quiet: options.Quiet = False,
) -> None:
    """Measure methods on folders of images at several scales: report.md, rows.csv, report.json."""
    chosen_scales = _parse_scales(scales)
    names = {folder.name or str(folder.absolute().name): folder for folder in folders}
    if len(names) < len(folders):
        raise typer.BadParameter("two folders have the same name; rename one, tables are named by their folders")

    import amortized_sr
    from amortized_sr.benchmark import report
    from amortized_sr.benchmark.quality import TABLE_COLUMNS, as_csv, flat
    from amortized_sr.benchmark.runner import OtherBenchmarkError, Plan, run
    from amortized_sr.image_io import replacing
    from amortized_sr.tracking import finish_run, log_means, log_table, start_run

    def show(row: "Row", number: int, count: int) -> None:
        if not quiet:
            psnr = row.quality.psnr
            result = f"{psnr:.2f} dB" if psnr is not None else row.error or "no number"
            sys.stderr.write(f"{number}/{count}  {row.data}/{row.image} x{row.scale:g} {row.method}  {result}\n")

    with failures_as_sentences(benchmark, f"interrupted; the same command resumes in {output}"):
        chosen, settings = options.find_methods(
            methods, model, device, fit_steps, fit_region, fit_seconds, fit_coords, seed, refine
        )
        described = {
            **dataclasses.asdict(settings),
            "identities": [method.identity for method in chosen],
            "version": amortized_sr.__version__,
        }
        plan = Plan(names, chosen_scales, [method.name for method in chosen], protocol, limit, described)
        # Read before the folder is created: a wrong input should leave nothing behind.
        images = [f"{name}/{path.relative_to(folder)}" for name, folder, path in plan.images()]
        create_folder(output)
        try:
            rows = run(plan, output / "journal.jsonl", chosen, show)
        except OtherBenchmarkError as error:
            raise typer.BadParameter(f"{error} (--output)") from None
        text, records = report.markdown(rows, protocol), [flat(row) for row in rows]
        for name, content in (
            ("report.md", text),
            ("rows.csv", as_csv(records)),
            ("report.json", report.as_json(rows, protocol)),
        ):
            with replacing(output / name) as file:
                file.write(content.encode())
        about = {
            "protocol": protocol,
            "scales": chosen_scales,
            "methods": plan.methods,
            "limit": limit,
            "images": images,
        }
        tracked = start_run(wandb, output, {**about, **described})
        if tracked is not None:
            log_table(tracked, "rows", records)
            label = "{data}/{method}/{scale}/{name}"
            log_means(
                tracked, ((label.format(name=name, **row), row[name]) for row in records for name in TABLE_COLUMNS)
            )
        finish_run(tracked, quiet)
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
