"""Transfer: what a face in a video does becomes the motion of another face."""

from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from speech2face import landmarks
from speech2face.face.likeness import Likeness
from speech2face.face.normalize import fit_head, normalized
from speech2face.face.rig import Rig, shipped_rig
from speech2face.face.view import View
from speech2face.geometry import rotation_angles
from speech2face.motion.follow import motion_of
from speech2face.motion.motion import Motion
from speech2face.signals import smoothstep
from speech2face.timing import MOTION_FPS

_AT_ONCE = 500
"""Frames followed at once: memory stays small."""
_HEAD_SECONDS, _FACE_SECONDS = 0.04, 0.02
"""Standard deviations of the averages that take the tracker's jitter away: of a nod in half a
second 88 % stay, and of the face what lasts a frame at 25 a second is left alone."""
_LIDS = (("eyeBlink_R", landmarks.LIDS[0]), ("eyeBlink_L", landmarks.LIDS[1]))
"""Channels of the lids at the image's left and right: the rig names the person's own sides."""
_FURTHEST = np.array([0.6, 0.6, 0.2])
"""Motion of the head to the right and down (eye distances) and of its size (logarithm) that is
neared and never passed: a picture's hair and background go along so far."""
_REACHED = Fraction(3, 5)
"""Seconds in which the expression of a picture is reached."""
_SHUT = 0.2
"""Share of its opening at which an eye is read as shut: lashes are seen as an edge of their own."""


class Driver:
    """A face in a video, frame by frame, in the rig's frame."""

    def __init__(self, meshes: Float[np.ndarray, "frames 478 3"]) -> None:
        """Take the meshes of the frames that show the face, in pixels of their pictures."""
        self.meshes = meshes
        heads = [fit_head(mesh) for mesh in meshes]
        self.rotations = np.stack([head.rotation for head in heads])
        points = np.stack([
            normalized(head.to_rig(mesh.astype(np.float64)))
            for head, mesh in zip(heads, meshes, strict=True)
        ])  # fmt: skip
        self.gap = landmarks.mouth_opening(points)
        """Of the lips in eye distances."""
        self.lids = np.stack([_lid_gaps(meshes, *edges) for _, edges in _LIDS], 1)
        """Of both eyes, in widths of the eye."""

    def calmest(self) -> int:
        """Return the frame that is most like a portrait: lips closed, eyes open, head as usual."""
        middle = self.rotations.mean(0)
        away = np.linalg.norm(self.rotations - middle, axis=(1, 2))
        usual = np.median(self.lids, axis=0)
        lids = np.abs(self.lids / np.maximum(usual, 1e-3) - 1).mean(1)
        return int(np.argmin(away / max(float(away.std()), 0.02) + 10 * self.gap + 2 * lids))


def _lid_gaps(
    meshes: Float[np.ndarray, "frames 478 3"], upper: np.ndarray, lower: np.ndarray
) -> Float[np.ndarray, " frames"]:
    gap = np.linalg.norm(meshes[:, lower[2:-2], :2] - meshes[:, upper[2:-2], :2], axis=-1).mean(1)
    width = np.linalg.norm(meshes[:, upper[-1], :2] - meshes[:, upper[0], :2], axis=-1)
    return gap / np.maximum(width, 1e-6)


def transferred(
    driver: Driver, view: View, fps: Fraction, *, anchor: int, absolute: bool = False
) -> Motion:
    """Return the motion that makes a view move as the driver does.

    Lids that shut shut, and lips that meet meet, however far apart the view has its own.

    Args:
        driver: The driving face.
        view: Who shall move.
        fps: Rate of the driver's frames.
        anchor: The driver's frame that belongs to the view as it is.
        absolute: The head takes the driver's own pose, instead of its motion from the anchor.
    """
    rig, meshes = shipped_rig(), driver.meshes
    calm = Likeness(np.array(meshes[anchor]))
    # Between closed lips and closed lips: a driver whose lips are never shut opens others' too.
    reference = calm.head.to_image(calm.closed).astype(np.float32)
    parts = [
        motion_of(np.array(meshes[at : at + _AT_ONCE]), view, fps, reference=reference)
        for at in range(0, len(meshes), _AT_ONCE)
    ]
    weights, gaze, pose, shift = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("weights", "gaze", "pose", "shift")
    )
    if absolute:
        own = view.likeness_in_crop.head.rotation
        pose = rotation_angles(driver.rotations @ own.T)
    weights = _lids_shut(weights, driver, anchor, rig)
    weights = _steady(weights, fps, _FACE_SECONDS)
    weights = weights - view.likeness.opening
    shift = _steady(shift, fps, _HEAD_SECONDS)
    return Motion.of(
        weights, gaze=_steady(gaze, fps, _FACE_SECONDS), pose=_steady(pose, fps, _HEAD_SECONDS),
        shift=_FURTHEST * np.tanh(shift / _FURTHEST), fps=fps,
    )  # fmt: skip


def worn(mesh: Float[np.ndarray, "478 3"], view: View) -> Motion:
    """Return the motion, of one frame, that gives a view the expression and pose of another face.

    Nothing is known of that face but one picture. So both are read against the rig's neutral face:
    what is the person's own in either is taken for expression, but no more than they differ in it.

    Args:
        mesh: The other face, in pixels of its picture.
        view: Who shall look like that.
    """
    own_mesh = view.face.mesh
    heads = fit_head(mesh), fit_head(own_mesh)
    other, own = (
        motion_of(
            one[None], view, MOTION_FPS,
            reference=head.to_image(shipped_rig().neutral).astype(np.float32),
        )
        for one, head in zip((mesh, own_mesh), heads, strict=True)
    )  # fmt: skip
    pose = rotation_angles((heads[0].rotation @ heads[1].rotation.T)[None])
    return Motion.of(
        other.weights - own.weights, gaze=other.gaze - own.gaze, pose=pose, fps=MOTION_FPS
    )


def reached(motion: Motion, frames: int, fps: Fraction) -> Motion:
    """Return the way from rest to a motion of one frame, which is kept from there on."""
    share = smoothstep(np.arange(1, frames + 1) / float(_REACHED * fps))[:, None]
    return Motion.of(
        share * motion.weights, gaze=share * motion.gaze, pose=share * motion.pose,
        shift=share * motion.shift, fps=fps,
    )  # fmt: skip


def _lids_shut(
    weights: Float[np.ndarray, "frames channels"], driver: Driver, anchor: int, rig: Rig
) -> Float[np.ndarray, "frames channels"]:
    """Close the lids by the share of its opening that the driver's eye closes.

    Eyes of one face are wider than those of another: the same way down would leave them ajar.
    """
    weights = weights.copy()
    for side, (name, _) in enumerate(_LIDS):
        share = driver.lids[:, side] / max(float(driver.lids[anchor, side]), 1e-3)
        closing = np.clip((1 - share) / (1 - _SHUT), 0, 1)
        channel = rig.index(name)
        weights[:, channel] = np.maximum(closing, np.minimum(weights[:, channel], 0))
    return weights


def _steady(
    values: Float[np.ndarray, "frames size"], fps: Fraction, seconds: float
) -> Float[np.ndarray, "frames size"]:
    return ndimage.gaussian_filter1d(values, seconds * float(fps), axis=0, mode="nearest")


def bridged(motion: Motion, seen: Bool[np.ndarray, " frames"]) -> Motion:
    """Return the motion of all frames of a video, where only some show the face.

    Args:
        motion: Of the frames that do.
        seen: Which of the video's frames these are.
    """
    places, every = np.flatnonzero(seen), np.arange(len(seen))

    def whole(values: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(every, places, column) for column in values.T], 1)

    return Motion.of(
        whole(motion.weights), gaze=whole(motion.gaze), pose=whole(motion.pose),
        shift=whole(motion.shift), fps=motion.fps,
    )  # fmt: skip
