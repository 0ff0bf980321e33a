"""How low-resolution images are made from their targets, for training and for measuring."""

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from amortized_sr.choices import ConditionName, ShrinkingName
from amortized_sr.coords import Size
from amortized_sr.jpeg import PERIOD, compress
from amortized_sr.jpeg_strength import condition_of_step
from amortized_sr.model_config import check_bounds
from amortized_sr.noise import gaussian_noise
from amortized_sr.picture_tensor import add_conditions
from amortized_sr.resize import blur, shrink_height, shrink_width

# Streams of random numbers: (seed, stream, sample number). Training pairs use the streams 0 to 3.
_NOISE, _SHRINKING, _JPEG = range(4, 7)

# The part of the noisy samples whose noise is below `noise_mostly_below`.
_MOSTLY = 0.75


class Degraded(NamedTuple):
    """Low-resolution images and their conditions for an encoder.

    Attributes:
        image: Multiples of 1/255 in [0, 1], except where noise is not rounded; see `Degradation.rounded_share`.
        conditions: One number for each image and each of `Degradation.conditions`.
    """

    image: Float[Tensor, "batch channel rows columns"]
    conditions: Float[Tensor, "batch condition"]

    @property
    def planes(self) -> Float[Tensor, "batch plane rows columns"]:
        """The image's colours, then a constant plane for each condition."""
        return add_conditions(self.image, self.conditions)


# Not marked final: jsonargparse takes no final class for a default.
@dataclass(frozen=True)
class Degradation:
    """Shrinks, rounds to 8 bits, adds noise, rounds again, and writes JPEG.

    The default is the benchmark's: shrinking by the antialiased bicubic kernel alone. Everything random is a function
    of the seed and a sample's number. A sample is clean, or has noise, or JPEG, or both. Clean ones are the default's,
    with strengths of 0. Equal bounds are a fixed strength: `Degradation(noise=(25.0, 25.0))`.

    Attributes:
        noise: Smallest and largest standard deviation of Gaussian noise, of 255; uniform between them.
        clean_share: Share of the clean samples.
        noise_only_share: Share of the samples with noise and no JPEG, where both are set.
        jpeg_only_share: Share of the samples with JPEG and no noise, where both are set; the rest has both.
        noise_mostly_below: Three quarters of the noisy samples are below this strength, uniform, the others uniform
            above; 0 is uniform over the whole range.
        grey_noise_share: Share of the noisy samples with equal noise in all channels.
        correlated_noise_share: Share of the noisy samples whose noise is similar in neighbouring pixels.
        jpeg: Lowest and highest quality of JPEG from 1 to 100, all as likely; 0 to 0 is no JPEG.
        half_chroma_share: Share of the JPEG files that hold their colours at half the size (4:2:0).
        cut_jpeg: Whether JPEG's blocks begin anywhere, as in a picture that was cut out; else at the first pixel.
        second_jpeg_share: Share of the samples with JPEG that were another JPEG file before.
        box_share: Share of the samples shrunk by exact means over pixels. This and what follows counts among the
            samples that are not clean, and changes nothing where an image keeps its size.
        bilinear_share: Share of the samples shrunk by the bilinear kernel.
        lanczos_share: Share of the samples shrunk by the Lanczos kernel; the rest is bicubic.
        blur_share: Share of the samples that are blurred before they are shrunk.
        blur: Largest deviation of their Gaussian blur, in pixels of the result; uniform from 0.
        rounded_share: Share of the samples with noise and no JPEG that are clipped and rounded to 8 bits, as in files.
            Published measurements of denoising do neither, and clipping hides a part of strong noise.
        same_size_clean_share: The clean share among samples that keep their size, whose clean ones are their own
            targets; None is `clean_share`.
    """

    noise: tuple[float, float] = (0.0, 0.0)
    clean_share: float = 0.0
    noise_only_share: float = 0.0
    jpeg_only_share: float = 0.0
    noise_mostly_below: float = 0.0
    grey_noise_share: float = 0.0
    correlated_noise_share: float = 0.0
    jpeg: tuple[int, int] = (0, 0)
    half_chroma_share: float = 1.0
    cut_jpeg: bool = False
    second_jpeg_share: float = 0.0
    box_share: float = 0.0
    bilinear_share: float = 0.0
    lanczos_share: float = 0.0
    blur_share: float = 0.0
    blur: float = 0.7
    rounded_share: float = 1.0
    same_size_clean_share: float | None = None

    def __post_init__(self) -> None:
        """Reject settings without a meaning."""
        low, high = self.noise
        if not 0 <= low <= high <= 255:
            raise ValueError(f"noise must satisfy 0 <= low <= high <= 255, got {low} to {high}")
        if self.noise_mostly_below and not low < self.noise_mostly_below < high:
            raise ValueError(
                f"noise_mostly_below must be inside the range of noise, {low} to {high}, or 0 for uniform noise, "
                f"got {self.noise_mostly_below}"
            )
        worst, best = self.jpeg
        if self.jpeg != (0, 0) and not 1 <= worst <= best <= 100:
            raise ValueError(
                f"jpeg must satisfy 1 <= low <= high <= 100, or be 0 to 0 for no JPEG, got {worst} to {best}"
            )
        same_size = {} if self.same_size_clean_share is None else {"same_size_clean_share": (0, 1)}
        check_bounds(self, dict.fromkeys(_SHARES, (0, 1)) | {"blur": (0, 10)} | same_size)
        if same_size and self.clean_share == 1:
            raise ValueError("same_size_clean_share needs a clean_share below 1, got 1.0")
        for names in _PARTS:
            if sum(getattr(self, name) for name in names) > 1 + 1e-9:
                values = ", ".join(f"{name} {getattr(self, name)}" for name in names)
                raise ValueError(f"these must be shares of one whole, got {values}; lower one of them")
        if self.noise_only_share + self.jpeg_only_share > 0 and len(self.conditions) < 2:
            raise ValueError("noise_only_share and jpeg_only_share must be 0 unless noise and jpeg are both set")

    @property
    def conditions(self) -> tuple[ConditionName, ...]:
        """Names of the numbers that come with each image."""
        return (*(("noise",) if self.noise[1] > 0 else ()), *(("jpeg",) if self.jpeg[1] > 0 else ()))

    def __call__(
        self, target: Float[Tensor, "batch channel height width"], size: Size, seed: int = 0, first: int = 0
    ) -> Degraded:
        """Return the low-resolution images of targets.

        Clean images equal Pillow's `resize(..., BICUBIC)` of an 8-bit image within 1/255: like Pillow, first along
        x, then along y, with rounding after each.

        Args:
            target: Values in [0, 1].
            size: `(height, width)` of the result in pixels.
            seed: Decides all that is random, together with the samples' numbers.
            first: Number of the first sample.

        Example:
            >>> Degradation()(torch.ones(1, 3, 8, 8), (4, 4)).image.shape
            torch.Size([1, 3, 4, 4])
        """
        return self.add_faults(self.shrink(target, size, seed, first), seed, first)

    def at_same_size(self) -> "Degradation":
        """Return the degradation of samples that keep their size; see `same_size_clean_share`."""
        if self.same_size_clean_share is None:
            return self
        factor = (1 - self.same_size_clean_share) / (1 - self.clean_share)
        return replace(
            self,
            clean_share=self.same_size_clean_share,
            noise_only_share=self.noise_only_share * factor,
            jpeg_only_share=self.jpeg_only_share * factor,
        )

    def shrink(
        self, target: Float[Tensor, "batch channel height width"], size: Size, seed: int = 0, first: int = 0
    ) -> Float[Tensor, "batch channel rows columns"]:
        """Return shrunk targets without noise or JPEG; see `__call__`."""
        image = _shrunk(target, size, "bicubic")
        if target.shape[-2:] == size or not any(getattr(self, name) for name in (*_KERNELS, "blur_share")):
            return image
        for index in range(len(image)):
            if self._faults(seed, first + index) == (False, False):
                continue
            random = np.random.default_rng((seed, _SHRINKING, first + index))
            kernel, blurred, sigma = self._kernel(random.random()), random.random(), random.uniform(0, self.blur)
            one = target[index : index + 1]
            if blurred < self.blur_share:
                # Both axes alike, in pixels of the result.
                one = blur(one, sigma * max(one.shape[-2] / size[0], one.shape[-1] / size[1]))
            image[index] = _shrunk(one, size, kernel)[0]
        return image

    def add_faults(self, image: Float[Tensor, "batch channel rows columns"], seed: int = 0, first: int = 0) -> Degraded:
        """Return images of 8 bits in [0, 1] with noise and JPEG, and their strengths; see `__call__`."""
        if not self.conditions:
            return Degraded(image, image.new_empty(len(image), 0))
        strengths: dict[ConditionName, Tensor] = {}
        numbers = range(first, first + len(image))
        if "noise" in self.conditions:
            samples = [self._noise(image[0].shape, seed, number) for number in numbers]
            sigma = image.new_tensor([strength / 255 for strength, *_ in samples])
            noise = torch.from_numpy(np.stack([values for _, values, _ in samples])).to(image)
            noisy = image + sigma[:, None, None, None] * noise
            rounded = torch.tensor([rounded for *_, rounded in samples], device=image.device)
            image = torch.where(rounded[:, None, None, None], _round(noisy), noisy)
            strengths["noise"] = sigma
        if "jpeg" in self.conditions:
            strengths["jpeg"] = image.new_zeros(len(image))
            image = image.clone()
            for index, number in enumerate(numbers):
                if self._faults(seed, number)[1]:
                    pixels = (image[index] * 255).round().byte().permute(1, 2, 0).cpu().numpy()
                    decoded, strengths["jpeg"][index] = self._jpeg(pixels, seed, number)
                    image[index] = torch.from_numpy(decoded.copy()).permute(2, 0, 1).to(image) / 255
        return Degraded(image, torch.stack([strengths[name] for name in self.conditions], dim=1))

    def _faults(self, seed: int, number: int) -> tuple[bool, bool]:
        """Return whether a sample has noise, and whether it has JPEG, where they are set."""
        kind = np.random.default_rng((seed, _NOISE, number)).random() - self.clean_share
        if kind < 0:
            return False, False
        if kind < self.noise_only_share + self.jpeg_only_share:
            return kind < self.noise_only_share, kind >= self.noise_only_share
        return True, True

    def _noise(self, shape: tuple[int, ...], seed: int, number: int) -> tuple[float, np.ndarray, bool]:
        """Return a sample's deviation of 255, noise of deviation 1, and whether both together are rounded."""
        noisy, compressed = self._faults(seed, number)
        if not noisy:
            return 0.0, np.zeros(shape, np.float32), True
        random = np.random.default_rng((seed, _NOISE, number))
        _, place, (low, high), middle = random.random(), random.random(), self.noise, self.noise_mostly_below
        if middle:
            strength = float(np.interp(place, (0, _MOSTLY, 1), (low, middle, high)))
        else:
            strength = low + (high - low) * place
        noise = gaussian_noise(random, shape, self.grey_noise_share, self.correlated_noise_share)
        in_file = compressed and "jpeg" in self.conditions
        return strength, noise, in_file or random.random() < self.rounded_share

    def _jpeg(self, pixels: np.ndarray, seed: int, number: int) -> tuple[np.ndarray, float]:
        """Return a sample's pixels out of its last file, and that file's strength."""
        random = np.random.default_rng((seed, _JPEG, number))
        step = 0.0
        for _ in range(2 if random.random() < self.second_jpeg_share else 1):
            quality, half = int(random.integers(self.jpeg[0], self.jpeg[1] + 1)), random.random()
            top, left = random.integers(0, PERIOD if self.cut_jpeg else 1, 2).tolist()
            pixels, step = compress(pixels, quality, half < self.half_chroma_share, (top, left))
        return pixels, condition_of_step(step)

    def _kernel(self, place: float) -> ShrinkingName:
        """Return the kernel at a place from 0 to 1 among the shares."""
        for name, kernel in _KERNELS.items():
            if place < getattr(self, name):
                return kernel
            place -= getattr(self, name)
        return "bicubic"


_KERNELS: dict[str, ShrinkingName] = {"box_share": "box", "bilinear_share": "bilinear", "lanczos_share": "lanczos"}

# Settings that are parts of one whole, then all that are shares.
_PARTS = (
    ("clean_share", "noise_only_share", "jpeg_only_share"),
    ("grey_noise_share", "correlated_noise_share"),
    tuple(_KERNELS),
)
_SHARES = [name for names in _PARTS for name in names]
_SHARES += ["half_chroma_share", "second_jpeg_share", "blur_share", "rounded_share"]


def changed_settings(degradation: Degradation) -> dict[str, object]:
    """Return the settings that are not the default's, by name."""
    return {
        field.name: value
        for field in fields(degradation)
        if (value := getattr(degradation, field.name)) != field.default
    }


def _shrunk(image: Tensor, size: Size, kernel: ShrinkingName) -> Tensor:
    if image.shape[-2:] == size:
        return _round(image)
    return _round(shrink_height(_round(shrink_width(image, size[1], kernel)), size[0], kernel))


def _round(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255).round() / 255
