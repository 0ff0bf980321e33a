"""Train a small model on a folder of ten pictures, and compare it with bicubic interpolation on two of them.

python examples/train_on_folder.py [FOLDER] [--steps 150] [-o mine.safetensors]

Two pictures are held out: the model is measured on them and does not learn from them. Without FOLDER, they are ten
parts of the photograph kitten_1024.jpg. A good model needs many pictures and hours: see docs/train.md.
"""

import argparse
import tempfile
from pathlib import Path

from lightning.pytorch import Trainer, seed_everything
from PIL import Image

from amortized_sr import ModelConfig, save_weights
from amortized_sr.benchmark.protocol import evaluation_pair
from amortized_sr.interpolated_image import InterpolatedImage
from amortized_sr.metrics import psnr
from amortized_sr.training.data import SuperResolutionData
from amortized_sr.training.super_resolution import SuperResolutionTask


def cut_photograph(folder: Path) -> None:
    """Write ten parts of a photograph into a folder, 128x128 pixels each."""
    with Image.open(Path(__file__).parent / "kitten_1024.jpg") as photograph:
        smaller = photograph.resize((640, 640), Image.Resampling.BICUBIC)
    for number in range(10):
        top, left = 128 * (1 + number // 5), 128 * (number % 5)
        smaller.crop((left, top, left + 128, top + 128)).save(folder / f"part_{number}.png")


def train(folder: Path, steps: int, output: Path) -> None:
    """Train on a folder, print the quality at scale 2, and write the weights."""
    seed_everything(0, verbose=False)
    config = ModelConfig(encoder_width=16, encoder_blocks=2)
    task = SuperResolutionTask(config, learning_rate=3e-3, warmup_steps=10, val_scales=(2,))
    data = SuperResolutionData("folder", folder, val_count=2, crop_size=48, batch_size=8, val_scales=(2,))
    quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    trainer = Trainer(max_steps=steps, num_sanity_val_steps=0, enable_progress_bar=False, **quiet)
    trainer.fit(task, datamodule=data)
    pairs = [evaluation_pair(target.float() / 255, 2.0) for target in data.val_dataloader()]
    bicubic = [
        psnr(InterpolatedImage.like_pillow(pair.image, "bicubic").render(tuple(pair.target.shape[-2:])), pair.target)
        for pair in pairs
    ]
    ratios = [ratio for batch in bicubic for ratio in batch.tolist()]
    print(f"bicubic  {sum(ratios) / len(ratios):.2f} dB")
    print(f"yours    {trainer.callback_metrics['val/psnr'].item():.2f} dB after {steps} steps")
    save_weights(output, task.model.state_dict(), config, {"data": data.facts(), "steps": steps})
    print(f"wrote {output}; try it: amortized-sr upscale PICTURE --scale 4 --model {output}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="pictures of at least 48x48 pixels")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("-o", "--output", type=Path, default=Path("mine.safetensors"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as parts:
        if arguments.folder is None:
            cut_photograph(Path(parts))
        train(arguments.folder or Path(parts), arguments.steps, arguments.output)


if __name__ == "__main__":
    main()
