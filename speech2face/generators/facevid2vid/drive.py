"""Landmarks2Latents for generators of the face-vid2vid family: keypoints instead of rig weights.

The common description of motion is the solve of `motion/solve.py`: landmarks, emotion,
blink, gaze and pose as latents of the warp generator. What those do to a face becomes keypoints in
one of two ways. A calibrated checkpoint has a network that was fitted to its own motion extractor.
One that has no extractor (SadTalker's file alone) lets each keypoint ride on the face's surface:
the flow near a keypoint is the keypoint's own motion (J = I), whatever it was trained on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face import landmarks
from speech2face.checkpoints import library
from speech2face.checkpoints.store import read_config, read_weights
from speech2face.devices import to_tensor
from speech2face.errors import WeightsError
from speech2face.face.neutral import eye_unit
from speech2face.face.normalize import fit_head
from speech2face.face.rig import Rig
from speech2face.generators.facevid2vid.drive_network import (
    Landmarks2Keypoints,
    Landmarks2KeypointsConfig,
)
from speech2face.generators.facevid2vid.generator import KeypointExtractor, SourceFace
from speech2face.generators.facevid2vid.network import HeadPose, pose_keypoints
from speech2face.models.mel import CONTEXT, HOP, LogMel, MelConfig
from speech2face.motion.motion import WarpLatents
from speech2face.motion.points import ControlPoints, control_points
from speech2face.motion.solve import Landmarks2Latents
from speech2face.timing import samples_at
from speech2face.types import ControlTrack, LandmarkTrack, LatentTrack, Portrait, Speech

KIND = "landmarks2keypoints"
"""What the configuration of a calibration says it is."""
SOUND = 8
"""Bands of the spectrum that describe the sound of a frame."""
SKIN = np.setdiff1d(np.arange(landmarks.LANDMARKS), np.r_[36:48, 68:70])
"""Landmarks that show the skin's motion: all but lids and irises, which have axes of their own."""

_REACH = 0.1
"""A keypoint rides on the surface around it, weighted by a Gaussian of this standard deviation
(half sides of the crop): that of the heatmaps by which the generators spread their motion."""
_AT_ONCE = 750
"""Frames at once: half a minute; memory stays small."""
_QUIETEST = 7.0
"""Sound counts from this far below the loud parts of the clip (natural log of power: 30 dB)."""
_LEAST_LOUD = -8.0
"""A clip whose loudest part lies below this is silence: -65 dB of full scale."""


@dataclass(frozen=True, kw_only=True)
class FaceMotion:
    """What warp latents do to one portrait's face, as the network and the surface see it."""

    skin: Float[Tensor, "frames skin"]
    """See `Landmarks2KeypointsConfig.skin`."""
    eyes: Float[Tensor, "frames 4"]
    """Change of the left and right eye's openings (eye distances); gaze right, up (degrees)."""
    surface: Float[Tensor, "frames points 3"]
    """Motion of the control points, in half sides of the crop; z away from the viewer."""


class MotionReader:
    """Turns warp latents into `FaceMotion` for one portrait."""

    def __init__(self, portrait: Portrait, rig: Rig, device: torch.device) -> None:
        """Lay the warp generator's control points over the portrait."""
        head = fit_head(portrait.mesh)
        self.points: ControlPoints = control_points(portrait, head, rig, device)
        self.half = len(portrait.crop) / 2
        self._unit = eye_unit(portrait.mesh)
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
        latents: WarpLatents,
        sound: Float[np.ndarray, "frames bands"],
    ) -> FaceMotion:
        """Follow the landmarks, the lids and the surface."""
        device = self._shape.device
        shape = self.points.shape(to_tensor(latents.weights, device))
        placed = self.points.place(shape, latents.pose, latents.shift)
        mesh = slice(0, landmarks.MESH_POINTS)
        own = (shape - self._shape)[:, mesh][:, landmarks.MESH_TO_LANDMARKS[SKIN]] / self._unit
        seen = (placed - self._placed)[:, mesh][:, landmarks.MESH_TO_LANDMARKS[SKIN]] / self.half
        shift = np.zeros((len(placed), 3)) if latents.shift is None else latents.shift
        rest = [latents.pose, shift, sound]
        opening = self._opening(shape) - self._opening(self._shape)
        return FaceMotion(
            skin=torch.cat(
                [own.flatten(1), seen.flatten(1), *(to_tensor(part, device) for part in rest)], 1
            ),
            eyes=torch.cat([opening, to_tensor(latents.gaze, device)], 1),
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


def sound_features(
    speech: Speech | None, track: LandmarkTrack
) -> Float[np.ndarray, "frames bands"]:
    """Describe the sound of each frame: 0 is silence, 1 the loudest that is heard in the clip."""
    features = np.zeros((len(track), SOUND), np.float32)
    if speech is None:
        return features
    hear = LogMel(MelConfig(bands=SOUND))
    for start in range(0, len(track), _AT_ONCE):
        stop = min(len(track), start + _AT_ONCE)
        edges = [samples_at(frame, track.fps) // HOP for frame in range(start, stop + 1)]
        low, high = edges[0] * HOP - CONTEXT, (edges[-1] + 1) * HOP
        cut = speech.samples[max(low, 0) : high]
        cut = np.pad(cut, (max(-low, 0), max(high - low - len(cut) - max(-low, 0), 0)))
        heard = hear(torch.as_tensor(cut, dtype=torch.float32)[None])[0].numpy()
        for frame in range(start, stop):
            first, last = edges[frame - start] - edges[0], edges[frame - start + 1] - edges[0]
            features[frame] = heard[first : max(last, first + 1)].mean(0)
    loudest = max(float(np.quantile(features.max(1), 0.95)), _LEAST_LOUD)
    return np.clip(1 + (features - loudest) / _QUIETEST, 0, 1)


class KeypointFit:
    """Landmarks and controls become keypoints of one checkpoint."""

    def __init__(
        self, space: str, extractor: KeypointExtractor, network: Landmarks2Keypoints | None
    ) -> None:
        """Take the checkpoint's extractor and, if it is calibrated, the network in evaluation mode.

        Args:
            space: Name of the generator, which is its latent space's too.
            extractor: Finds the portrait's own keypoints.
            network: Fitted by calibration; None: keypoints ride on the face's surface.
        """
        self.space = space
        self.extractor, self.network = extractor, network
        self._solve = Landmarks2Latents()
        self.rig: Rig = self._solve.rig

    @classmethod
    def from_weights(cls, weights: str, extractor: KeypointExtractor) -> "KeypointFit":
        """Load what was fitted for imported weights.

        Raises:
            WeightsError: The weights could be calibrated and have not been.
        """  # noqa: DOC502 those below raise it
        network = None
        if extractor.estimator is not None:
            network = load_calibration(weights).to(extractor.device)
        return cls(f"facevid2vid:{weights}", extractor, network)

    def __call__(
        self,
        track: LandmarkTrack,
        controls: ControlTrack,
        portrait: Portrait,
        speech: Speech | None = None,
    ) -> LatentTrack:
        """Turn landmarks and controls into the motion of keypoints.

        Args:
            track: Normalized landmarks of the portrait's face while it speaks.
            controls: What the director asks for, at the same rate.
            portrait: Whose keypoints these are: they are relative to what the portrait shows.
            speech: The sound; None is silence.

        Raises:
            InputError: Landmarks and controls differ in rate or length.
        """  # noqa: DOC502 the solve raises it
        solved = self._solve(track, controls, portrait)
        sound = sound_features(speech, track)
        values = self.keypoints(solved.values, controls.emotion, sound, portrait)
        return LatentTrack(values=values, space=self.space, fps=track.fps)

    @torch.inference_mode()
    def keypoints(
        self,
        warp_values: Float[np.ndarray, "frames latent"],
        emotion: Float[np.ndarray, "frames 8"],
        sound: Float[np.ndarray, "frames bands"],
        portrait: Portrait,
    ) -> Float[np.ndarray, "frames coordinates"]:
        """Turn latents of the warp generator into the motion of keypoints."""
        source = self.extractor.source(portrait)
        reader = MotionReader(portrait, self.rig, self.extractor.device)
        moved = []
        for part in _windows(len(warp_values)):
            motion = reader(WarpLatents.unpack(warp_values[part]), sound[part])
            moved.append(self._move(reader, motion, emotion[part], source))
        return torch.cat(moved).flatten(1).cpu().numpy()

    def _move(
        self,
        reader: MotionReader,
        motion: FaceMotion,
        emotion: Float[np.ndarray, "frames 8"],
        source: SourceFace,
    ) -> Float[Tensor, "frames keypoints 3"]:
        if self.network is None:
            return ride_surface(reader.places, motion.surface, source.keypoints[0])
        felt = to_tensor(emotion, motion.skin.device)
        change = self.network(motion.skin, motion.eyes, felt, source.canonical[0])
        return keypoint_motion(source, change, self.extractor)


def keypoint_motion(
    source: SourceFace,
    change: tuple[
        Float[Tensor, "frames 3"], Float[Tensor, "frames 3"], Float[Tensor, "frames keypoints 3"]
    ],
    extractor: KeypointExtractor,
) -> Float[Tensor, "frames keypoints 3"]:
    """Give how far a change of pose and deformation moves the portrait's keypoints."""
    angles, shift, deformation = change
    pose = source.pose
    moved = HeadPose(
        yaw=pose.yaw + angles[:, 0], pitch=pose.pitch + angles[:, 1], roll=pose.roll + angles[:, 2],
        t=pose.t + shift, exp=pose.exp + deformation,
    )  # fmt: skip
    canonical = source.canonical.expand(len(angles), -1, -1)
    return pose_keypoints(canonical, moved, extractor.config.keypoint_rule) - source.keypoints


def needs_calibration(weights: str) -> bool:
    """Tell whether weights have a motion extractor to which nothing has been fitted yet."""
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
    network = Landmarks2Keypoints(Landmarks2KeypointsConfig(**config["network"]))
    network.load_state_dict(tensors, strict=True)
    return network.eval().requires_grad_(requires_grad=False)


def _has_extractor(found: library.Weights) -> bool:
    return "he_estimator" in read_config(found.path)[1].get("networks", ())


def _is_fitted(found: library.Weights) -> bool:
    path = library.calibration_path(found)
    return path.is_file() and read_config(path)[1].get("fitted_for") == found.sha256


def _windows(frames: int) -> Iterator[slice]:
    return (slice(at, min(frames, at + _AT_ONCE)) for at in range(0, frames, _AT_ONCE))
