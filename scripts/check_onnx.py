"""Compare the ONNX graphs of models with torch: the encoder, the drawing at several scales, and whole models.

Protocol: one random 8-bit colour image of 24x20 pixels (seed 0; grey models: its colours as a batch), strengths of
noise 20 and JPEG 40 where the model reads them; autoencoders: a digit, examples/digit_28.png. Largest absolute
difference of codes, of the base image, and of drawn colours in [0, 1], both engines in float32. Levels: largest
difference of `run.py`'s 8-bit picture from that of `amortized-sr upscale` in fp32, for a picture given with --picture.

    python scripts/check_onnx.py [MODEL ...] [--picture examples/kitten_64.png]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from torch import Tensor

from amortized_sr import Upscaler, load_weights
from amortized_sr.autoencoder import Autoencoder
from amortized_sr.axes import Axis, axes
from amortized_sr.export.folder import FIXED_SCALES, write_onnx_folder
from amortized_sr.fields.hyper import HyperField
from amortized_sr.latent import Latent
from amortized_sr.model import AmortizedSR
from amortized_sr.model_config import ModelConfig
from amortized_sr.picture_tensor import picture_to_tensor
from amortized_sr.runtime.grid import Bands, Kernel, interpolation, sinusoids
from amortized_sr.strength import Strength
from amortized_sr.weights import TrainedModel
from amortized_sr.weights_header import bundled_models

SCALES = 1.5, 2, 3.7, 8, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=sorted(bundled_models()))
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    heads = " | ".join(f"x{scale:g}" for scale in SCALES)
    fixed = " | ".join(f"fixed x{scale}" for scale in FIXED_SCALES)
    print(f"| model | codes | base | {heads} | {fixed} | run.py, levels |")
    print("|" + "---|" * (4 + len(SCALES) + len(FIXED_SCALES)))
    for name in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            trained = load_weights(name)
            for path in write_onnx_folder(trained, Path(folder)):
                if path.suffix == ".onnx":
                    onnx.checker.check_model(onnx.load(path), full_check=True)
            cells = [f"{value:.1e}" if value else "0" for value in differences(trained, Path(folder))]
            cells += [""] * (2 + len(SCALES) + len(FIXED_SCALES) - len(cells))
            levels = (
                "" if arguments.picture is None else str(level_difference(trained, Path(folder), arguments.picture))
            )
            print(f"| `{name}` | {' | '.join(cells)} | {levels} |", flush=True)


@torch.inference_mode()
def differences(trained: TrainedModel, folder: Path) -> list[float]:
    """Return the differences of codes and base, then of pictures at each scale, then of each fixed scale."""
    model = trained.model
    torch.manual_seed(0)
    if isinstance(model, Autoencoder):
        digit = Image.open("examples/digit_28.png").resize((model.frame[1], model.frame[0]))
        image = picture_to_tensor(digit.convert("L" if model.channels == 1 else "RGB"))
        code = model.encode(image)
        told = run(folder / "encoder.onnx", image=image, side=torch.ones(1, 1))
        decoded = run(folder / "decode.onnx", code=code)
        latent = Latent(model.decoder(code), model.frame, model.channels)
        result = [difference(told["code"], code), difference(decoded["codes"], latent.codes)]
        return result + [drawing_difference(trained, latent, folder, scale) for scale in SCALES]
    assert isinstance(model, AmortizedSR)
    image = (torch.rand(1, 3, 24, 20) * 255).round() / 255
    image = image.movedim(1, 0) if model.channels == 1 else image
    strengths = torch.tensor([Strength(20, 5).conditions(model.conditions)]).expand(len(image), -1)
    planes = torch.cat((image, strengths[:, :, None, None].expand(-1, -1, *image.shape[-2:])), dim=1)
    latent = model.encode(planes).latent
    told = run(folder / "encoder.onnx", image=image, **({"strengths": strengths} if model.conditions else {}))
    result = [difference(told["codes"], latent.codes)]
    result.append(0.0 if latent.image is None else difference(told["base"], latent.image))
    result += [drawing_difference(trained, latent, folder, scale) for scale in SCALES]
    planes = torch.cat((image, torch.zeros_like(planes[:, model.channels :])), dim=1)
    for scale in FIXED_SCALES:
        drawn = model(planes, (24 * scale, 20 * scale)).clamp(0, 1)
        result.append(difference(run(folder / f"x{scale}.onnx", image=image)["picture"], drawn))
    return result


def drawing_difference(trained: TrainedModel, latent: Latent, folder: Path, scale: float) -> float:
    """Return the difference of a latent's picture at a scale from torch's."""
    model = trained.model
    size = tuple(int(side * scale + 0.5) for side in latent.image_size)
    inputs: dict[str, Any] = {"codes": latent.codes, "size": torch.tensor(size)}
    field = model.field
    assert isinstance(field, HyperField)
    basis = field.basis
    blur = None if basis.blur is None else float(basis.blur)
    kernel = sinusoids(basis.frequency.numpy(), blur, basis.finest_cell, basis.neighbors, basis.keeps_tone)
    kernels = {"field": (kernel, latent.codes)}
    if latent.image is not None and isinstance(trained.config, ModelConfig) and trained.config.skip != "none":
        inputs["base"] = latent.image
        kernels["base"] = (interpolation(trained.config.skip), latent.image)
    for name, (kernel, grid) in kernels.items():
        down, across = axes((size[0], size[1]), (grid.shape[-2], grid.shape[-1]))
        inputs |= matrices(f"{name}_down", kernel, down) | matrices(f"{name}_across", kernel, across)
    drawn = run(folder / "field.onnx", **inputs)["picture"]
    return difference(drawn, model.function_of(latent).render((size[0], size[1])))


def matrices(name: str, kernel: Kernel, axis: Axis) -> dict[str, np.ndarray]:
    bands = Bands.of(kernel, axis)
    return {name: bands.matrix, f"{name}_index": bands.blocks.index}


def run(path: Path, **inputs: Tensor | np.ndarray) -> dict[str, Tensor]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    arrays = {
        name: value.contiguous().numpy() if isinstance(value, Tensor) else value for name, value in inputs.items()
    }
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, map(torch.from_numpy, session.run(None, arrays)), strict=True))


def difference(first: Tensor, second: Tensor) -> float:
    assert first.shape == second.shape
    return float((first - second).abs().max())


def level_difference(trained: TrainedModel, folder: Path, picture: Path) -> int:
    """Return the largest difference of `run.py`'s picture at x4 from torch's, in levels of 255."""
    target = folder / "drawn.png"
    subprocess.run([sys.executable, folder / "run.py", picture, target, "4"], check=True)
    drawn = np.asarray(Image.open(target)).astype(int)
    source = Image.open(picture)
    if isinstance(trained.model, Autoencoder):
        from amortized_sr import Coder

        coder = Coder(trained.model, "cpu")
        ours = coder.pictures(coder.encode([source]))[0].render((source.height * 4, source.width * 4))
    else:
        upscaler = Upscaler.from_pretrained(folder, "cpu", precision="fp32")
        ours = upscaler.upscale(source.convert("RGB"), scale=4, noise="off", jpeg="off")
    return int(np.abs(np.asarray(ours).astype(int) - drawn).max())


if __name__ == "__main__":
    main()
