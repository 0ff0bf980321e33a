"""Models for `torch.hub.load`: `torch.hub.load(FOLDER_OR_REPOSITORY, "upscaler", "photo")`."""

dependencies = ["torch", "safetensors", "numpy", "PIL", "jaxtyping"]

from amortized_sr import Coder, Upscaler  # noqa: E402 (torch.hub reads `dependencies` first)


def upscaler(model: str = "photo-tiny", device: str = "auto") -> Upscaler:
    """Return an upscaler: pictures and tensors in, larger ones out; see `amortized_sr.Upscaler`."""
    return Upscaler.from_pretrained(model, device)


def autoencoder(model: str = "mnist-autoencoder", device: str = "auto") -> Coder:
    """Return an autoencoder: pictures in, numbers out, and back; see `amortized_sr.Coder`."""
    return Coder.from_pretrained(model, device)
