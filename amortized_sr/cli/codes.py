"""`amortized-sr sample`, `morph`, `encode` and `decode`: codes of whole images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amortized_sr.choices import CodePathName
from amortized_sr.cli.code_pictures import (
    DeviceOption,
    JsonOption,
    ModelOption,
    SheetOption,
    SideOption,
    checked_outputs,
    load_coder,
    parse_usual,
    resolve_size,
    tell,
    write_all,
    write_sheet,
)
from amortized_sr.cli.exit_codes import failures_as_sentences, sentence
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder
from amortized_sr.cli.target import HeightOption, LongestOption, ScaleOption, SizeOption, WidthOption, parse_target

if TYPE_CHECKING:
    from torch import Tensor

    from amortized_sr.coords import Size

_FILMS = (".gif", ".webp", ".mp4")
# Milliseconds: short enough to be motion; the ends, where it turns round, are shown for longer.
_FRAME, _END = 60, 600


def sample(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many pictures.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Decides the pictures.")] = 0,
    temperature: Annotated[float, typer.Option(help="0 draws means, 1 pictures as unlike as in training.")] = 0.8,
    output: SheetOption = None,
    scale: ScaleOption = None,
    size: SideOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    longest: LongestOption = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw new images like those that an autoencoder was trained on; sizes are those of each picture."""
    target = parse_usual(scale, size, width, height, longest)
    names = [f"sample_{number:0{len(str(count - 1))}}.png" for number in range(count)]
    paths = checked_outputs(output, None, "samples.png", names, overwrite)
    coder = load_coder(model, device, invents=True)
    try:
        codes = coder.sample(count, seed, temperature)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with failures_as_sentences(sample):
        drawn = resolve_size(target, coder, coder.model.frame)
        write_all(paths, coder, codes, [drawn] * count)
    facts = {"count": count, "seed": seed, "temperature": temperature, "width": drawn[1], "height": drawn[0]}
    tell(f"{count} pictures of {drawn[1]}x{drawn[0]}, seed {seed}", paths, facts, as_json, quiet)


def morph(
    first: Annotated[Path, typer.Argument(metavar="A", help="Image file.")],
    last: Annotated[Path, typer.Argument(metavar="B", help="Image file.")],
    frames: Annotated[int, typer.Option(min=2, help="How many pictures, A and B included.")] = 24,
    path: Annotated[
        CodePathName,
        typer.Option(help="line, sphere: turn about the mean of all codes; prior: stay near codes of training images."),
    ] = "line",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A strip, or a film if it ends in .webp, .gif or .mp4; default: beside A.",
        ),
    ] = None,
    scale: ScaleOption = None,
    size: SideOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    longest: LongestOption = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw the images between two images, as a strip of pictures or a film; sizes are those of a picture, from A's."""
    target = parse_usual(scale, size, width, height, longest)
    name = f"{first.stem}_{last.stem}.png"
    output_path = checked_output(output, first, name, overwrite)
    # The other input must not be replaced either.
    checked_output(output or str(output_path), last, name, overwrite)
    coder = load_coder(model, device, invents=True)
    from amortized_sr.art.frame_order import in_order, there_and_back
    from amortized_sr.image_io.film_file import check_film, write_film
    from amortized_sr.image_io.picture import plain_picture

    with failures_as_sentences(morph):
        ends = [plain_picture(file) for file in (first, last)]
        codes = coder.encode(ends)
        try:
            codes = coder.morph(codes[0], codes[1], frames, path)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        drawn = resolve_size(target, coder, (ends[0].height, ends[0].width))
        create_folder(output_path.parent)
        if output_path.suffix.lower() in _FILMS:
            order = there_and_back(frames)
            check_film(output_path, drawn, len(order))
            film = coder.pictures(codes)
            durations = [_END if number in (0, frames - 1) else _FRAME for number in order]
            write_film(output_path, in_order(lambda number: film[number].render(drawn), order), durations)
        else:
            write_sheet(output_path, coder, codes, [drawn] * frames, columns=frames)
    facts = {"inputs": [str(first), str(last)], "frames": frames, "path": path, "width": drawn[1], "height": drawn[0]}
    line = f"{first} -> {last}  {frames} pictures of {drawn[1]}x{drawn[0]}, path {path}"
    tell(line, [output_path], facts, as_json, quiet)


def encode(
    inputs: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Image files, folders, patterns in quotes.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="OUT", help="File that ends in .npz; default: codes.npz.")
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search folders to their bottom.")] = False,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the codes of images to an .npz file: `codes`, `names`, `sizes` and `model`, as NumPy reads them."""
    output_path = checked_output(output, None, "codes.npz", overwrite)
    if output_path.suffix != ".npz":
        raise typer.BadParameter(f"--output must end in .npz, got {output_path}")
    coder = load_coder(model, device)
    import numpy as np
    import torch

    from amortized_sr.batch.inputs import find_inputs
    from amortized_sr.batch.plan import passed_over
    from amortized_sr.code_file import CodeFile
    from amortized_sr.image_io import ImageError
    from amortized_sr.image_io.picture import plain_picture

    errors: list[ImageError] = []
    codes: list[Tensor] = []
    names: list[str] = []
    sizes: list[Size] = []
    with failures_as_sentences(encode):
        for named in map(Path, inputs):
            try:
                found = find_inputs(named, recursive, None)
            except ImageError as error:
                errors.append(error)
                continue
            errors += found.unreadable
            if found.outputs and not quiet:
                typer.echo(f"note: {named}: {passed_over(found.outputs, 'encode')}", err=True)
            for source in found.inputs:
                try:
                    picture = plain_picture(source.path)
                except ImageError as error:
                    errors.append(error)
                    continue
                codes.append(coder.encode(picture).cpu())
                names.append(str(source.relative))
                sizes.append((picture.height, picture.width))
        if codes:
            create_folder(output_path.parent)
            CodeFile(torch.cat(codes).numpy(), names, np.array(sizes, dtype=np.int64), coder.digest).save(output_path)
    for error in errors:
        typer.echo(f"error: {sentence(error, encode)}", err=True)
    facts = {"images": len(names), "numbers": coder.model.code_size, "failed": [str(error.path) for error in errors]}
    if codes or as_json:
        line = f"{len(names)} images, {coder.model.code_size} numbers each"
        tell(line, [output_path] if codes else [], facts, as_json, quiet)
    raise typer.Exit(1 if errors else 0)


def decode(
    codes: Annotated[Path, typer.Argument(metavar="CODES", help="An .npz file that `encode` wrote.")],
    output: SheetOption = None,
    scale: ScaleOption = None,
    size: SizeOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    longest: LongestOption = None,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw the images of codes at any size, which is that of each picture."""
    target = parse_target(scale, size, width, height, longest)
    from amortized_sr.code_file import CodeFile, CodeFileError

    with failures_as_sentences(decode):
        file = CodeFile.load(codes)
    names = _picture_names(file.names, target.label)
    paths = checked_outputs(output, codes, f"{codes.stem}_{target.label}.png", names, overwrite)
    coder = load_coder(model, device)
    import torch

    with failures_as_sentences(decode):
        if file.model != coder.digest:
            raise CodeFileError(
                f"{codes}: the codes were made with other weights (SHA-256 {file.model[:12]}..., these are "
                f"{coder.digest[:12]}...); use those"
            )
        if file.codes.shape[1] != coder.model.code_size:
            raise CodeFileError(
                f"{codes}: a code has {file.codes.shape[1]} numbers, one of this model {coder.model.code_size}; "
                "encode the images again"
            )
        drawn = [target.resolve((int(rows), int(columns))) for rows, columns in file.sizes]
        write_all(paths, coder, torch.from_numpy(file.codes), drawn)
    tell(f"{codes}  {len(names)} pictures", paths, {"input": str(codes), "count": len(names)}, as_json, quiet)


def _picture_names(names: Sequence[str], label: str) -> list[str]:
    """Return names of picture files after those of images, with their number in front if two images share a name."""
    stems = [Path(name).stem for name in names]
    # Some file systems do not distinguish capitals.
    if len({stem.casefold() for stem in stems}) < len(stems):
        digits = len(str(len(stems) - 1))
        stems = [f"{number:0{digits}}_{stem}" for number, stem in enumerate(stems)]
    return [f"{stem}_{label}.png" for stem in stems]
