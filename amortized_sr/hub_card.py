"""The card of a model on the hub: what it is for, its data, its measurements, its limits. Filled from its header."""

import re
from typing import Any

from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.weights import TrainedModel
from amortized_sr.weights_header import kind_of

_LICENSE = "mit"

_METRIC = re.compile(r"val/psnr(?:_(?P<what>.+))?")


def card_of(trained: TrainedModel, name: str) -> str:
    """Return the card of a model, as Markdown with the hub's metadata before it.

    Args:
        trained: The model.
        name: What it is called.

    Raises:
        ModuleNotFoundError: If the extra `hub` is not installed.
    """
    from huggingface_hub import EvalResult, ModelCardData

    source = str(trained.facts.get("data", {}).get("source", "unknown data"))
    results = [
        EvalResult(
            task_type="image-to-image",
            dataset_type=source,
            dataset_name=f"validation split of {source}",
            metric_type="psnr",
            metric_name=f"PSNR in dB, {what}",
            metric_value=value,
        )
        for what, value in _measurements(trained.facts)
    ]
    data = ModelCardData(
        library_name="amortized-sr",
        license=_LICENSE,
        pipeline_tag="image-to-image",
        tags=["pytorch_model_hub_mixin", "model_hub_mixin", "super-resolution", "implicit-neural-representation"],
        model_name=name,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_text(trained, name)}"


def _text(trained: TrainedModel, name: str) -> str:
    parts = [
        f"# {name}\n\n{_purpose(trained)}",
        f"## Use\n\n```sh\npip install 'amortized-sr[hub]'\n```\n\n```python\n{_usage(trained)}\n```",
        f"## Data\n\n{_data(trained.facts)}",
        f"## Measurements\n\n{_table(trained.facts)}",
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _limits(trained)),
    ]
    return "\n\n".join(parts) + "\n"


def _purpose(trained: TrainedModel) -> str:
    count = sum(parameter.numel() for parameter in trained.model.parameters())
    size = f"It has {count:,} parameters. The file holds no code."
    if isinstance(trained.config, AutoencoderConfig):
        side = trained.config.frame
        return (
            f"An autoencoder: it turns an image of {side}x{side} pixels into {trained.config.code} numbers, and such "
            f"numbers into a function that can be drawn at any size. {size}"
        )
    colours = "grey images" if trained.config.channels == 1 else "colour images"
    strengths = ", ".join(trained.config.conditions)
    told = f" It is told how strong these faults of the image are, and removes them: {strengths}." if strengths else ""
    return (
        f"It turns {colours} into functions with one forward pass; a function can be drawn at any size and in any "
        f"window.{told} {size}"
    )


def _usage(trained: TrainedModel) -> str:
    if isinstance(trained.config, AutoencoderConfig):
        return (
            "from amortized_sr import Coder\n\n"
            'coder = Coder.from_pretrained("user/name")  # this repository, or a folder\n'
            'pictures = coder.pictures(coder.encode(["digit.png"]))'
        )
    return (
        "from amortized_sr import Upscaler\n"
        "from PIL import Image\n\n"
        'upscaler = Upscaler.from_pretrained("user/name")  # this repository, or a folder\n'
        'upscaler.upscale(Image.open("small.png"), scale=3.7).save("large.png")'
    )


def _data(facts: dict[str, Any]) -> str:
    data = dict(facts.get("data", {}))
    if not data:
        return "The file does not say what it was trained on."
    source, images = data.pop("source", "unknown"), data.pop("train_images", None)
    line = f"Trained on {'a folder of images' if source == 'folder' else source}"
    line += f" ({images:,} images)" if isinstance(images, int) else ""
    line += f", {facts['steps']:,} steps" if isinstance(facts.get("steps"), int) else ""
    line += f", seed {facts['seed']}" if "seed" in facts else ""
    rest = {name: value for name, value in data.items() if name != "val_images"}
    settings = "".join(f"\n- `{name}`: `{value}`" for name, value in sorted(rest.items()))
    return f"{line}.{chr(10) if settings else ''}{settings}"


def _table(facts: dict[str, Any]) -> str:
    found = _measurements(facts)
    if not found:
        return "The file holds no measurements."
    rows = "\n".join(f"| {what} | {value:.2f} |" for what, value in found)
    return (
        "Measured during the training on images that were held out of it, the mean of their PSNR in dB. Other images "
        f"and protocols give other numbers.\n\n| | PSNR |\n|---|---|\n{rows}"
    )


def _measurements(facts: dict[str, Any]) -> list[tuple[str, float]]:
    """Return what was measured in the training, as words and dB."""
    found: list[tuple[str, float]] = []
    for key, value in facts.get("metrics", {}).items():
        match = _METRIC.fullmatch(key)
        if match is not None and isinstance(value, int | float):
            found.append((_in_words(match["what"]), float(value)))
    return found


def _in_words(name: str | None) -> str:
    if name is None:
        return "mean of all"
    return ", ".join(_word(part) for part in reversed(name.split("_")))


def _word(part: str) -> str:
    if part.isdigit():
        return f"inputs of {part} pixels a side"
    faults = re.fullmatch(r"(noise|jpeg)(\d+)", part)
    if faults is None:
        return part
    return f"noise of {faults[2]}/255" if faults[1] == "noise" else f"JPEG of quality {faults[2]}"


def _limits(trained: TrainedModel) -> list[str]:
    config, facts = trained.config, trained.facts
    if isinstance(config, AutoencoderConfig):
        return [
            f"An image larger than {config.frame}x{config.frame} pixels is shrunk to that before it is encoded.",
            "A code holds what the training images have in common; other images come back changed.",
        ]
    scales = facts.get("data", {}).get("scales", {})
    highest = max((scales[name] for name in ("high", "far") if isinstance(scales.get(name), int | float)), default=0)
    limits = ["It predicts the mean of the plausible images: detail finer than the input's pixels stays smooth."]
    if highest:
        limits.append(f"It was trained for scales up to {highest:g}; beyond, it can only stay smooth.")
    if "noise" not in config.conditions:
        limits.append("It enlarges noise as if it were detail; clean the image first.")
    if "jpeg" not in config.conditions:
        limits.append("It enlarges the blocks of JPEG compression as if they were detail.")
    limits.append(f"It was trained on the data above; it is an {kind_of(config)} for images of that kind.")
    return limits
