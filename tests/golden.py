"""The reference's numbers in tests/data: names and shapes of tensors, and outputs of every stage.

They are facts about public reference code, computed with name-seeded weights (`name_seeded`) from
three drawn pictures that all systems share. A name's end tells which pixels were kept; tolerances
are those that the values were published with.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

DATA = Path(__file__).parent / "data"

Keys = dict[str, dict[str, list[int]]]


def stored(name: str) -> dict[str, Tensor]:
    """Load the stored outputs of a system."""
    with np.load(DATA / f"{name}_golden.npz") as arrays:
        return {key: torch.from_numpy(np.array(arrays[key])) for key in arrays}


def keys(name: str) -> Keys:
    """Load names and shapes of a system's tensors, by network."""
    return json.loads((DATA / f"{name}_keys.json").read_text())


def picture(name: str) -> Tensor:
    """Return one of the pictures, source, driving or driving_initial: 1 x 3 x 256 x 256, RGB."""
    with np.load(DATA / "facevid2vid_golden.npz") as arrays:
        pixels = torch.from_numpy(np.array(arrays[f"{name}_u8"]))
    return pixels.permute(2, 0, 1)[None].float() / 255


def shapes(network: nn.Module) -> dict[str, list[int]]:
    """Return names and shapes of a network's tensors."""
    return {key: list(value.shape) for key, value in network.state_dict().items()}


def near(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    """Compare by absolute difference."""
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)
