"""`amortized-sr art morph`."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from amortized_sr.choices import CodePathName, FitStart, MorphChoice, MorphName, NetworkName
from amortized_sr.cli.art.films import (
    DeviceOption,
    FilmOption,
    FramesOption,
    ModelOption,
    SideOption,
    progress,
    proportioned,
    write,
)
from amortized_sr.cli.art.sources import for_fit, load_upscaler, read_pair
from amortized_sr.cli.code_pictures import load_coder, parse_usual
from amortized_sr.cli.exit_codes import failures_as_sentences
from amortized_sr.cli.output_files import OverwriteOption, QuietOption, checked_output, create_folder

if TYPE_CHECKING:
    from PIL import Image

    from amortized_sr.coder import Coder


def morph(
    first: Annotated[Path, typer.Argument(metavar="A", help="Image file.")],
    last: Annotated[Path, typer.Argument(metavar="B", help="Image file.")],
    through: Annotated[
        MorphChoice, typer.Option(help="What is interpolated; all: side by side, codes only for small grey images.")
    ] = "all",
    frames: FramesOption = 24,
    output: FilmOption = None,
    size: SideOption = None,
    path: Annotated[CodePathName, typer.Option(help="--through codes: the way between them.")] = "line",
    network: Annotated[NetworkName, typer.Option(help="--through weights: kind of network.")] = "siren",
    start: Annotated[
        FitStart,
        typer.Option(help="--through weights: B's fit begins at the weights of A, or where A's began (seed)."),
    ] = "first",
    steps: Annotated[int, typer.Option(min=1, help="--through weights: steps of each fit.")] = 100,
    side: Annotated[
        int, typer.Option(min=1, help="--through weights: fits see images shrunk to at most this longer side.")
    ] = 32,
    seed: Annotated[int, typer.Option(min=0, help="--through weights: decides where the fits begin.")] = 0,
    model: ModelOption = None,
    autoencoder: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="--through codes: weights of an autoencoder.")
    ] = None,
    device: DeviceOption = "auto",
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Film the way from one image to another and back: through pixels, latents, weights of fits, codes."""
    target = parse_usual(None, size, None, None, None)
    name = f"{first.stem}_{last.stem}_morph.webp"
    output_path = checked_output(output, first, name, overwrite)
    # The other input must not be replaced either.
    checked_output(output or str(output_path), last, name, overwrite)
    from amortized_sr.art.frame_order import there_and_back
    from amortized_sr.art.morph import (
        Morph,
        check_ends,
        through_codes,
        through_latents,
        through_pixels,
        through_weights,
    )
    from amortized_sr.art.panels import panels, panels_size
    from amortized_sr.baselines.fitting import FitSettings
    from amortized_sr.image_io.film_file import check_film
    from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

    with failures_as_sentences(morph):
        pictures = read_pair(first, last, quiet)
        check_ends(picture_to_tensor(pictures[0]), picture_to_tensor(pictures[1]), frames)
        coder = load_coder(autoencoder, device, invents=True) if through in ("all", "codes") else None
        names = _names(through, pictures, coder)
        if "latents" in names and pictures[0].size != pictures[1].size:
            raise ValueError(_sizes_differ(first, last, pictures))
        usual = proportioned((pictures[0].height, pictures[0].width), 256 if len(names) == 1 else 128)
        drawn = target.resolve((1, 1)) if target is not None else usual
        order = there_and_back(frames)
        create_folder(output_path.parent)
        check_film(output_path, drawn if len(names) == 1 else panels_size(len(names), drawn), len(order))
        one, other = pictures
        ends = [picture_to_tensor(end) for end in (one, other if other.size == one.size else other.resize(one.size))]

        def made(name: MorphName) -> Morph:
            match name:
                case "pixels":
                    return through_pixels(ends[0], ends[1], frames)
                case "latents":
                    return through_latents(load_upscaler(model, device), ends[0], ends[1], frames)
                case "weights":
                    fits = FitSettings(network, steps=steps, seed=seed)
                    seen = [for_fit(end, side) for end in ends]
                    done = itertools.count()
                    with progress(2 * steps + 1, quiet) as report:
                        return through_weights(seen[0], seen[1], frames, fits, start, lambda _: report(next(done)))
                case "codes":
                    assert coder is not None
                    return through_codes(coder, coder.encode(pictures), frames, path, (one.height, one.width))
                case _:
                    assert_never(name)

        morphs = [made(name) for name in names]

        def draw(number: int) -> "Image.Image":
            shown = [tensor_to_picture(one.function(number).render(drawn)) for one in morphs]
            return shown[0] if len(shown) == 1 else panels(shown, names)

        write(output_path, draw, order, (0, frames - 1), quiet)
    if not quiet:
        sizes = f"{len(order)} pictures of {drawn[1]}x{drawn[0]}"
        typer.echo(f"{first} -> {last}  {sizes}, through {', '.join(names)}  {output_path}")


def _names(through: MorphChoice, pictures: "tuple[Image.Image, Image.Image]", coder: "Coder | None") -> list[MorphName]:
    """Return the ways to show; codes if both images are of the autoencoder's kind."""
    if through != "all":
        return [through]
    assert coder is not None
    kind = "L" if coder.model.channels == 1 else "RGB"
    fits = all(one.mode == kind and max(one.size) <= max(coder.model.frame) for one in pictures)
    return ["pixels", "latents", "weights", *(["codes"] if fits else [])]


def _sizes_differ(first: Path, last: Path, pictures: "tuple[Image.Image, Image.Image]") -> str:
    one, other = (f"{picture.width}x{picture.height}" for picture in pictures)
    return (
        f"{first} has {one} pixels and {last} {other}, so their latents have different sizes; resize one of them "
        "first, or choose --through pixels, weights or codes, which bring B to the size of A"
    )
