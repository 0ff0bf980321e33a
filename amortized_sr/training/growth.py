"""Trained weights -> the weights of a larger network that draws the same: what is new begins without an effect."""

from dataclasses import replace

import torch
from torch import Tensor

from amortized_sr.model_builder import AnyModel, build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.weights_header import Config


def reachable(config: Config, wanted: Config) -> Config:
    """Return the network nearest to the wanted one that a trained one can grow to.

    An upscaler can read further conditions behind its own, its `edsr` can become a `hybrid` with the same blocks, and
    both can get further blocks.
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
    return config


def grown_state(model: AnyModel, config: Config, wanted: Config) -> dict[str, Tensor]:
    """Return the weights of a larger network that draws what a model draws, whatever further conditions say.

    New convolutions are random, except those through which they reach the rest: these are zero. A new correction of the
    image is zero too.

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
    return state
