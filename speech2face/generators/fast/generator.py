"""The generator facevid2vid:fast: named keypoints move the photograph, a small network refines it.

A latent is where the named keypoints are wanted in the crop: `landmarks.FAST_KEYPOINTS`, (x, y, z)
each, normalized. The portrait's own keypoints give the portrait back exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from speech2face.checkpoints.networks import build
from speech2face.checkpoints.store import load
from speech2face.devices import to_tensor
from speech2face.face.rig import Rig, shipped_rig
from speech2face.face.view import View
from speech2face.generators.ahead import side_by_side
from speech2face.generators.base import (
    Frame,
    Frames,
    GeneratorSpec,
    Latents,
    Loudness,
    cannot_read,
    only,
)
from speech2face.generators.fast.flow import square_border
from speech2face.generators.fast.network import FastConfig, FastGenerator, FastState
from speech2face.generators.fast.openings import FastOpenings, prepare_openings
from speech2face.generators.warp.eyes import image_tensor
from speech2face.landmarks import FAST_KEYPOINTS
from speech2face.motion.motion import Motion
from speech2face.motion.points import ControlPoints, control_points

NAME = "facevid2vid:fast"
_AT_ONCE = 4
"""Frames drawn together: more of them leave the processor's caches and are slower there."""


@dataclass(frozen=True, kw_only=True)
class FastPortrait:
    """Everything that depends on the portrait alone."""

    state: FastState
    openings: FastOpenings
    points: ControlPoints
    """How rig, head and gaze move the mesh, which holds the keypoints."""


class Fast:
    """Draws frames of one portrait from where its named keypoints are wanted."""

    def __init__(self, network: FastGenerator, device: torch.device) -> None:
        """Take a trained network; frames are drawn on `device`."""
        self.device = device
        self.spec = GeneratorSpec(
            name=NAME, latent_size=3 * len(FAST_KEYPOINTS), side_by_side=side_by_side(device)
        )
        self.network: FastGenerator = network.to(device=device).eval()
        self.rig: Rig = shipped_rig()
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.inference_mode()
    def encode(self, views: Sequence[View]) -> FastPortrait:
        """Compute the network's features and the openings of a still."""
        view = only(views, self.spec.name)
        size = len(view.crop)
        keypoints = to_tensor(named_keypoints(view.mesh, size), self.device)
        image = image_tensor(view.crop, self.device)
        state = self.network.encode(image, keypoints[None], _border(view, self.device))
        points = control_points(view, self.rig, self.device)
        openings = prepare_openings(view, points, self.device)
        return FastPortrait(state=state, openings=openings, points=points)

    @torch.inference_mode()
    def drive(
        self, state: FastPortrait, motion: Motion, loudness: Loudness | None = None
    ) -> Latents:
        """Take the keypoints off the moved mesh: they are named points of it, nothing is learnt."""
        del loudness
        size = state.state.photo.shape[-1]
        return named_keypoints(state.points.meshes(motion), size).reshape(len(motion), -1)

    def read(self, state: FastPortrait, frames: Frames, first: Frame) -> Latents:
        """Refuse: the tracker reads the motion."""
        del state, frames, first
        cannot_read(self.spec.name)

    @torch.inference_mode()
    def render(self, state: FastPortrait, latents: Latents) -> Frames:
        """Draw the crop once for every row of latents."""
        size = state.state.photo.shape[-1]
        frames = np.empty((len(latents), size, size, 3), np.uint8)
        for start in range(0, len(latents), _AT_ONCE):
            some = to_tensor(latents[start : start + _AT_ONCE], self.device)
            points = some.unflatten(1, (-1, 3))
            drawn = self.network.render(state.state, points)
            state.openings.draw_into(drawn, points)
            pixels = (drawn * 255).round_().to(torch.uint8).permute(0, 2, 3, 1)
            frames[start : start + len(some)] = pixels.cpu().numpy()
        return frames


def create(device: torch.device) -> Fast:
    """Load the shipped weights.

    Raises:
        WeightsError: They are missing or damaged.
    """  # noqa: DOC502 the store raises it
    network = build(FastGenerator, FastConfig, load("fast"), "the weights of fast")
    return Fast(network, device)


def named_keypoints(
    meshes: Float[np.ndarray, "*frames 478 3"], size: int
) -> Float[np.ndarray, "*frames points 3"]:
    """Take the named keypoints out of meshes in pixels of a square picture, normalized."""
    points = meshes[..., FAST_KEYPOINTS, :]
    flat = (2 * points[..., :2] + 1) / size - 1
    return np.concatenate([flat, points[..., 2:] * 2 / size], -1).astype(np.float32)


def _border(view: View, device: torch.device) -> Float[torch.Tensor, "1 pinned 2"]:
    """Return points on the border of what the crop shows of the picture: they stay."""
    size = len(view.crop)
    height, width = view.image.shape[:2]
    ends = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    reached = ends @ view.to_crop[:, :2].T + view.to_crop[:, 2]
    corners = np.clip((2 * reached + 1) / size - 1, -1, 1)
    middle, half = corners.mean(0), np.abs(corners[1] - corners[0]) / 2
    return square_border(1, device) * to_tensor(half, device) + to_tensor(middle, device)
