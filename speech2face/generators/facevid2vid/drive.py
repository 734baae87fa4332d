"""Drive: motion becomes keypoints of a face-vid2vid checkpoint.

A calibrated checkpoint has a network that was fitted to its own motion extractor. One that has no
extractor (SadTalker's file alone) lets each keypoint ride on the face's surface: the flow near a
keypoint is the keypoint's own motion (J = I), whatever it was trained on.
"""

from dataclasses import dataclass

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
from speech2face.generators.facevid2vid.drive_network import (
    Landmarks2Keypoints,
    Landmarks2KeypointsConfig,
)
from speech2face.generators.facevid2vid.extractor import KeypointExtractor, SourceFace
from speech2face.generators.facevid2vid.network import HeadPose, pose_keypoints
from speech2face.motion.motion import Motion
from speech2face.motion.points import ControlPoints, control_points
from speech2face.types import cut

KIND = "landmarks2keypoints"
"""What the configuration of a calibration says it is."""
SKIN = np.setdiff1d(np.arange(landmarks.LANDMARKS), np.r_[36:48, 68:70])
"""Landmarks that show the skin's motion: all but lids and irises, which have axes of their own."""

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
    keypoints: Float[Tensor, "keypoints 3"],
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
    source: SourceFace,
    network: Landmarks2Keypoints | None,
    extractor: KeypointExtractor,
) -> Float[Tensor, "frames keypoints 3"]:
    """Turn motion into the motion of a view's keypoints.

    Args:
        motion: Relative to the view.
        sound: What is heard in each frame.
        reader: Of the view.
        source: The view's keypoints.
        network: Fitted by calibration; None: keypoints ride on the face's surface.
        extractor: Of the checkpoint.
    """
    moved: list[Tensor] = []
    for start in range(0, len(motion), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        part = cut(motion, rows)
        seen = reader(part, sound[rows])
        if network is None:
            moved.append(ride_surface(reader.places, seen.surface, source.keypoints[0]))
            continue
        felt = to_tensor(part.emotion, seen.skin.device)
        change = network(seen.skin, seen.eyes, felt, source.canonical[0])
        moved.append(keypoint_motion(source, change, extractor))
    return torch.cat(moved)


def keypoint_motion(
    source: SourceFace,
    change: tuple[
        Float[Tensor, "frames 3"], Float[Tensor, "frames 3"], Float[Tensor, "frames keypoints 3"]
    ],
    extractor: KeypointExtractor,
) -> Float[Tensor, "frames keypoints 3"]:
    """Return how far a change of pose and deformation moves the portrait's keypoints."""
    angles, shift, deformation = change
    pose = source.pose
    moved = HeadPose(
        yaw=pose.yaw + angles[:, 0], pitch=pose.pitch + angles[:, 1], roll=pose.roll + angles[:, 2],
        t=pose.t + shift, exp=pose.exp + deformation,
    )  # fmt: skip
    canonical = source.canonical.expand(len(angles), -1, -1)
    return pose_keypoints(canonical, moved, extractor.config.keypoint_rule) - source.keypoints


def needs_calibration(weights: str) -> bool:
    """Return whether weights have a motion extractor to which nothing has been fitted yet."""
    found = library.find(weights)
    return _has_extractor(found) and not _is_fitted(found)


def load_calibration(weights: str) -> Landmarks2Keypoints:
    """Load the network that was fitted to weights.

    Raises:
        WeightsError: There is none, or it was fitted to other weights.
    """
    found = library.find(weights)
    path = library.calibration_path(found)
    command = f"run speech2face calibrate --generator facevid2vid:{weights}"
    if not path.is_file():
        msg = f"facevid2vid:{weights} has not been calibrated ({path} is missing); {command}"
        raise WeightsError(msg)
    tensors, config = read_weights(path)
    if config.get("kind") != KIND or config.get("fitted_for") != found.sha256:
        msg = f"{path} was fitted to other weights than {found.path}; {command}"
        raise WeightsError(msg)
    found_sizes = tensors, config["network"]
    return ready(build(Landmarks2Keypoints, Landmarks2KeypointsConfig, found_sizes, str(path)))


def _has_extractor(found: library.Weights) -> bool:
    return "he_estimator" in read_config(found.path)[1].get("networks", ())


def _is_fitted(found: library.Weights) -> bool:
    path = library.calibration_path(found)
    return path.is_file() and read_config(path)[1].get("fitted_for") == found.sha256
