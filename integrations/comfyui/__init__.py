"""Two nodes for ComfyUI: an image becomes a function, and a function is drawn at any size, in any window."""

from functools import lru_cache

import torch
from comfy_api.latest import ComfyExtension, io

from amortized_sr import ContinuousImage, ModelConfig, Upscaler
from amortized_sr.sizes import check_size
from amortized_sr.weights_header import bundled_models, read_header

CATEGORY = "image/upscaling"

Function = io.Custom("AMORTIZED_SR_FUNCTION")


class EncodeImage(io.ComfyNode):
    """Image -> function, with one forward pass."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        # Autoencoders draw what they have learned, not the image.
        models = [name for name, path in bundled_models().items() if isinstance(read_header(path).config, ModelConfig)]
        return io.Schema(
            node_id="AmortizedSR_EncodeImage",
            display_name="Image to Function (amortized_sr)",
            category=CATEGORY,
            description="Turns images into functions that can be drawn at any size. Noise and compression are removed "
            "by models that read them.",
            inputs=[
                io.Image.Input("image"),
                io.Combo.Input("model", options=models, default="photo-tiny", tooltip="Bundled weights."),
                io.Float.Input(
                    "noise", default=0.0, min=0.0, max=75.0, step=1.0, tooltip="Sigma of the noise, of 255."
                ),
                io.Int.Input("jpeg", default=0, min=0, max=100, tooltip="Quality of the JPEG; 0 for none."),
            ],
            outputs=[Function.Output(display_name="function")],
        )

    @classmethod
    def execute(cls, image: torch.Tensor, model: str, noise: float, jpeg: int) -> io.NodeOutput:
        """Return the images (batch, height, width, channels) as one function."""
        colours = image[..., :3].movedim(-1, 1).clamp(0, 1)
        return io.NodeOutput(_upscaler(model).encode(colours, noise=noise, jpeg=jpeg))


class RenderFunction(io.ComfyNode):
    """Function -> image of any size, of any window."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        edges = [("left", 0.0), ("top", 0.0), ("right", 1.0), ("bottom", 1.0)]
        return io.Schema(
            node_id="AmortizedSR_RenderFunction",
            display_name="Render Function (amortized_sr)",
            category=CATEGORY,
            description="Draws a part of a function at any size. The whole image is left 0, top 0, right 1, bottom 1.",
            inputs=[
                Function.Input("function"),
                io.Float.Input(
                    "scale", default=4.0, min=1.0, max=64.0, step=0.01, tooltip="Output pixels per input pixel."
                ),
                io.Int.Input("width", default=0, min=0, max=16384, tooltip="Pixels instead of the scale; 0: scale."),
                io.Int.Input("height", default=0, min=0, max=16384, tooltip="Pixels instead of the scale; 0: scale."),
                *(io.Float.Input(name, default=value, min=0.0, max=1.0, step=0.001) for name, value in edges),
            ],
            outputs=[io.Image.Output(display_name="image")],
        )

    @classmethod
    def execute(
        cls,
        function: ContinuousImage,
        scale: float,
        width: int,
        height: int,
        left: float,
        top: float,
        right: float,
        bottom: float,
    ) -> io.NodeOutput:
        """Return the images (batch, height, width, 3) on the CPU, as ComfyUI's other nodes take them."""
        if not (left < right and top < bottom):
            raise ValueError(
                f"left must be below right and top below bottom, got left {left}, right {right}, top {top}, "
                f"bottom {bottom}"
            )
        shown = (bottom - top) * function.size[0], (right - left) * function.size[1]
        size = check_size((height or max(1, int(scale * shown[0] + 0.5)), width or max(1, int(scale * shown[1] + 0.5))))
        with torch.inference_mode():
            drawn = function.render(size, (2 * top - 1, 2 * left - 1, 2 * bottom - 1, 2 * right - 1))
            colours = drawn.clamp(0, 1).movedim(1, -1).expand(-1, -1, -1, 3)
        return io.NodeOutput(colours.cpu())


class AmortizedSRExtension(ComfyExtension):
    """The nodes of this folder."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Return the nodes."""
        return [EncodeImage, RenderFunction]


async def comfy_entrypoint() -> AmortizedSRExtension:
    """Return the extension; ComfyUI calls this."""
    return AmortizedSRExtension()


@lru_cache(maxsize=2)
def _upscaler(model: str) -> Upscaler:
    """Return a model; ComfyUI runs a node again for each change of a dial."""
    return Upscaler.from_pretrained(model)
