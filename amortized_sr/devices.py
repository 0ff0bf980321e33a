"""Names of devices -> devices that this machine has."""

import torch

from amortized_sr.choices import DeviceName


def choose_device(name: DeviceName) -> torch.device:
    """Return the device of that name, or the best one there is for `auto`.

    Raises:
        ValueError: If this machine does not have it.
    """
    available = available_devices()
    if name == "auto":
        return torch.device(available[-1])
    if name not in available:
        raise ValueError(f"device {name!r} is not available here; available: {', '.join(available)}")
    return torch.device(name)


def available_devices() -> list[DeviceName]:
    """Return the devices of this machine, the fastest last."""
    devices: list[DeviceName] = ["cpu"]
    if torch.backends.mps.is_available():
        devices.append("mps")
    if torch.cuda.is_available():
        devices.append("cuda")
    return devices
