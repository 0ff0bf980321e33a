"""Names that settings and commands choose from, each list written once. Loads nothing."""

from typing import Literal

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
"""Where to compute; `auto` takes the fastest device of the machine."""

EngineName = Literal["auto", "torch", "numpy", "onnx"]
"""What computes pictures. `auto` takes numpy where it is faster from start to end, because it need not load torch, and
otherwise torch. `onnx` takes the graphs in a folder that `export` wrote."""

ExportName = Literal["safetensors", "onnx", "hub"]
"""What `export` writes: one file of weights, a folder of ONNX graphs, or a folder in the layout of the hub."""

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""Number format of the encoder. Rendering is always fp32: colours are sums of many products."""

FormatName = Literal["png", "jpg", "webp", "avif", "tif", "bmp"]
"""File formats that can be written."""

NetworkName = Literal["notebook", "relu", "fourier", "siren", "finer"]
"""Coordinate networks that can be fitted to one image."""

Normalization = Literal["unit", "centered", "standardized"]
"""Coordinate systems other than the package's own; see `coords`."""

FitCoords = Literal["own", "unit", "centered", "standardized"]
"""Coordinate systems of a fitted network; `own` is the package's, (y, x) in [-1, 1]."""

Convention = Literal["y", "rgb", "plain"]
"""How pictures are measured. `y`: luma, without a border of `scale` pixels (Set5). `rgb`: all channels,
without a border of `scale + 6` (DIV2K, photographs). `plain`: every pixel and channel (MNIST)."""

WandbMode = Literal["disabled", "offline", "online"]
"""Whether a run is logged to Weights & Biases."""

CheckpointWeights = Literal["averaged", "last"]
"""Weights in a training checkpoint: their moving average, which a run exports, or those of the last step."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
"""Pillow's filters: bicubic has a = -0.5, lanczos three lobes."""

InterpolationName = Literal["bilinear", "bicubic"]
"""Kernels of the interpolated image below the learned part."""

ShrinkingName = Literal["bicubic", "box", "bilinear", "lanczos"]
"""Antialiased kernels that make small images; `box` is the exact mean over each pixel, the others are Pillow's."""

EncoderName = Literal["edsr", "hybrid", "span"]
"""Trunks that turn an image into features."""

FieldName = Literal["hyper", "learned", "concat", "film"]
"""Coordinate networks that turn (offset, cell, code) into colour."""

Neighbors = Literal[1, 4]
"""How many latent cells contribute to a point: the nearest, or the four around it."""

Footprint = Literal["point", "gauss", "box"]
"""The region that a query asks about. `point`: the pixel's centre. `gauss`: each sinusoid is damped as by a Gaussian as
wide as the pixel times a learned factor; window and constant stay. `box`: the exact mean over the pixel."""

ConditionName = Literal["noise", "jpeg"]
"""Facts about an image that an encoder can read, 0 for none. `noise`: standard deviation of its Gaussian noise; 1 is
white. `jpeg`: strength of its compression, see `jpeg_strength.condition_of_step`."""

DenoiserName = Literal["bm3d", "tv", "wavelet", "nlm"]
"""Denoisers of other packages, for comparison. `bm3d`: block matching. Of scikit-image: total variation, wavelets with
BayesShrink, non-local means."""

DecoderName = Literal["linear", "modulated", "film", "hyper", "learned"]
"""How an autoencoder's code becomes the codes of a field; see `AutoencoderConfig`."""

TaskName = Literal["upscaler", "autoencoder"]
"""What is trained: a model that enlarges any image, or one code for every image of a data set."""

CodePathName = Literal["line", "sphere", "prior"]
"""Paths between two codes. `line`: the straight one. `sphere`: direction and distance from the mean of the training
images' codes change evenly. `prior`: a short path that stays where the training images' codes are dense."""

ActivationName = Literal["tanh", "sine", "gauss", "softplus"]
"""Activations of random coordinate networks."""

SymmetryName = Literal["none", "radius", "mirror", "polar"]
"""What a random coordinate network sees of a point. `none`: y and x. `radius`: also the distance from the middle.
`mirror`: left and right alike. `polar`: as many equal sectors as there are folds."""

PaletteName = Literal["rgb", "hsv", "grey"]
"""How the outputs of a random coordinate network become colours."""

MorphName = Literal["pixels", "latents", "weights", "codes"]
"""What a morph interpolates. `pixels`: the colours. `latents`: the codes of every cell and the base image. `weights`:
those of two fitted networks. `codes`: those of an autoencoder, one for each image."""

MorphChoice = Literal["all", "pixels", "latents", "weights", "codes"]
"""One kind of morph, or all side by side."""

FitStart = Literal["first", "seed"]
"""Where the second of two fits begins: at the weights of the first, or where the first began."""

DreamName = Literal["latents", "weights"]
"""What draws an image past its borders: its latent, or a network that was fitted to it."""
