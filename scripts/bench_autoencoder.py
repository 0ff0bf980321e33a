"""Time an autoencoder's decoding of one digit, beside a `film` decoder that asks its network for every pixel.

Protocol: code -> picture as a float tensor, batch 1, float32, one thread, one process; medians of runs in turn after
three unmeasured ones, first of all that has 28 pixels a side, then of the large pictures. The film decoder has the same
code size, a SIREN of 4 hidden layers of 64, and random weights, which take as long as trained ones. Freed memory is
kept, as the command line does.

    python scripts/bench_autoencoder.py MODEL... [--runs 9] [--side 1024]
"""

import argparse
import functools
from collections.abc import Callable

import torch
from torch import Tensor

from amortized_sr.autoencoder import Autoencoder
from amortized_sr.autoencoder_config import AutoencoderConfig
from amortized_sr.benchmark.machine import describe_machine, interleaved_medians
from amortized_sr.freed_memory import keep_freed_memory
from amortized_sr.model_builder import build_autoencoder
from amortized_sr.weights import load_weights


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="bundled name or .safetensors file")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--side", type=int, default=1024, help="side in pixels of the large picture")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    print(__doc__.split("\n\n")[1].replace("\n", " ") if __doc__ else "")
    titles = ["encode 28", "decode 28", "film 28", f"decode {arguments.side}", f"film {arguments.side}"]
    print(f"\n{describe_machine()}, ms\n\n| model | {' | '.join(titles)} | times faster than film |")
    print("|---" * (len(titles) + 2) + "|")
    for name in arguments.models:
        trained = load_weights(name)
        model, config = trained.model, trained.config
        if not isinstance(model, Autoencoder) or not isinstance(config, AutoencoderConfig):
            parser.error(f"{name} is not an autoencoder")
        other = AutoencoderConfig(channels=config.channels, code=config.code, decoder="film", components=0)
        film = build_autoencoder(other).eval()
        image = torch.rand(1, model.channels, 28, 28)
        code = model.encode(image)
        encode = {"encode": functools.partial(model.encode, image)}
        small = interleaved_medians(encode | _decoding(model, film, code, 28), arguments.runs)
        large = interleaved_medians(_decoding(model, film, code, arguments.side), arguments.runs)
        cells = [f"{1000 * seconds:.2f}" for seconds in (*small.values(), *large.values())]
        print(f"| {name} | {' | '.join(cells)} | {large['film'] / large['own']:,.0f} |")


def _decoding(model: Autoencoder, film: Autoencoder, code: Tensor, side: int) -> dict[str, Callable[[], object]]:
    return {
        "own": lambda: model.decode(code).render((side, side)),
        "film": lambda: film.decode(code).render((side, side)),
    }


if __name__ == "__main__":
    main()
