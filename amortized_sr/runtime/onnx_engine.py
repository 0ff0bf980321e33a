"""A model on onnxruntime: renders pictures as `Upscaler` does, without torch."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float32

from amortized_sr.axes import Axis, Rendering, axes
from amortized_sr.choices import ConditionName, Precision
from amortized_sr.compute import Compute, Notify, ignore
from amortized_sr.coords import Size
from amortized_sr.engine import ReadArrays, Rows
from amortized_sr.model_config import ModelConfig
from amortized_sr.runtime.grid import Bands, Kernel, interpolation, sinusoids
from amortized_sr.runtime.images import check_choices, check_memory, draw_images, heights, shrink_rows
from amortized_sr.runtime.onnx_files import read_onnx_folder
from amortized_sr.runtime.weights import read_tensors
from amortized_sr.strength import Strength
from amortized_sr.weights_header import WEIGHTS_NAME


@final
class OnnxEngine:
    """The graphs of a trained model for pictures.

    Args:
        folder: What `amortized-sr export MODEL -o FOLDER` writes.
        compute: How much is computed at once; the device is the CPU and the precision fp32.
        threads: How many threads compute; 0 for one per core.

    Raises:
        WeightsError: If the folder holds something else.
        TorchNeededError: If what is asked of it is not among what this engine computes.
        ValueError: If the extra `onnx` is not installed.
    """

    def __init__(self, folder: Path, compute: Compute, threads: int = 0) -> None:
        if find_spec("onnx") is None or find_spec("onnxruntime") is None:
            raise ValueError("the engine onnx needs the extra: pip install 'amortized-sr[onnx]'")
        import onnxruntime

        check_choices("onnx", compute, tta=False)
        self._compute = compute
        files = read_onnx_folder(folder)
        assert isinstance(files.header.config, ModelConfig)
        config = self._config = files.header.config
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        sessions = [
            onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            for content in (files.encoder, files.field)
        ]
        self._encoder, self._drawing = sessions
        tensors = read_tensors(folder / WEIGHTS_NAME, files.header, config)
        blur = float(tensors["field.basis.blur"]) if config.footprint == "gauss" else None
        self._kernels: dict[str, Kernel] = {
            "field": sinusoids(
                tensors["field.basis.frequency"], blur, config.finest_cell, config.neighbors, config.keeps_tone
            )
        }
        if config.skip != "none":
            self._kernels["base"] = interpolation(config.skip)

    @property
    def conditions(self) -> tuple[ConditionName, ...]:
        """What the model reads beside the colours."""
        return self._config.conditions

    @property
    def precision(self) -> Precision:
        """Single precision, the only one of this engine."""
        return "fp32"

    def check_memory(self, image_size: Size) -> None:
        """Check that an image can be encoded as a whole.

        Raises:
            TorchNeededError: If that takes more than the memory that was given.
        """
        check_memory("onnx", self._config, image_size, self._compute.memory)

    def draw_rows(
        self,
        read_rows: ReadArrays,
        rendering: Rendering,
        strengths: Sequence[Strength],
        tta: bool = False,
        notify: Notify = ignore,
    ) -> Iterator[Rows]:
        """Yield a rendering from the top to the bottom, in strips of rows; see `engine.Engine`."""
        check_choices("onnx", self._compute, tta)
        self.check_memory(rendering.image_size)
        told = [strength.conditions(self.conditions) for strength in strengths]
        return draw_images(self._draw, read_rows, rendering, told)

    def shrink_rows(self, strips: Iterator[Rows], rendering: Rendering) -> Iterator[Rows]:
        """Bring strips of a rendering's drawn size to its own size, with Pillow's antialiased bicubic kernel."""
        return shrink_rows(strips, rendering)

    def _draw(
        self, image: Float32[np.ndarray, "colour height width"], told: Sequence[float], rendering: Rendering
    ) -> Iterator[Float32[np.ndarray, "colour rows width"]]:
        """Yield one image's strips, with the conditions that the model reads."""
        grey = self._config.channels == 1
        # As in `ImageModel`: a grey model sees each colour alone, a colour model sees grey as three equal colours.
        items = image[:, None] if grey else np.broadcast_to(image, (1, 3, *image.shape[1:]))
        inputs = {"image": np.ascontiguousarray(items)}
        if told:
            inputs["strengths"] = np.array([told] * len(items), np.float32)
        outputs = zip(self._encoder.get_outputs(), self._encoder.run(None, inputs), strict=True)
        latent = {output.name: np.asarray(values) for output, values in outputs}
        rows, columns = axes(rendering.size, rendering.image_size)
        across = {name: Bands.of(kernel, columns) for name, kernel in self._kernels.items()}
        first = 0
        for height in heights(rendering.size, rendering.image_size):
            part = Axis(height, rows.cells, rows.start + first * rows.step, rows.step)
            drawn = self._draw_strip(latent, part, across, columns.count)
            yield drawn[:, 0] if grey else drawn[0].mean(axis=0, keepdims=True) if len(image) == 1 else drawn[0]
            first += height

    def _draw_strip(
        self, latent: dict[str, np.ndarray], rows: Axis, across: dict[str, Bands], count: int
    ) -> Float32[np.ndarray, "items colour rows columns"]:
        inputs: dict[str, np.ndarray] = {"size": np.array((rows.count, count), np.int64)}
        for name, kernel in self._kernels.items():
            down = Bands.of(kernel, rows)
            start, last = int(down.blocks.index.min()), int(down.blocks.index.max())
            source = "codes" if name == "field" else "base"
            inputs[source] = np.ascontiguousarray(latent[source][:, :, start : last + 1])
            inputs |= {f"{name}_down": down.matrix, f"{name}_down_index": down.blocks.index - start}
            inputs |= {f"{name}_across": across[name].matrix, f"{name}_across_index": across[name].blocks.index}
        return np.asarray(self._drawing.run(["picture"], inputs)[0])
