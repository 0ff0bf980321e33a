"""Time 32x32x3 -> 1024x1024 and 1000x1000 in process, as ratios to Pillow's bicubic resize of the same image.

Protocol: encode + render to a float tensor, batch 1, float32, all threads of the machine; median of the runs after
three unmeasured ones; freed memory is kept, as by the command line. Pillow resizes the same 8-bit picture, in turn with
the model, in the same process. The `concat` field has LIIF's size (3x3 unfolding of 64 features, 4 hidden layers of
256, 4 neighbours) on the same encoder as the default weights, and is timed on a band of the output, in proportion.
First calls are medians of seven processes in which the weights have been loaded and nothing has been drawn.

    python scripts/bench_render.py [--model NAME] [--runs 30]
"""

import argparse
import dataclasses
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from amortized_sr import AmortizedSR, ModelConfig, Upscaler, build_model, keep_freed_memory
from amortized_sr.benchmark.machine import interleaved_medians
from amortized_sr.weights_header import DEFAULT_MODEL

_CONCAT_BAND = 32  # of 1024 rows

_FIRST_CALL = """
import sys, time
import numpy as np
from amortized_sr.freed_memory import keep_freed_memory
from amortized_sr.axes import Rendering
from amortized_sr.compute import Compute
from amortized_sr.strength import Strength
engine, model = sys.argv[1:]
keep_freed_memory()
if engine == "torch":
    from amortized_sr import Upscaler
    loaded = Upscaler.from_pretrained(model, device="cpu", precision="fp32")
else:
    from amortized_sr.runtime.engine import NumpyEngine
    loaded = NumpyEngine.from_pretrained(model, Compute())
image = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
begin = time.perf_counter()
rendering = Rendering((1024, 1024), (32, 32))
for strip in loaded.draw_rows(lambda first, stop: image[:, :, first:stop], rendering, [Strength()]):
    pass
print(time.perf_counter() - begin)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    keep_freed_memory()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
    upscaler = Upscaler.from_pretrained(arguments.model, device="cpu", precision="fp32")
    model = upscaler.model
    assert isinstance(model, AmortizedSR)
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    with torch.inference_mode():
        cases: dict[str, Callable[[], object]] = {
            "Pillow bicubic 1024": lambda: picture.resize((1024, 1024), Image.Resampling.BICUBIC),
            "encode": lambda: model.encode(image),
            "encode + render 1024": lambda: model(image, (1024, 1024)),
            "encode + render 1000": lambda: model(image, (1000, 1000)),
            "encode + render 1003x997": lambda: model(image, (1003, 997)),
        }
        before = _peak_mebibytes()
        model(image, (1024, 1024))
        print(f"peak memory: {before:.0f} MiB before, {_peak_mebibytes():.0f} MiB after the first 1024x1024")
        medians = interleaved_medians(cases, arguments.runs)
        assert isinstance(upscaler.trained.config, ModelConfig)
        for engine in ("numpy", "torch"):
            medians[f"first call, encode + render 1024, {engine}"] = _first_call_seconds(engine, arguments.model)
        medians["concat, encode + render 1024"] = _concat_seconds(upscaler.trained.config, image)
    pillow = medians["Pillow bicubic 1024"]
    print(f"\nmodel {arguments.model}\n\n| 32x32x3 to | ms | times Pillow |\n|---|---|---|")
    for name, seconds in medians.items():
        print(f"| {name} | {seconds * 1e3:.1f} | {seconds / pillow:.2f} |")
    ours = medians["encode + render 1024"]
    print(f"\nhyper is {medians['concat, encode + render 1024'] / ours:.0f} times faster than concat;", end=" ")
    print(f"1000x1000 takes {medians['encode + render 1000'] / ours:.2f} times as long as 1024x1024")


def _first_call_seconds(engine: str, model: str) -> float:
    """Return the time of the first picture that a process draws."""
    command = [sys.executable, "-c", _FIRST_CALL, engine, model]
    return statistics.median(float(subprocess.check_output(command, text=True)) for _ in range(7))


def _concat_seconds(config: ModelConfig, image: torch.Tensor) -> float:
    """Return the time of a concat field of LIIF's size, from a band of rows."""
    liif = dataclasses.replace(
        config, field="concat", encoder_width=64, field_width=256, field_depth=4, neighbors=4, channels=3
    )
    model = build_model(liif).eval()
    function = model.encode(image)
    window = (-1.0, -1.0, -1.0 + 2.0 * _CONCAT_BAND / 1024, 1.0)
    band = interleaved_medians({"band": lambda: function.render((_CONCAT_BAND, 1024), window)}, runs=3)["band"]
    encode = interleaved_medians({"encode": lambda: model.encode(image)}, runs=3)["encode"]
    return encode + band * 1024 / _CONCAT_BAND


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
