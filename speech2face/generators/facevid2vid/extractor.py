"""A checkpoint's own motion extractor: pictures in, keypoints, head pose and expression out."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from speech2face.errors import WeightsError
from speech2face.face.view import View
from speech2face.generators.base import Frame, Frames
from speech2face.generators.facevid2vid.network import (
    FaceVid2VidConfig,
    HeadPose,
    HeadPoseEstimator,
    KeypointDetector,
    pose_keypoints,
)
from speech2face.generators.facevid2vid.system import SYSTEM
from speech2face.generators.imported.drive import ride_surface
from speech2face.generators.imported.drive_network import ANGLES, SHIFT
from speech2face.generators.imported.extractor import PIXELS, pictures
from speech2face.generators.imported.system import load


@dataclass(frozen=True, kw_only=True)
class SourceFace:
    """What a checkpoint sees in the portrait."""

    canonical: Float[Tensor, "1 keypoints 3"]
    """The face as if from the front and without expression."""
    pose: HeadPose
    keypoints: Float[Tensor, "1 keypoints 3"]
    """The face as it is in the portrait."""


class KeypointExtractor:
    """A checkpoint's own motion extractor: pictures in, keypoints out."""

    def __init__(
        self,
        config: FaceVid2VidConfig,
        detector: nn.Module,
        estimator: nn.Module | None,
        device: torch.device,
    ) -> None:
        """Take the networks, in evaluation mode, on `device`.

        Args:
            config: Sizes and conventions of the checkpoint.
            detector: Canonical keypoints of pictures.
            estimator: Head pose and expression of pictures; None where the checkpoint has none.
            device: Where they compute.
        """
        self.config = config
        self.detector, self.estimator, self.device = detector, estimator, device
        self.size, self.latent_size = config.size, 3 * config.keypoints
        self.parts = (ANGLES, SHIFT, 3 * config.keypoints)
        self.unit = "pixels at 256"

    @property
    def reads(self) -> bool:
        """Whether there is an estimator."""
        return self.estimator is not None

    @torch.no_grad()  # calibration trains on what is found: no tensors of inference mode
    def source(self, portrait: View) -> SourceFace:
        """Find the keypoints of a portrait."""
        picture = pictures(portrait.crop[None], self.size, self.device)
        canonical = self.detector(picture)
        if self.estimator is None:
            pose = tracked_pose(portrait, self.config.keypoints, self.device)
        else:
            pose = self.estimator(picture)
        keypoints = pose_keypoints(canonical, pose, self.config.keypoint_rule)
        return SourceFace(canonical=canonical, pose=pose, keypoints=keypoints)

    def face(self, source: SourceFace) -> Float[Tensor, " coordinates"]:
        """Return the canonical keypoints as a row."""
        return source.canonical[0].flatten()

    @torch.no_grad()
    def read(self, frames: UInt8[np.ndarray, "frames size size 3"]) -> HeadPose:
        """Read head pose and expression off frames.

        Raises:
            WeightsError: The checkpoint has no head-pose estimator.
        """
        if self.estimator is None:
            msg = (
                "these weights have no head-pose estimator, so motion cannot be read off pictures; "
                "import the file that holds he_estimator along with them"
            )
            raise WeightsError(msg)
        return self.estimator(pictures(frames, self.size, self.device))

    def change(self, source: SourceFace, frames: Frames) -> Float[Tensor, "frames outputs"]:
        """Read yaw, pitch, roll (degrees), translation and deformation against the portrait's."""
        return _difference(self.read(frames), source.pose)

    def latents(
        self, source: SourceFace, change: Float[Tensor, "frames outputs"]
    ) -> Float[Tensor, "frames latent"]:
        """Return how far a change of pose and deformation moves the portrait's keypoints."""
        angles, shift, deformation = change.split(self.parts, 1)
        pose = source.pose
        moved = HeadPose(
            yaw=pose.yaw + angles[:, 0], pitch=pose.pitch + angles[:, 1],
            roll=pose.roll + angles[:, 2], t=pose.t + shift,
            exp=pose.exp + deformation.unflatten(1, (-1, 3)),
        )  # fmt: skip
        canonical = source.canonical.expand(len(change), -1, -1)
        keypoints = pose_keypoints(canonical, moved, self.config.keypoint_rule)
        return (keypoints - source.keypoints).flatten(1)

    def points(self, latents: Float[Tensor, "frames latent"]) -> Float[Tensor, "frames points 3"]:
        """Return the keypoints' motion in pixels of a picture of 256."""
        return PIXELS * latents.unflatten(1, (-1, 3))

    def transfer(
        self, source: SourceFace, frames: Frames, first: Frame
    ) -> Float[Tensor, "frames latent"]:
        """Add the driving face's change of pose and deformation to the portrait's own."""
        return self.latents(source, _difference(self.read(frames), self.read(first)))

    def ride(
        self,
        source: SourceFace,
        places: Float[Tensor, "points 2"],
        surface: Float[Tensor, "frames points 3"],
    ) -> Float[Tensor, "frames latent"]:
        """Let the keypoints ride on the face's surface."""
        return ride_surface(places, surface, source.keypoints[0]).flatten(1)


def _difference(pose: HeadPose, origin: HeadPose) -> Float[Tensor, "frames outputs"]:
    angles = [pose.yaw - origin.yaw, pose.pitch - origin.pitch, pose.roll - origin.roll]
    moved = [pose.t - origin.t, (pose.exp - origin.exp).flatten(1)]
    return torch.cat([torch.stack(angles, 1), *moved], 1)


def load_extractor(weights: str, device: torch.device) -> KeypointExtractor:
    """Load a checkpoint's motion extractor alone, by name or path.

    Raises:
        WeightsError: The weights are missing, damaged, or of another kind of network.
    """  # noqa: DOC502 the parts raise it
    tensors, config = SYSTEM.read(weights)
    return extractor_of(tensors, config, device)


def tracked_pose(portrait: View, keypoints: int, device: torch.device) -> HeadPose:
    """Return the head pose that our tracker sees, for checkpoints that cannot read it themselves.

    The angles are those for which the checkpoints' Rx(pitch) Ry(yaw) Rz(roll) is our rotation: both
    frames have x to the right, y down and z away from the viewer. That this is the sense in which a
    checkpoint was trained could not be verified; portraits are near the front, where it matters
    least. Translation and expression are zero.
    """
    rotation = portrait.likeness_in_crop.head.rotation
    # Of R = Rx Ry Rz: row 0 is (cy cz, -cy sz, sy), column 2 is (sy, -sx cy, cx cy).
    yaw = np.arcsin(np.clip(rotation[0, 2], -1, 1))
    pitch = np.arctan2(-rotation[1, 2], rotation[2, 2])
    roll = np.arctan2(-rotation[0, 1], rotation[0, 0])

    def degrees(angle: float) -> Tensor:
        return torch.tensor([float(np.rad2deg(angle))], dtype=torch.float32, device=device)

    return HeadPose(
        yaw=degrees(yaw), pitch=degrees(pitch), roll=degrees(roll),
        t=torch.zeros(1, 3, device=device), exp=torch.zeros(1, keypoints, 3, device=device),
    )  # fmt: skip


def extractor_of(
    tensors: dict[str, Tensor], config: FaceVid2VidConfig, device: torch.device
) -> KeypointExtractor:
    """Return the motion extractor of a system that was read."""
    detector = load(KeypointDetector(config), "kp_detector", tensors, device)
    estimator = None
    if any(name.startswith("he_estimator.") for name in tensors):
        estimator = load(HeadPoseEstimator(config), "he_estimator", tensors, device)
    return KeypointExtractor(config, detector, estimator, device)
