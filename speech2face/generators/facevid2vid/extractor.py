"""A checkpoint's own motion extractor: pictures in, keypoints, head pose and expression out."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from speech2face.checkpoints import library
from speech2face.checkpoints.networks import fill, ready
from speech2face.checkpoints.store import read_weights
from speech2face.errors import WeightsError
from speech2face.face.view import View
from speech2face.generators.facevid2vid.network import (
    FaceVid2VidConfig,
    HeadPose,
    HeadPoseEstimator,
    KeypointDetector,
    pose_keypoints,
)

KIND = "facevid2vid"


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

    @torch.no_grad()  # calibration trains on what is found: no tensors of inference mode
    def source(self, portrait: View) -> SourceFace:
        """Find the keypoints of a portrait."""
        picture = self.pictures(portrait.crop[None])
        canonical = self.detector(picture)
        if self.estimator is None:
            pose = tracked_pose(portrait, self.config.keypoints, self.device)
        else:
            pose = self.estimator(picture)
        keypoints = pose_keypoints(canonical, pose, self.config.keypoint_rule)
        return SourceFace(canonical=canonical, pose=pose, keypoints=keypoints)

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
        return self.estimator(self.pictures(frames))

    def pictures(
        self, frames: UInt8[np.ndarray, "frames size size 3"]
    ) -> Float[Tensor, "frames 3 side side"]:
        """Bring crops to the size that the networks work at, RGB in [0, 1]."""
        side = self.config.size
        sized = np.stack([resized(frame, side) for frame in frames])
        return torch.from_numpy(sized).to(self.device).permute(0, 3, 1, 2).float() / 255


def load_extractor(weights: str, device: torch.device) -> KeypointExtractor:
    """Load a checkpoint's motion extractor alone, by name or path.

    Raises:
        WeightsError: The weights are missing, damaged, or of another kind of network.
    """  # noqa: DOC502 the parts raise it
    tensors, config = read_system(weights)
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


def resized(
    picture: UInt8[np.ndarray, "side side 3"], size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Bring a square picture to another size: smoothly up, by areas down."""
    if len(picture) == size:
        return picture
    way = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
    return cv2.resize(picture, (size, size), interpolation=way).astype(np.uint8, copy=False)


def read_system(weights: str) -> tuple[dict[str, Tensor], FaceVid2VidConfig]:
    """Read imported weights and the configuration of their networks.

    Raises:
        WeightsError: They are not a face-vid2vid system.
    """
    path = library.find(weights).path
    tensors, stored = read_weights(path)
    if stored.get("kind") != KIND:
        msg = (
            f"{path} holds no face-vid2vid system ({stored.get('kind', 'of unknown kind')}); "
            "give one that speech2face weights import made"
        )
        raise WeightsError(msg)
    try:
        sizes = {**stored["network"], "pose_blocks": tuple(stored["network"]["pose_blocks"])}
        return tensors, FaceVid2VidConfig(**sizes)
    except (KeyError, TypeError) as error:
        msg = f"{path} was imported by another version ({error}); import it again"
        raise WeightsError(msg) from error


def extractor_of(
    tensors: dict[str, Tensor], config: FaceVid2VidConfig, device: torch.device
) -> KeypointExtractor:
    """Return the motion extractor of a system that `read_system` read."""
    detector, estimator = KeypointDetector(config), None
    load_network(detector, tensors, "kp_detector", device)
    if any(name.startswith("he_estimator.") for name in tensors):
        estimator = HeadPoseEstimator(config)
        load_network(estimator, tensors, "he_estimator", device)
    return KeypointExtractor(config, detector, estimator, device)


def load_network(
    network: nn.Module, tensors: dict[str, Tensor], prefix: str, device: torch.device
) -> None:
    """Give a network its tensors, and make it ready to compute on the device."""
    start = f"{prefix}."
    own = {
        key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)
    }
    ready(fill(network, own, f"the tensors of {prefix}"), device)
