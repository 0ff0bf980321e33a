"""Use the model inside a Lightning module of your own: another loss, another optimiser, your own data.

python examples/own_lightning_module.py [PICTURE] [--steps 60] [-o sharper.safetensors]

The module starts from bundled weights and goes on training them on parts of one picture, with a loss that also compares
edges. The weights that it writes work everywhere that a model's name does.
"""

import argparse
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from amortized_sr import load_weights, save_weights
from amortized_sr.degradation import Degradation
from amortized_sr.image_io import read_picture
from amortized_sr.picture_tensor import picture_to_tensor


class SharpModule(LightningModule):
    """Trains a model to draw images at twice their size, by the errors of colours and of their differences."""

    def __init__(self) -> None:
        super().__init__()
        self.trained = load_weights("photo-tiny")
        self.model = self.trained.model.train().requires_grad_(True)  # loaded weights are frozen

    def loss(self, target: Tensor) -> Tensor:
        """Return the loss of a batch of targets."""
        size = (target.shape[-2], target.shape[-1])
        image = Degradation()(target, (size[0] // 2, size[1] // 2)).image
        error = self.model.encode(image).render(size) - target  # an image as a function, with gradients
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        return error.abs().mean() + edges

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the loss that is minimised."""
        return self.loss(batch)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Log the loss of parts that are not trained on."""
        self.log("held out", self.loss(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser."""
        return torch.optim.AdamW(self.parameters(), lr=2e-4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?", type=Path, default=Path(__file__).parent / "kitten_1024.jpg")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("-o", "--output", type=Path, default=Path("sharper.safetensors"))
    arguments = parser.parse_args()
    torch.manual_seed(0)
    photograph = picture_to_tensor(read_picture(arguments.picture))[0]
    parts = photograph.unfold(1, 64, 64).unfold(2, 64, 64).permute(1, 2, 0, 3, 4).flatten(0, 1)
    held_out = torch.arange(len(parts)) % 8 == 0
    training = DataLoader(parts[~held_out], batch_size=8, shuffle=True)
    validation = DataLoader(parts[held_out], batch_size=8)

    module, quiet = SharpModule(), {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    trainer = Trainer(max_steps=arguments.steps, num_sanity_val_steps=0, enable_progress_bar=False, **quiet)
    before = trainer.validate(module, validation, verbose=False)[0]["held out"]
    trainer.fit(module, training, validation)
    after = trainer.validate(module, validation, verbose=False)[0]["held out"]
    print(f"loss on parts that were held out: {before:.5f} before, {after:.5f} after {arguments.steps} steps")
    facts = {"data": arguments.picture.name, "steps": arguments.steps}
    save_weights(arguments.output, module.model.state_dict(), module.trained.config, facts)
    print(f"wrote {arguments.output}; try it: amortized-sr upscale PICTURE --scale 4 --model {arguments.output}")


if __name__ == "__main__":
    main()
