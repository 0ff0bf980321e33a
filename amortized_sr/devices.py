"""Names of devices and precisions -> those that this machine has."""

import torch

from amortized_sr.choices import DeviceName, Precision


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


def choose_precision(name: Precision, device: torch.device) -> Precision:
    """Return that precision, or the fastest one for `auto`."""
    if name != "auto":
        return name
    return "bf16" if has_bfloat16(device) else "fp32"


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16, rather than emulating it slowly."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
