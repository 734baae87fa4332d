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
