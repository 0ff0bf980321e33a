"""The only home of Lightning and wandb, together with `data/datamodule.py`."""
