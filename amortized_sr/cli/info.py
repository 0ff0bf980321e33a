"""`amortized-sr info`."""

import json
import platform
from importlib import metadata
from typing import Annotated

import typer

_LIBRARIES = ("torch", "torchvision", "lightning", "numpy", "pillow", "safetensors", "wandb")


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show versions, devices and bundled models, for bug reports."""
    import torch

    from amortized_sr import __version__
    from amortized_sr.devices import available_devices
    from amortized_sr.weights import DEFAULT_MODEL, bundled_models, load_weights, sha256

    models = {}
    for name, path in bundled_models().items():
        trained = load_weights(path)
        models[name] = {
            "default": name == DEFAULT_MODEL,
            "parameters": sum(parameter.numel() for parameter in trained.model.parameters()),
            "channels": trained.config.channels,
            "bytes": path.stat().st_size,
            "sha256": sha256(path),
            "training": trained.facts,
        }
    facts = {
        "amortized_sr": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "devices": available_devices(),
        "threads": torch.get_num_threads(),
        "models": models,
    }
    if as_json:
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"amortized-sr {__version__}, Python {facts['python']}, {facts['platform']}")
    typer.echo(", ".join(f"{name} {version}" for name, version in facts["libraries"].items()))
    typer.echo(f"devices: {', '.join(facts['devices'])}; {facts['threads']} threads")
    for name, model in models.items():
        colour = "grey" if model["channels"] == 1 else "colour"
        mark = " (default)" if model["default"] else ""
        typer.echo(
            f"model {name}{mark}: {colour}, {model['parameters']:,} parameters, {model['bytes']:,} bytes, "
            f"sha256 {model['sha256']}"
        )
