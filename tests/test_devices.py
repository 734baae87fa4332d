"""Devices by name."""

import pytest
import torch

from speech2face.devices import resolve
from speech2face.errors import DeviceError


def test_auto_gives_a_device_that_computes():
    assert torch.zeros(1, device=resolve("auto")).sum() == 0


@pytest.mark.parametrize("name", ["quantum", "cuda:99", "cpu:x", "cpu:5"])
def test_devices_that_are_not_there_are_refused(name):
    with pytest.raises(DeviceError, match="use"):
        resolve(name)


def test_a_card_that_torch_has_no_code_for_is_named_and_auto_passes_it_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ones(*_: object, device: str) -> torch.Tensor:
        msg = f"CUDA error: no kernel image is available for execution on the device {device}"
        raise RuntimeError(msg)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "ones", ones)

    assert resolve("auto") == torch.device("cpu")
    with pytest.raises(DeviceError, match="has no code for it"):
        resolve("cuda")
