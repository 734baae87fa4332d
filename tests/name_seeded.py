"""Weights that are a pure function of their names: golden values need no stored weights.

Each tensor is drawn by a generator seeded with the CRC-32 of "component/key" and scaled so that
activations stay sane. These draws are what the golden values of tests/data were made with, so
nothing here may change.
"""

from __future__ import annotations

import re
import zlib

import numpy as np
import torch
from torch import nn

# Where a plain draw would saturate softmax or sigmoid, it is scaled down; the last match wins.
_SCALES = (
    (r"decoder\.conv_img\.weight$", 0.1),
    (r"final\.weight$", 0.1),
    (r"fc_(t|exp)\.weight$", 0.1),
    (r"block\d.*norm3\.weight$", 0.2),
    (r"fc_(yaw|pitch|roll)\.weight$", 0.3),
    (r"jacobian\.weight$", 0.1),
    (r"netG\.model\.up\.2\.weight$", 0.1),
    (r"(query|key)_conv\.weight$", 0.2),
)


def weights(component: str, shapes: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """Make every tensor of a state dict, fixed buffers as a network has them anyway."""
    made = {key: _tensor(component, key, tuple(shape)) for key, shape in sorted(shapes.items())}
    for key in [key for key in made if key.endswith("weight_u")]:
        prefix = key.removesuffix("weight_u")
        made[key], made[f"{prefix}weight_v"] = _singular(made[f"{prefix}weight_orig"], made[key])
    return made


def _tensor(component: str, key: str, shape: tuple[int, ...]) -> np.ndarray:
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if key.endswith("down.weight") and shape[1:] == (1, 13, 13):
        return np.broadcast_to(_gaussian(), shape).copy()
    seed = zlib.crc32(f"{component}/{key}".encode())
    drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    if key.endswith("AttnModule.gamma"):
        return np.full(shape, 0.5, np.float32)
    if key.endswith("jacobian.bias"):  # the identity, nearly
        return np.tile(np.float32([1, 0, 0, 1]), len(drawn) // 4) + np.float32(0.05) * drawn
    for pattern, scale in reversed(_SCALES):
        if re.search(pattern, key):
            return np.float32(scale) * _natural(key, drawn)
    return _natural(key, drawn)


def _natural(key: str, drawn: np.ndarray) -> np.ndarray:
    if key.endswith(("weight_u", "weight_v")):
        return drawn
    if key.endswith("running_mean"):
        return np.float32(0.1) * drawn
    if key.endswith("running_var"):
        return 1 + np.float32(0.1) * np.abs(drawn)
    if key.endswith("bias"):
        return np.float32(0.05) * drawn
    if drawn.ndim == 1:
        return 1 + np.float32(0.1) * drawn
    return drawn * np.float32(np.sqrt(2.0 / np.prod(drawn.shape[1:])))


def _gaussian() -> np.ndarray:
    line = np.exp(-(np.arange(-6, 7, dtype=np.float32) ** 2) / np.float32(2 * 1.5**2))
    kernel = np.outer(line, line)
    return (kernel / kernel.sum()).astype(np.float32)


def _singular(weight: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Converged, so that spectral norm divides by the largest singular value.
    matrix = weight.astype(np.float64).reshape(len(weight), -1)
    left = start.astype(np.float64) / np.linalg.norm(start)
    right = left
    for _ in range(20):
        right = matrix.T @ left
        right /= max(float(np.linalg.norm(right)), 1e-12)
        left = matrix @ right
        left /= max(float(np.linalg.norm(left)), 1e-12)
    return left.astype(np.float32), right.astype(np.float32)


def fill(network: nn.Module, component: str, prefix: str = "") -> nn.Module:
    """Return a network the weights of its component, strictly, for inference.

    Published names may have a prefix that ours lack.
    """
    shapes = {prefix + key: list(value.shape) for key, value in network.state_dict().items()}
    made = weights(component, shapes)
    network.load_state_dict(
        {key.removeprefix(prefix): torch.from_numpy(np.array(value)) for key, value in made.items()}
    )
    return network.eval()
