"""Drive: motion becomes latents of an imported checkpoint.

A calibrated checkpoint has a network that was fitted to its own motion extractor. One that has no
extractor (SadTalker's file alone) lets each keypoint ride on the face's surface: the flow near a
keypoint is the keypoint's own motion (J = I), whatever it was trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face import landmarks
from speech2face.checkpoints import library
from speech2face.checkpoints.networks import build, ready
from speech2face.checkpoints.store import read_config, read_weights
from speech2face.devices import to_tensor
from speech2face.errors import WeightsError
from speech2face.face.rig import Rig
from speech2face.face.view import View
from speech2face.generators.imported.drive_network import (
    Landmarks2Keypoints,
    Landmarks2KeypointsConfig,
)
from speech2face.generators.imported.extractor import Extractor
from speech2face.motion.motion import Motion
from speech2face.motion.points import ControlPoints, control_points
from speech2face.types import cut

KIND = "calibration"
"""What the configuration of a calibration says it is."""
SKIN = np.setdiff1d(np.arange(landmarks.LANDMARKS), np.r_[36:48, 68:70])
"""Landmarks that show the skin's motion: all but lids and irises, which have axes of their own."""

Source = TypeVar("Source")

_REACH = 0.1
"""A keypoint rides on the surface around it, weighted by a Gaussian of this standard deviation
(half sides of the crop): that of the heatmaps by which the generators spread their motion."""
_AT_ONCE = 750
"""Frames at once: half a minute; memory stays small."""


@dataclass(frozen=True, kw_only=True)
class FaceMotion:
    """What motion does to one view's face, as the network and the surface see it."""

    skin: Float[Tensor, "frames skin"]
    """See `Landmarks2KeypointsConfig.skin`."""
    eyes: Float[Tensor, "frames 4"]
    """Change of the left and right eye's openings (eye distances); gaze right, up (degrees)."""
    surface: Float[Tensor, "frames points 3"]
    """Motion of the control points, in half sides of the crop; z away from the viewer."""


class MotionReader:
    """Turns motion into `FaceMotion` for one view."""

    def __init__(self, view: View, rig: Rig, device: torch.device) -> None:
        """Compute the control points of the view."""
        self.points: ControlPoints = control_points(view, rig, device)
        self.half = len(view.crop) / 2
        self._unit = view.likeness_in_crop.unit
        none = torch.zeros(1, len(rig.names), device=device)
        self._shape = self.points.shape(none)
        self._placed = self.points.place(self._shape, np.zeros((1, 3)))

    @property
    def places(self) -> Float[Tensor, "points 2"]:
        """Where the control points rest: -1 and 1 at the edges of the crop."""
        rest = to_tensor(self.points.pixels, self._shape.device)
        return (rest + 0.5) / self.half - 1

    def __call__(
        self,
        motion: Motion,
        sound: Float[np.ndarray, "frames bands"],
    ) -> FaceMotion:
        """Follow the landmarks, the lids and the surface."""
        device = self._shape.device
        shape = self.points.shape(to_tensor(motion.weights, device))
        placed = self.points.place(shape, motion.pose, motion.shift)
        mesh = slice(0, landmarks.MESH_POINTS)
        own = (shape - self._shape)[:, mesh][:, landmarks.MESH_TO_LANDMARKS[SKIN]] / self._unit
        seen = (placed - self._placed)[:, mesh][:, landmarks.MESH_TO_LANDMARKS[SKIN]] / self.half
        rest = [motion.pose, motion.shift, sound]
        opening = self._opening(shape) - self._opening(self._shape)
        return FaceMotion(
            skin=torch.cat(
                [own.flatten(1), seen.flatten(1), *(to_tensor(part, device) for part in rest)], 1
            ),
            eyes=torch.cat([opening, to_tensor(motion.gaze, device)], 1),
            surface=(placed - self._placed) * self.points.follow[:, None] / self.half,
        )

    def _opening(self, shape: Float[Tensor, "frames points 3"]) -> Float[Tensor, "frames 2"]:
        gaps = [
            (shape[:, lower, 1] - shape[:, upper, 1])[:, 1:-1].mean(1)
            for upper, lower in landmarks.LIDS
        ]
        return torch.stack(gaps, 1) / self._unit


def ride_surface(
    places: Float[Tensor, "points 2"],
    surface: Float[Tensor, "frames points 3"],
    keypoints: Float[Tensor, "keypoints dims"],
) -> Float[Tensor, "frames keypoints 3"]:
    """Move keypoints as the surface around them moves.

    Args:
        places: Where the surface's points rest.
        surface: How far they move.
        keypoints: Where the keypoints are in the portrait; the same unit throughout.
    """
    distance = (keypoints[:, None, :2] - places).square().sum(2)
    # The softmax is the normalised Gaussian; far from every point the nearest one decides.
    share = torch.softmax(-distance / (2 * _REACH**2), 1)
    return torch.einsum("kp,fpc->fkc", share, surface)


def drive(
    motion: Motion,
    sound: Float[np.ndarray, "frames bands"],
    reader: MotionReader,
    source: Source,
    network: Landmarks2Keypoints | None,
    extractor: Extractor[Source],
) -> Float[Tensor, "frames latent"]:
    """Turn motion into latents of a view.

    Args:
        motion: Relative to the view.
        sound: What is heard in each frame.
        reader: Of the view.
        source: What the checkpoint sees in the view.
        network: Fitted by calibration; None: keypoints ride on the face's surface.
        extractor: Of the checkpoint.
    """
    moved: list[Tensor] = []
    for start in range(0, len(motion), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        part = cut(motion, rows)
        seen = reader(part, sound[rows])
        if network is None:
            moved.append(extractor.ride(source, reader.places, seen.surface))
            continue
        felt = to_tensor(part.emotion, seen.skin.device)
        change = network(seen.skin, seen.eyes, felt, extractor.face(source))
        moved.append(extractor.latents(source, change))
    return torch.cat(moved)


def load_calibration(generator: str) -> Landmarks2Keypoints:
    """Load the network that was fitted to a generator's weights.

    Args:
        generator: The full name: "facevid2vid:vox".

    Raises:
        WeightsError: There is none, or it was fitted to other weights.
    """
    found = library.find(generator.partition(":")[2])
    path = library.calibration_path(found)
    command = f"run speech2face calibrate --generator {generator}"
    if not path.is_file():
        msg = f"{generator} has not been calibrated ({path} is missing); {command}"
        raise WeightsError(msg)
    tensors, config = read_weights(path)
    if not _fits(config, found):
        msg = f"{path} was fitted to other weights than {found.path}; {command}"
        raise WeightsError(msg)
    found_sizes = tensors, config["network"]
    return ready(build(Landmarks2Keypoints, Landmarks2KeypointsConfig, found_sizes, str(path)))


def is_calibrated(found: library.Weights) -> bool:
    """Return whether a network was fitted to these very weights."""
    path = library.calibration_path(found)
    return path.is_file() and _fits(read_config(path)[1], found)


def _fits(config: Mapping[str, Any], found: library.Weights) -> bool:
    return config.get("kind") == KIND and config.get("fitted_for") == found.sha256
