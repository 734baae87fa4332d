"""Coordinates: the image frame, head rotations, similarity fits, grids and the warp.

Image frame: x right, y down, z away from the viewer; pixel centres at integers. Normalized
coordinates put -1 and +1 at the outer edges of the image, so pixel i of n lies at (2i + 1) / n - 1.
Head pose in degrees: yaw > 0 turns the head to the image's right, pitch > 0 up, roll > 0 clockwise.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def rotation_matrix(pose: Float[np.ndarray, "*frames 3"]) -> Float[np.ndarray, "*frames 3 3"]:
    """Compose head rotations from yaw, pitch and roll in degrees.

    Returns:
        Matrices for column vectors: roll about z, after yaw about y, after pitch about x.
    """
    yaw, pitch, roll = np.moveaxis(np.deg2rad(np.asarray(pose, np.float64)), -1, 0)
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    cos, sin = np.cos(-pitch), np.sin(-pitch)
    about_x = _rows((one, zero, zero), (zero, cos, -sin), (zero, sin, cos))
    cos, sin = np.cos(-yaw), np.sin(-yaw)
    about_y = _rows((cos, zero, sin), (zero, one, zero), (-sin, zero, cos))
    cos, sin = np.cos(roll), np.sin(roll)
    about_z = _rows((cos, -sin, zero), (sin, cos, zero), (zero, zero, one))
    return about_z @ about_y @ about_x


def _rows(*rows: tuple[np.ndarray | np.float64, ...]) -> np.ndarray:
    return np.stack([np.stack(row, -1) for row in rows], -2)


def rotation_angles(rotation: Float[np.ndarray, "*frames 3 3"]) -> Float[np.ndarray, "*frames 3"]:
    """Read yaw, pitch and roll in degrees from a rotation; the inverse of `rotation_matrix`."""
    yaw = np.arcsin(np.clip(rotation[..., 2, 0], -1, 1))
    pitch = -np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.rad2deg(np.stack([yaw, pitch, roll], -1))


def fit_similarity(
    source: Float[np.ndarray, "points dims"], target: Float[np.ndarray, "points dims"]
) -> tuple[float, Float[np.ndarray, "dims dims"], Float[np.ndarray, " dims"]]:
    """Fit scale, rotation and translation so that scale * rotation @ source + translation = target.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns" (1991), equations 40 to 43.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    centred = source - source_mean
    left, singular, right = np.linalg.svd((target - target_mean).T @ centred)
    sign = np.ones(source.shape[1])
    sign[-1] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    rotation = (left * sign) @ right
    scale = float((singular * sign).sum() / (centred**2).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean


def identity_grid(
    height: int, width: int, device: torch.device | str = "cpu"
) -> Float[Tensor, "height width 2"]:
    """Return the normalized (x, y) of every pixel's centre."""
    y = (2 * torch.arange(height, device=device, dtype=torch.float32) + 1) / height - 1
    x = (2 * torch.arange(width, device=device, dtype=torch.float32) + 1) / width - 1
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)


def to_normalized(
    pixels: Float[Tensor, "*batch 2"], height: int, width: int
) -> Float[Tensor, "*batch 2"]:
    """Turn pixel coordinates (centres at integers) into normalized ones."""
    return (2 * pixels + 1) / pixels.new_tensor([width, height]) - 1


def dot(a: Float[Tensor, "... 2"], b: Float[Tensor, "... 2"]) -> Float[Tensor, "..."]:
    """Return the inner products of plane vectors: faster than a sum over so short an axis."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]


def warp(
    image: Float[Tensor, "batch channels height width"],
    grid: Float[Tensor, "batch height2 width2 2"],
    padding: str = "border",
    mode: str = "bilinear",
) -> Float[Tensor, "batch channels height2 width2"]:
    """Sample an image where the grid says (normalized x, y).

    Args:
        image: What is sampled.
        grid: Where.
        padding: What lies beyond the edges: "border" or "zeros".
        mode: "bilinear", or "bicubic", which keeps fine detail and may overshoot a little.
    """
    return functional.grid_sample(image, grid, mode=mode, padding_mode=padding, align_corners=False)
