"""A few images, several methods, side by side: numbers, a grid, and a page with a slider."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from amortized_sr.benchmark.evaluation import Evaluation, evaluate
from amortized_sr.benchmark.methods import Method
from amortized_sr.benchmark.page import write_page
from amortized_sr.benchmark.protocol import describe, evaluation_pair
from amortized_sr.choices import Convention
from amortized_sr.image_io import replacing, write_picture
from amortized_sr.picture_tensor import tensor_to_picture
from amortized_sr.tracking import Comparison

# More images than this make a page slow and a grid unreadable; the numbers are of all of them.
_SHOWN = 12
_SHOWN_PIXELS = 1 << 25


@dataclass(frozen=True)
class Group:
    """Images of one size, which methods may work on together.

    Attributes:
        names: One name per image.
        images: What the methods get.
        targets: What they should draw; None if nobody knows.
        size: `(height, width)` of the pictures.
        places: Where the images stood among all.
    """

    names: list[str]
    images: Tensor
    targets: Tensor | None
    size: tuple[int, int]
    places: list[int]


def group_by_size(named: Sequence[tuple[str, Tensor]], scale: float, truth: bool) -> list[Group]:
    """Return images `(1, channel, height, width)` in groups of one size and one number of channels.

    Args:
        named: Names and images.
        scale: Size of the pictures over the size of the inputs.
        truth: Whether the images are the truth, and the inputs are made from them; else they are the inputs.

    Raises:
        ValueError: If an image is too small for the scale.
    """
    shapes: dict[tuple[int, ...], list[int]] = {}
    for place, (_, image) in enumerate(named):
        shapes.setdefault(tuple(image.shape), []).append(place)
    groups: list[Group] = []
    for places in shapes.values():
        names, images = [named[place][0] for place in places], torch.cat([named[place][1] for place in places])
        if truth:
            pair = evaluation_pair(images, scale)
            groups.append(Group(names, pair.image, pair.target, (pair.target.shape[-2], pair.target.shape[-1]), places))
        else:
            height, width = images.shape[-2:]
            groups.append(
                Group(names, images, None, (max(1, round(height * scale)), max(1, round(width * scale))), places)
            )
    return groups


@dataclass(frozen=True)
class MethodResult:
    """A method's means over all images. Numbers are None where there are none.

    Attributes:
        method: Its name.
        psnr: In dB.
        ssim: At most 1.
        lr: Consistency with the input, PSNR in dB.
        cross: Consistency with the render at twice the size, PSNR in dB.
        seconds: Per image, from input to picture.
        speedup: Time of the best per-image fit over this one's: of the one with the highest PSNR, or without a truth of
            the fastest; None without a fit.
        parameters: Learned numbers behind one image's function.
        error: Why there are no numbers.
    """

    method: str
    psnr: float | None = None
    ssim: float | None = None
    lr: float | None = None
    cross: float | None = None
    seconds: float | None = None
    speedup: float | None = None
    parameters: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class ComparisonResult:
    """What a comparison found.

    Attributes:
        methods: The means, in the order asked for.
        images: Each image with every method's picture and numbers, without methods that failed.
    """

    methods: list[MethodResult]
    images: list[Comparison]


def compare(
    groups: Sequence[Group],
    methods: Sequence[Method],
    convention: Convention,
    report: Callable[[str], None],
) -> ComparisonResult:
    """Let every method draw every image.

    A method that fails is reported with its error, and the others go on.

    Args:
        groups: The images.
        methods: The methods.
        convention: How pictures are measured.
        report: Is told the name of the method that begins.
    """
    found: dict[str, list[Evaluation]] = {}
    errors: dict[str, str] = {}
    for method in methods:
        report(method.name)
        try:
            found[method.name] = [evaluate(method, one.images, one.targets, one.size, convention) for one in groups]
        # Whatever a method runs into is a finding about it; the others are shown all the same.
        except Exception as error:
            errors[method.name] = f"{type(error).__name__}: {error}"
    counts = [len(group.names) for group in groups]
    seconds = {name: _mean_seconds(evaluations, counts) for name, evaluations in found.items()}
    fits = [name for name in found if name.partition(":")[0] == "fit"]
    best = max(fits, key=lambda name: (_mean(found[name], "psnr") or 0.0, -seconds[name]), default=None)
    means = [
        MethodResult(name, error=errors[name])
        if name in errors
        else MethodResult(
            name,
            *(_mean(found[name], number) for number in ("psnr", "ssim", "lr", "cross")),
            seconds=seconds[name],
            speedup=seconds[best] / seconds[name] if best else None,
            parameters=max(evaluation.parameters for evaluation in found[name]),
        )
        for name in (method.name for method in methods)
    ]
    return ComparisonResult(means, _images(groups, found))


def _mean_seconds(evaluations: list[Evaluation], counts: list[int]) -> float:
    return sum(one.seconds * count for one, count in zip(evaluations, counts, strict=True)) / sum(counts)


def _mean(evaluations: list[Evaluation], number: str) -> float | None:
    values = [quality.as_dict()[number] for evaluation in evaluations for quality in evaluation.qualities]
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _images(groups: Sequence[Group], found: dict[str, list[Evaluation]]) -> list[Comparison]:
    def comparison(place: int, group: Group, index: int) -> Comparison:
        here = {name: evaluations[place] for name, evaluations in found.items()}
        one = slice(index, index + 1)
        return Comparison(
            name=group.names[index],
            image=group.images[one],
            target=None if group.targets is None else group.targets[one],
            drawn={name: evaluation.drawn[one] for name, evaluation in here.items()},
            numbers={
                name: evaluation.qualities[index].as_dict() | {"seconds": evaluation.seconds}
                for name, evaluation in here.items()
            },
        )

    found_at = {
        group.places[index]: comparison(place, group, index)
        for place, group in enumerate(groups)
        for index in range(len(group.names))
    }
    return [found_at[place] for place in sorted(found_at)]


def table(result: ComparisonResult) -> str:
    """Return the means as a table of aligned columns."""
    header = ["method", "PSNR", "SSIM", "LR", "cross", "s/image", "speed-up", "parameters"]
    lines = [header]
    for one in result.methods:
        if one.error:
            lines.append([one.method, "failed", *[""] * (len(header) - 2)])
            continue
        lines.append(
            [
                one.method,
                *(form.format(value) if value is not None else "-" for form, value in (
                    ("{:.2f}", one.psnr), ("{:.4f}", one.ssim), ("{:.2f}", one.lr), ("{:.2f}", one.cross),
                    ("{:.5f}", one.seconds),
                    ("{:,.1f}x", one.speedup), ("{:,}", one.parameters),
                )),
            ]
        )  # fmt: skip
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        line[0].ljust(widths[0])
        + "".join(cell.rjust(width + 2) for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    )


def write_comparison(
    folder: Path, result: ComparisonResult, scale: float, convention: Convention, machine: str
) -> None:
    """Write `metrics.json`, `metrics.csv`, `grid.png` and `compare.html` into a folder that exists."""
    truth = any(one.target is not None for one in result.images)
    protocol = describe(convention, truth)
    content = {
        "protocol": protocol,
        "scale": scale,
        "machine": machine,
        "methods": [vars(one) for one in result.methods],
        "images": [{"image": one.name, "methods": one.numbers} for one in result.images],
    }
    with replacing(folder / "metrics.json") as file:
        file.write((json.dumps(content, indent=1, allow_nan=False) + "\n").encode())
    with replacing(folder / "metrics.csv") as file:
        file.write(_csv(result).encode())
    shown = _shown(result.images)
    if not shown:
        # What an earlier comparison left would be taken for this one's.
        for name in ("grid.png", "compare.html"):
            (folder / name).unlink(missing_ok=True)
    else:
        write_picture(grid(shown), folder / "grid.png")
        title = f"{len(result.images)} image{'s' if len(result.images) > 1 else ''} at scale {scale:g}"
        write_page(folder / "compare.html", title, protocol, table(result), shown)


def _shown(images: Sequence[Comparison]) -> list[Comparison]:
    """Return the first images that have pictures: not so many that no browser or eye could hold them."""
    shown: list[Comparison] = []
    pixels = 0
    for one in images:
        pixels += sum(drawn.shape[-2] * drawn.shape[-1] for drawn in one.drawn.values())
        if not one.drawn or len(shown) == _SHOWN or (shown and pixels > _SHOWN_PIXELS):
            break
        shown.append(one)
    return shown


def _csv(result: ComparisonResult) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ("psnr", "ssim", "lr", "cross", "seconds")
    writer.writerow(["image", "method", *columns])
    for one in result.images:
        for method, numbers in one.numbers.items():
            writer.writerow([one.name, method, *(numbers[name] for name in columns)])
    return text.getvalue()


def grid(images: Sequence[Comparison]) -> Image.Image:
    """Return a picture with a row per image: the input, what each method drew, and the truth, with captions."""
    gap, caption = 4, 12
    rows: list[list[tuple[str, Image.Image]]] = []
    for one in images:
        first = next(iter(one.drawn.values()))
        size = first.shape[-1], first.shape[-2]
        # Pixels as squares: the input as it is.
        row = [("input", tensor_to_picture(one.image).resize(size, Image.Resampling.NEAREST))]
        row += [(name, tensor_to_picture(drawn)) for name, drawn in one.drawn.items()]
        if one.target is not None:
            row.append(("target", tensor_to_picture(one.target)))
        # Small pictures are shown larger, by whole factors, so that captions fit.
        factor = max(1, -(-96 // size[0]))
        larger = size[0] * factor, size[1] * factor
        rows.append([(name, picture.resize(larger, Image.Resampling.NEAREST)) for name, picture in row])
    width = max(sum(picture.width + gap for _, picture in row) for row in rows) + gap
    height = sum(row[0][1].height + caption + gap for row in rows) + gap
    canvas = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(canvas)
    top = gap
    for row in rows:
        left = gap
        for name, picture in row:
            draw.text((left, top), name, fill="black")
            canvas.paste(picture.convert("RGB"), (left, top + caption))
            left += picture.width + gap
        top += row[0][1].height + caption + gap
    return canvas
