"""Which device computes: resolved once, at the edge, and handed down as an argument."""

import numpy as np
import torch
from torch import Tensor

from speech2face.errors import DeviceError


def resolve(name: str = "auto") -> torch.device:
    """Turn a user's word into a device: "auto", "cpu", "cuda", "cuda:1", "mps".

    Raises:
        DeviceError: The device asked for is absent, or the word names none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() and _computes("cuda") else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        msg = f"there is no device named {name!r}; use auto, cpu, cuda, cuda:N or mps"
        raise DeviceError(msg) from error
    if device.type not in {"cpu", "cuda", "mps"} or (device.type == "cpu" and device.index):
        msg = f"the device {name!r} computes nothing here; use auto, cpu, cuda, cuda:N or mps"
        raise DeviceError(msg)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        msg = f"{name} was asked for, this machine has {count} CUDA devices; use cpu"
        raise DeviceError(msg)
    if device.type == "mps" and not torch.backends.mps.is_available():
        msg = "mps was asked for, this machine has no Apple GPU that torch can use; use cpu"
        raise DeviceError(msg)
    if device.type != "cpu" and not _computes(name):
        msg = (
            f"{name} is there, but this build of torch has no code for it; expected a build for "
            "its generation; install one, or use cpu"
        )
        raise DeviceError(msg)
    return device


def _computes(name: str) -> bool:
    """Try one small sum: a card that torch sees may be older or newer than its code."""
    try:
        return int(torch.ones(2, device=name).sum().item()) == 2  # noqa: PLR2004 one and one
    except (RuntimeError, AssertionError):
        return False


def to_tensor(values: np.ndarray, device: torch.device) -> Tensor:
    """Bring an array to a device as single precision, which is what everything computes in."""
    return torch.as_tensor(values, dtype=torch.float32, device=device)
