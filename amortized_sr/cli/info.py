"""`amortized-sr info`."""

import dataclasses
import json
import platform
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from amortized_sr.weights import TrainedModel

_LIBRARIES = ("torch", "torchvision", "lightning", "numpy", "pillow", "safetensors", "wandb")


def info(
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-n", metavar="NAME|PATH", help="Show the configuration and the training of one model instead."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show versions, devices and bundled models, for bug reports."""
    from amortized_sr.weights import load_weights
    from amortized_sr.weights_header import WeightsError

    try:
        facts = _installation() if model is None else _describe(load_weights(model))
    except WeightsError as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        typer.echo(json.dumps(facts))
    elif model is None:
        _show_installation(facts)
    else:
        for name, value in facts.items():
            typer.echo(f"{name}:" if isinstance(value, dict) else f"{name}: {value}")
            for key, part in value.items() if isinstance(value, dict) else ():
                typer.echo(f"  {key}: {part if isinstance(part, str) else json.dumps(part)}")


def _describe(trained: "TrainedModel") -> dict[str, Any]:
    from amortized_sr.autoencoder_config import AutoencoderConfig
    from amortized_sr.weights_header import kind_of

    config = trained.config
    code = (
        {"code": config.code, "components": config.components, "frame": [config.frame, config.frame]}
        if isinstance(config, AutoencoderConfig)
        else {}
    )
    return {
        "kind": kind_of(config),
        **code,
        "parameters": sum(parameter.numel() for parameter in trained.model.parameters()),
        "channels": config.channels,
        "bytes": trained.path.stat().st_size,
        "sha256": trained.digest,
        "config": dataclasses.asdict(config),
        "training": trained.facts,
    }


def _installation() -> dict[str, Any]:
    from importlib import metadata

    import torch

    from amortized_sr import __version__
    from amortized_sr.devices import available_devices
    from amortized_sr.weights import load_weights
    from amortized_sr.weights_header import DEFAULT_MODEL, bundled_models

    models = {
        name: {"default": name == DEFAULT_MODEL, **_describe(load_weights(path))}
        for name, path in bundled_models().items()
    }
    return {
        "amortized_sr": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "devices": available_devices(),
        "threads": torch.get_num_threads(),
        "models": models,
    }


def _show_installation(facts: dict[str, Any]) -> None:
    typer.echo(f"amortized-sr {facts['amortized_sr']}, Python {facts['python']}, {facts['platform']}")
    typer.echo(", ".join(f"{name} {version}" for name, version in facts["libraries"].items()))
    typer.echo(f"devices: {', '.join(facts['devices'])}; {facts['threads']} threads")
    for name, model in facts["models"].items():
        colour = "grey" if model["channels"] == 1 else "colour"
        mark = " (default)" if model["default"] else ""
        kind = f"autoencoder, {model['code']} numbers, " if model["kind"] == "autoencoder" else ""
        typer.echo(
            f"model {name}{mark}: {kind}{colour}, {model['parameters']:,} parameters, {model['bytes']:,} bytes, "
            f"sha256 {model['sha256']}"
        )
