"""Draw docs/linearity.png: what the kitten's function does between pixels, and the effective kernels of three places.

First two rows: departure from straight lines, gradient (hue: direction) and Laplacian of bicubic interpolation and of
the default model, in the same colours. Then, for the flattest place, the clearest edge and the richest texture: the
pixels around it, Lanczos's kernel, the model's kernel in the same colours, and what a patch there depends on (three
decades).

    python scripts/make_linearity_picture.py [--folder docs]
"""

import argparse
from pathlib import Path

import torch
from PIL import Image

from amortized_sr.analysis.departure import departures
from amortized_sr.analysis.figures import direction_map, magnitude_map, signed_map
from amortized_sr.analysis.kernels import local_kernel
from amortized_sr.analysis.places import Place, typical_places
from amortized_sr.analysis.points import derivatives, sample_positions
from amortized_sr.benchmark.faults import CLEAN
from amortized_sr.benchmark.grid import captioned
from amortized_sr.benchmark.methods import Method, MethodSettings, method
from amortized_sr.image_io import read_picture
from amortized_sr.picture_tensor import picture_to_tensor, tensor_to_picture

_KITTEN = Path(__file__).resolve().parent.parent / "examples" / "kitten_64.png"
_SIDE, _RADIUS = 192, 7
_SETTINGS = MethodSettings(device="cpu")

# What the brightest colours stand for: colours, per pixel, per pixel squared.
_DEPARTURE, _GRADIENT, _LAPLACIAN = 0.08, 0.4, 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where linearity.png goes")
    folder = parser.parse_args().folder
    image = picture_to_tensor(read_picture(_KITTEN))
    rows = [_maps(method(name, _SETTINGS), image) for name in ("bicubic", "amortized")]
    rows += [_kernels(place, image) for place in typical_places(image)]
    captioned(rows).save(folder / "linearity.png", optimize=True)


def _maps(one: Method, image: torch.Tensor) -> list[tuple[str, Image.Image]]:
    function = one.make(image, CLEAN).function
    found = derivatives(function, sample_positions(function.size, 2))
    pictures = {
        "image": tensor_to_picture(image),
        f"{one.name}: departure": magnitude_map(departures(function).map.numpy(), _DEPARTURE),
        "gradient": direction_map(found.gradient.numpy(), _GRADIENT),
        "Laplacian": signed_map(found.laplacian.numpy(), _LAPLACIAN),
    }
    return _enlarged(pictures)


def _kernels(place: Place, image: torch.Tensor) -> list[tuple[str, Image.Image]]:
    rows, columns = (slice(centre - _RADIUS, centre + _RADIUS + 2) for centre in (place.row, place.column))
    lanczos, network = (
        local_kernel(forward, image, place)
        for name in ("lanczos", "amortized")
        if (forward := method(name, _SETTINGS).forward) is not None
    )
    largest = float(torch.stack((lanczos.kernel, network.kernel)).abs().max())
    decades = (network.dependence / network.dependence.max()).clamp(min=1e-3).log10() / 3 + 1
    pictures = {
        place.name: tensor_to_picture(image[..., rows, columns]),
        "Lanczos's kernel": signed_map(lanczos.kernel[rows, columns].numpy(), largest),
        f"network's, {network.numbers.pixels:.0f} pixels": signed_map(network.kernel[rows, columns].numpy(), largest),
        "a patch depends on": magnitude_map(decades[rows, columns].numpy(), 1.0),
    }
    return _enlarged(pictures)


def _enlarged(pictures: dict[str, Image.Image]) -> list[tuple[str, Image.Image]]:
    return [(name, one.resize((_SIDE, _SIDE), Image.Resampling.NEAREST)) for name, one in pictures.items()]


if __name__ == "__main__":
    main()
