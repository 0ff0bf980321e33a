"""Trained weights -> the weights of a larger network that draws the same: what is new begins without an effect."""

from dataclasses import replace

import torch
from torch import Tensor

from amortized_sr.fields.hyper import HyperField
from amortized_sr.model_builder import AnyModel, build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.weights_header import Config


def reachable(config: Config, wanted: Config) -> Config:
    """Return the network nearest to the wanted one that a trained one can grow to.

    An upscaler can read further conditions behind its own, its `edsr` can become a `hybrid` with the same blocks, both
    can get further blocks, and its field can begin to keep the tone.
    """
    if not (isinstance(config, ModelConfig) and isinstance(wanted, ModelConfig)):
        return config
    if wanted.conditions[: len(config.conditions)] == config.conditions:
        config = replace(config, conditions=wanted.conditions)
    if (config.encoder, wanted.encoder) == ("edsr", "hybrid"):
        config = replace(config, encoder="hybrid", half_width=wanted.half_width, half_blocks=wanted.half_blocks)
    if config.encoder == wanted.encoder and config.encoder in ("edsr", "hybrid"):
        config = replace(config, encoder_blocks=max(config.encoder_blocks, wanted.encoder_blocks))
    if config.encoder == wanted.encoder == "hybrid":
        config = replace(config, half_blocks=max(config.half_blocks, wanted.half_blocks))
    if wanted.keeps_tone and config.field == "hyper" and config.head_width and config.frequencies:
        config = replace(config, keeps_tone=config.skip != "none")
    return config


def grown_state(model: AnyModel, config: Config, wanted: Config) -> dict[str, Tensor]:
    """Return the weights of a larger network that draws what a model draws, whatever further conditions say.

    New convolutions are random, except those through which they reach the rest: these are zero. A new correction of the
    image is zero too. Only a field that begins to keep the tone draws something else: at the finest cell less the tone,
    elsewhere also what damping took from the tone.

    Args:
        model: The trained model.
        config: Its network.
        wanted: The larger network, which `reachable` returns for itself.
    """
    if not (isinstance(config, ModelConfig) and isinstance(wanted, ModelConfig)):
        return model.state_dict()
    state = build_model(wanted).state_dict()
    new = set(state)
    for name, tensor in model.state_dict().items():
        if wanted.encoder != config.encoder and name.startswith("encoder.blocks."):
            _, _, number, rest = name.split(".", 3)
            after = int(number) - config.encoder_blocks // 2
            name = f"encoder.after.{after}.{rest}" if after >= 0 else f"encoder.before.{number}.{rest}"
        elif wanted.corrects and not config.corrects:
            name = name.replace("head.", "head.codes.", 1)
        if name == "encoder.first.weight":
            tensor = torch.cat((tensor, torch.zeros_like(state[name][:, tensor.shape[1] :])), dim=1)
        state[name] = tensor
        new.discard(name)
    # The last convolution of a further block; a new branch as a whole ends with its own.
    branches = ("encoder.blocks.",) if wanted.encoder != config.encoder else ()
    for name in new:
        if ".second." in name and not name.startswith(branches):
            state[name] = torch.zeros_like(state[name])
    if wanted.encoder != config.encoder:
        for name in ("encoder.up.weight", "encoder.up.bias"):
            state[name] = torch.zeros_like(state[name])
    if wanted.keeps_tone and not config.keeps_tone:
        _keep_tone(state, model, wanted)
    return state


@torch.no_grad()
def _keep_tone(state: dict[str, Tensor], model: AnyModel, wanted: ModelConfig) -> None:
    """Turn the codes' layer into that of functions without a mean: what they lose goes to the constant's codes."""
    assert isinstance(model.field, HyperField)
    basis = model.field.basis
    change = torch.eye(basis.num_functions)
    damping = basis.damping(torch.tensor(basis.finest_cell))[1:]
    change[1 : 1 + len(damping), 0] = damping * basis.means()
    change = torch.kron(change, change)
    layer = f"head{'.codes' if wanted.corrects else ''}.4"
    for name in (f"{layer}.weight", f"{layer}.bias"):
        codes = state[name].unflatten(0, (wanted.channels, -1))
        changed = torch.einsum("ab,ca...->cb...", change, codes)
        changed[:, 0] = 0
        state[name] = changed.flatten(0, 1)
