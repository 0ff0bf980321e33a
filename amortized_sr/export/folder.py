"""A folder of ONNX graphs of one model, with all that draws pictures with them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from amortized_sr.autoencoder import Autoencoder
from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.export.networks import decoder_graph, encoder_graph, fixed_scale_graph, frame_encoder_graph
from amortized_sr.fields.hyper import HyperField
from amortized_sr.image_io import replacing
from amortized_sr.runtime.field_graph import field_graph
from amortized_sr.runtime.onnx_files import DESCRIPTION, LAYOUT_VERSION
from amortized_sr.weights import TrainedModel
from amortized_sr.weights_header import WEIGHTS_NAME, WeightsError, kind_of, sha256

FIXED_SCALES = 2, 3, 4
"""Scales that whole models are written for by default."""


def write_onnx_folder(trained: TrainedModel, folder: Path, scales: Sequence[int] = FIXED_SCALES) -> list[Path]:
    """Write the graphs of a model, its weights, and a script that draws with them, and return the files.

    Args:
        trained: A model with the field `hyper`.
        folder: The folder, which is created if it is missing; files of these names are replaced.
        scales: Scales that whole models are written for; autoencoders have none.

    Raises:
        WeightsError: If the model has another field, or is averaged over boxes.
    """
    graphs, description = _graphs(trained, scales), _description(trained)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {f"{name}.onnx": graph.SerializeToString(deterministic=True) for name, graph in graphs.items()}
    contents[WEIGHTS_NAME] = trained.path.read_bytes()
    contents["run.py"] = Path(__file__).with_name("run.py").read_bytes()
    for name, content in contents.items():
        with replacing(folder / name) as file:
            file.write(content)
    description["sha256"] = {name: sha256(folder / name) for name in sorted(contents) if name != "run.py"}
    with replacing(folder / DESCRIPTION) as file:
        file.write(json.dumps(description, indent=1, sort_keys=True).encode())
    return [folder / name for name in sorted([*contents, DESCRIPTION])]


def _graphs(trained: TrainedModel, scales: Sequence[int]) -> dict[str, onnx.ModelProto]:
    model = trained.model
    field = _field(trained)
    functions = field.basis.num_functions
    drawing = field_graph(field.code_channels // functions**2, functions, model.skip is not None)
    if isinstance(model, Autoencoder):
        return {"encoder": frame_encoder_graph(model), "decode": decoder_graph(model), "field": drawing}
    fixed = {f"x{scale}": fixed_scale_graph(model, scale) for scale in scales}
    return {"encoder": encoder_graph(model), "field": drawing, **fixed}


def _description(trained: TrainedModel) -> dict[str, Any]:
    config, basis = trained.config, _field(trained).basis
    return {
        "layout": LAYOUT_VERSION,
        "kind": kind_of(config),
        "channels": config.channels,
        "conditions": list(config.conditions),
        "frame": list(trained.model.frame) if isinstance(trained.model, Autoencoder) else None,
        "skip": None if isinstance(config, AutoencoderConfig) or config.skip == "none" else config.skip,
        "neighbors": basis.neighbors,
        "frequency": [float(value) for value in basis.frequency],
        "blur": 0.0 if basis.blur is None else float(basis.blur),
        "finest_cell": basis.finest_cell,
        "means": basis.means().tolist() if basis.keeps_tone else [0.0] * len(basis.frequency),
    }


def _field(trained: TrainedModel) -> HyperField:
    field = trained.model.field
    if not isinstance(field, HyperField):
        raise WeightsError(
            f"{trained.path}: graphs are made of models with the field hyper, not {type(field).__name__}"
        )
    if field.basis.footprint == "box":
        raise WeightsError(f"{trained.path}: graphs are made for the footprints point and gauss, not box")
    return field
