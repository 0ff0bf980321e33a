"""Names of devices -> devices that this machine has."""

import torch

from amortized_sr.choices import DeviceName


def choose_device(name: str | torch.device) -> torch.device:
    """Return the device of that name, such as `cuda:1`, or the fastest one for `auto`.

    Raises:
        ValueError: If this machine does not have it.
    """
    available = available_devices()
    if str(name) == "auto":
        return torch.device(available[-1])
    if str(name).partition(":")[0] not in available:
        raise ValueError(f"device {str(name)!r} is not available here; available: {', '.join(available)}")
    return torch.device(name)


def available_devices() -> list[DeviceName]:
    """Return the devices of this machine, the fastest last."""
    devices: list[DeviceName] = ["cpu"]
    if torch.backends.mps.is_available():
        devices.append("mps")
    if torch.cuda.is_available():
        devices.append("cuda")
    return devices
