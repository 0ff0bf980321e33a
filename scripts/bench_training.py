"""Time training steps: images and supervised megapixels per second, and the share of time spent on loading data.

Protocol: the committed configuration of MNIST (or the one named) on random images of the crop's size, so that no
download is measured; 100 steps after 10 unmeasured ones. "Loading" is the time the loop waits for the next batch of
crops plus the time to degrade it; the rest is forward, backward and the optimiser.

With --shards, the same images lie in twenty shards in a folder that is used as a remote store: two are mixed at a time,
at most four have a copy on "this machine", and copying and checking them counts where the loop waits for it.

    python scripts/bench_training.py [--config configs/mnist.yaml] [--steps 100] [--shards] [--workers 0]
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from amortized_sr.data.cache import pack
from amortized_sr.data.images import DecodedImages
from amortized_sr.data.pairs import CropDataset, ScaleRange, StepSampler, collate_crops, cut_pair
from amortized_sr.data.scenes import draw_scenes
from amortized_sr.data.shard_writing import write_shards
from amortized_sr.data.sharded_store import open_shards
from amortized_sr.degradation import Degradation
from amortized_sr.devices import has_bfloat16
from amortized_sr.model_config import ModelConfig
from amortized_sr.stores import store_at
from amortized_sr.training.losses import pixel_loss
from amortized_sr.training.super_resolution import SuperResolutionTask


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/mnist.yaml"))
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--shards", action="store_true", help="read from shards in a store")
    parser.add_argument("--workers", type=int, default=0, help="processes that cut crops")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments, Path(folder))


def measure(arguments: argparse.Namespace, folder: Path) -> None:
    settings = yaml.safe_load(arguments.config.read_text())
    data = settings["data"]
    network = ModelConfig(**settings["model"]["network"])
    side, batch_size = data["crop_size"], data["batch_size"]
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (side, side, network.channels), dtype=np.uint8) for _ in range(2000)]
    store: DecodedImages = pack(images)
    if arguments.shards:
        written = write_shards(images, store_at(folder / "store"), network.channels, 100 * images[0].size)
        assert written is not None
        limit = 4 * max(shard.bytes for shard in written.shards)
        store = open_shards(f"file://{folder / 'store'}", 2, folder / "cache", limit)
    del images
    dataset = CropDataset(store, side, data.get("augment", True), seed=0)
    sampler = StepSampler(10**6, batch_size, steps_done=lambda: 0, rank=0, world_size=1)
    loader = iter(
        torch.utils.data.DataLoader(
            dataset, batch_sampler=sampler, collate_fn=collate_crops, num_workers=arguments.workers
        )
    )
    scales = ScaleRange(**data["scales"])
    given: dict[str, Any] = data.get("degradation", {})
    tuples: dict[str, Any] = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    degradation = Degradation(**given | tuples)
    share = data.get("graphics_share", 0)
    scenes = draw_scenes(20, side, network.channels, share, seed=0) if share else None
    model = SuperResolutionTask(network, expansion=settings["model"].get("expansion", 0)).model
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    bfloat16 = has_bfloat16(torch.device("cpu"))
    loading = total = 0.0
    pixels = 0
    for step in range(10 + arguments.steps):
        start = time.perf_counter()
        batch = next(loader)
        pair = cut_pair(batch.target, scales.sample(side, 0, batch.step), degradation, 0, batch.first, scenes)
        target_side = pair.target.shape[-1]
        loaded = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = pixel_loss("mse", model(pair.planes, (target_side, target_side)), pair.target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= 10:
            loading += loaded - start
            total += time.perf_counter() - start
            pixels += batch_size * target_side**2
    images_per_second = batch_size * arguments.steps / total
    print(f"{arguments.config}: {torch.get_num_threads()} threads, {'bfloat16' if bfloat16 else 'float32'}")
    print("| steps/s | images/s | supervised Mpixel/s | loading share |\n|---|---|---|---|")
    print(
        f"| {arguments.steps / total:.1f} | {images_per_second:.0f} | {pixels / total / 1e6:.2f} "
        f"| {loading / total:.1%} |"
    )


if __name__ == "__main__":
    main()
