"""The generator facevid2vid:fast: named keypoints move the photograph, a small network refines it.

A latent is where the named keypoints are wanted in the crop: `landmarks.FAST_KEYPOINTS`, (x, y, z)
each, normalized. The portrait's own keypoints give the portrait back exactly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from speech2face.checkpoints.store import load
from speech2face.devices import to_tensor
from speech2face.face.rig import Rig, load_rig
from speech2face.generators.ahead import side_by_side
from speech2face.generators.fast.flow import square_border
from speech2face.generators.fast.network import FastConfig, FastGenerator, FastState
from speech2face.generators.fast.openings import FastOpenings, prepare_openings
from speech2face.generators.warp.eyes import image_tensor
from speech2face.landmarks import FAST_KEYPOINTS
from speech2face.types import Portrait

NAME = "facevid2vid:fast"
_AT_ONCE = 4
"""Frames drawn together: more of them leave the processor's caches and are slower there."""


@dataclass(frozen=True, kw_only=True)
class FastPortrait:
    """Everything that depends on the portrait alone."""

    state: FastState
    openings: FastOpenings


class Fast:
    """Draws frames of one portrait from where its named keypoints are wanted."""

    name = NAME
    latent_size = 3 * len(FAST_KEYPOINTS)

    def __init__(self, network: FastGenerator, device: torch.device) -> None:
        """Take a trained network; frames are drawn on `device`."""
        self.device = device
        self.side_by_side = side_by_side(device)
        self.network: FastGenerator = network.to(device=device).eval()
        self.rig: Rig = load_rig()
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.inference_mode()
    def encode(self, portrait: Portrait) -> FastPortrait:
        """Look at the portrait once."""
        size = len(portrait.crop)
        points = to_tensor(named_keypoints(portrait.mesh, size), self.device)
        image = image_tensor(portrait.crop, self.device)
        state = self.network.encode(image, points[None], _border(portrait, self.device))
        openings = prepare_openings(portrait, self.rig, self.device)
        return FastPortrait(state=state, openings=openings)

    @torch.inference_mode()
    def render(
        self, state: FastPortrait, values: Float[np.ndarray, "frames latent"]
    ) -> UInt8[np.ndarray, "frames size size 3"]:
        """Draw the crop once for every row of latents."""
        size = state.state.photo.shape[-1]
        frames = np.empty((len(values), size, size, 3), np.uint8)
        for start in range(0, len(values), _AT_ONCE):
            some = to_tensor(values[start : start + _AT_ONCE], self.device)
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
    tensors, config = load("fast")
    lists: dict[str, Any] = {"motion": tuple(config["motion"]), "decoder": tuple(config["decoder"])}
    network = FastGenerator(FastConfig(**{**config, **lists}))
    network.load_state_dict({name: value.float() for name, value in tensors.items()})
    return Fast(network, device)


def named_keypoints(
    meshes: Float[np.ndarray, "*frames 478 3"], size: int
) -> Float[np.ndarray, "*frames points 3"]:
    """Take the named keypoints out of meshes in pixels of a square picture, normalized."""
    points = meshes[..., FAST_KEYPOINTS, :]
    flat = (2 * points[..., :2] + 1) / size - 1
    return np.concatenate([flat, points[..., 2:] * 2 / size], -1).astype(np.float32)


def _border(portrait: Portrait, device: torch.device) -> Float[torch.Tensor, "1 pinned 2"]:
    """Give points on the border of what the crop shows of the picture: they stay where they are."""
    size = len(portrait.crop)
    height, width = portrait.image.shape[:2]
    ends = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    reached = ends @ portrait.to_crop[:, :2].T + portrait.to_crop[:, 2]
    corners = np.clip((2 * reached + 1) / size - 1, -1, 1)
    middle, half = corners.mean(0), np.abs(corners[1] - corners[0]) / 2
    return square_border(1, device) * to_tensor(half, device) + to_tensor(middle, device)
