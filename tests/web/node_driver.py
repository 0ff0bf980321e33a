"""Runs the page's modules in node."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WEB = Path(__file__).resolve().parents[2] / "amortized_sr" / "web"
CORE = WEB / "core.wasm"


def node(job: dict[str, object]) -> bytes:
    """Return what `draw.mjs` answers to a job."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs node")
    script = Path(__file__).parent / "draw.mjs"
    done = subprocess.run([program, script], input=json.dumps(job).encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def complaints_about(good: Path, bad: dict[str, bytes], **job: object) -> dict[str, str | None]:
    """Return what the page says about bad weights, and as `good` about those that they were made from."""
    paths = {"good": good}
    for number, (name, content) in enumerate(bad.items()):
        paths[name] = good.with_name(f"{number}.safetensors")
        paths[name].write_bytes(content)
    said = json.loads(node({"read": [str(path) for path in paths.values()], **job}))
    return dict(zip(paths, said, strict=True))


def pixels_of(picture: Image.Image, path: Path) -> dict[str, object]:
    """Write the pixels of a picture as a browser gives them, and return what a job says about them."""
    path.write_bytes(np.array(picture.convert("RGBA")).tobytes())
    return {"pixels": str(path), "width": picture.width, "height": picture.height}


def pictures(answer: bytes, sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    """Return the pictures (row, column, RGBA) of an answer that holds nothing else."""
    arrays, start = [], 0
    for height, width in sizes:
        stop = start + 4 * height * width
        arrays.append(np.frombuffer(answer[start:stop], np.uint8).reshape(height, width, 4))
        start = stop
    assert start == len(answer)
    return arrays
