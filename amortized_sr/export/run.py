"""Draw a picture at any size with the graphs beside this file; needs numpy, Pillow and onnxruntime only.

    python run.py small.png large.png 4 [noise jpeg]

The last numbers are the strengths that a model may read, 0 for a clean picture; see `conditions` in model.json.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

FOLDER = Path(__file__).parent


def field(offset, step):
    radius = MODEL["neighbors"] ** 0.5 / 2
    blend = (1 + np.cos(np.pi * offset)) / 2 if MODEL["neighbors"] == 4 else 1.0
    window = np.where((offset >= -radius) & (offset < radius), blend, 0.0)
    blur = MODEL["blur"] * max(step, MODEL["finest_cell"])
    frequency = math.pi * np.array([0.0, *MODEL["frequency"]])
    window, angle = window[..., None] * np.exp(-0.5 * (blur * frequency) ** 2), offset[..., None] * frequency
    cosine = np.cos(angle) - np.array([0.0, *MODEL["means"]])
    return np.concatenate((window * cosine, window[..., 1:] * np.sin(angle[..., 1:])), -1)


def base(offset, step):
    t = np.abs(offset)[..., None]
    cubic = np.where(t < 1, (1.5 * t - 2.5) * t * t + 1, np.where(t < 2, ((-0.5 * t + 2.5) * t - 4) * t + 2, 0))
    return cubic if MODEL["skip"] == "bicubic" else (1 - t).clip(0)


def matrices(name, functions, reach, count, cells):
    """The pixels of an axis in blocks of eight cells: what each takes of the cells that its block reads."""
    step, blocks = cells / count, min(math.ceil(cells / 8), count)
    pixels = math.ceil(count / blocks)
    place = np.round(((np.arange(blocks * pixels) + 0.5) * step - 0.5) * 2**22).reshape(blocks, pixels, 1) / 2**22
    read = math.ceil(2 * (reach + (pixels - 1) * step / 2) - 1e-9) + 1
    centre = np.floor(place[:, :1] - reach) + 1 + np.arange(read)
    matrix = functions(place - centre, step).reshape(blocks, pixels, -1).astype(np.float32)
    return {name: matrix, f"{name}_index": centre[:, 0].clip(0, cells - 1).astype(np.int64)}


def run(name, **inputs):
    session = InferenceSession(FOLDER / name, providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    return dict(zip(outputs, map(np.asarray, session.run(outputs, inputs)), strict=True))


def main(source, target, scale, *strengths):
    picture = Image.open(source).convert("L" if MODEL["kind"] == "autoencoder" and MODEL["channels"] == 1 else "RGB")
    size = [int(float(scale) * side + 0.5) for side in (picture.height, picture.width)]
    image = np.asarray(picture, np.float32).reshape(picture.height, picture.width, -1).transpose(2, 0, 1) / 255
    if MODEL["kind"] == "autoencoder":
        frame, cubic = MODEL["frame"], Image.Resampling.BICUBIC
        image = np.stack([np.asarray(Image.fromarray(plane).resize(frame, cubic)) for plane in image])
        side = np.array([[min(*picture.size, *frame) / frame[0]]], np.float32)
        drawn = run("decode.onnx", **run("encoder.onnx", image=image[None], side=side))
    else:
        # A model for grey pictures draws each colour as a picture of its own.
        items = image[:, None] if MODEL["channels"] == 1 else image[None]
        values = [[float(value) for value in strengths or [0] * len(MODEL["conditions"])]] * len(items)
        told = {"strengths": np.array(values, np.float32)} if MODEL["conditions"] else {}
        drawn = run("encoder.onnx", image=items, **told)
    for name, functions, reach in (("field", field, MODEL["neighbors"] ** 0.5 / 2), ("base", base, 2.0)):
        if name == "field" or "base" in drawn:
            for axis, count, cells in zip(("down", "across"), size, drawn["codes"].shape[2:], strict=True):
                drawn |= matrices(f"{name}_{axis}", functions, reach, count, cells)
    colours = run("field.onnx", size=np.array(size, np.int64), **drawn)["picture"]
    colours = np.rint(colours.reshape(-1, *size).clip(0, 1) * 255).astype(np.uint8)
    Image.fromarray(colours[0] if len(colours) == 1 else colours.transpose(1, 2, 0)).save(target)


if __name__ == "__main__":
    MODEL = json.loads((FOLDER / "model.json").read_text())
    main(*sys.argv[1:])
