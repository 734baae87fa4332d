"""Follow: a tracked face becomes motion.

The reverse of the rig: which weights, gaze, turn and shift of the head make the portrait's mesh the
one that was tracked. Everything is relative to a reference mesh that shows the same face as the
portrait does (or another face with the portrait's expression and pose), so that a person's own
shape is not read as motion. It drives evaluation on recordings and is the seed of reenactment.
"""

from fractions import Fraction

import numpy as np
from jaxtyping import Float

from speech2face import landmarks
from speech2face.face.neutral import bounded_least_squares
from speech2face.face.normalize import fit_head
from speech2face.face.rig import Rig, load_rig
from speech2face.face.view import View
from speech2face.geometry import fit_similarity, rotation_angles
from speech2face.motion.eyeball import SHIFT_PER_DEGREE
from speech2face.motion.motion import Motion
from speech2face.motion.points import PIVOT, fit_rig

_LOWEST, _HIGHEST = -0.6, 1.3
"""Bounds of a weight: a portrait that shows an expression already may lose it again."""
_SHUT = 1.0
"""Lids close no further than shut."""
_SKIN, _FEATURE, _DEPTH_SHARE, _GAP = 0.15, 1.0, 0.3, 2.5
"""Price of an error of skin; of lips, lids and brows; of depth, which a picture shows least; and of
the gap of lips and lids, which is looked at most."""
_RIDGE = 4e-3
"""Price of a weight of 1 against an error of one eye distance at one point of a feature."""
_SIZE_TRUST = 0.5
"""Share of the tracked change of size that is believed: the tracker reads open jaws as larger heads
(9 held-out recordings: L1 0.0125 with all of it, 0.0119 with half, 0.0121 without)."""
_WIDEST_GAZE = 35.0
"""Degrees."""


def motion_of(
    meshes: Float[np.ndarray, "frames 478 3"],
    portrait: View,
    fps: Fraction,
    *,
    reference: Float[np.ndarray, "478 3"] | None = None,
) -> Motion:
    """Compute the motion that makes the portrait move as a tracked face does.

    Args:
        meshes: In pixels of their pictures, all of one size.
        portrait: Who shall move.
        fps: Rate of the meshes.
        reference: The mesh of the driving face that belongs to the portrait as it is, in pixels of
            the meshes' pictures; None: the meshes are of the portrait's own picture.
    """
    rig = load_rig()
    start = portrait.face.mesh if reference is None else reference
    head = fit_head(start)
    pivot = head.to_image(PIVOT)
    rigid = start[landmarks.RIGID].astype(np.float64)
    poses, shifts, faces = [], [], []
    for mesh in meshes.astype(np.float64):
        scale, rotation, _ = fit_similarity(rigid, mesh[landmarks.RIGID])
        scale = scale**_SIZE_TRUST
        translation = mesh[landmarks.RIGID].mean(0) - scale * rotation @ rigid.mean(0)
        moved = (scale * rotation @ pivot + translation - pivot) / head.scale
        poses.append(rotation_angles(rotation))
        shifts.append([moved[0], moved[1], np.log(scale)])
        faces.append(head.to_rig((mesh - translation) @ rotation / scale))
    rest = head.to_rig(start.astype(np.float64))
    own = portrait.likeness_in_crop.head.to_rig(portrait.mesh.astype(np.float64))
    weights = _weights(rig, fit_rig(rig, own), np.stack(faces) - rest, rest)
    return Motion.of(
        weights, gaze=_gaze(np.stack(faces), rest), pose=np.stack(poses), shift=np.array(shifts),
        fps=fps,
    )  # fmt: skip


def _weights(
    rig: Rig,
    deltas: Float[np.ndarray, "channels 478 3"],
    moved: Float[np.ndarray, "frames 478 3"],
    rest: Float[np.ndarray, "478 3"],
) -> Float[np.ndarray, "frames channels"]:
    """Fit rig weights to the motion of every point of the face."""
    price = _prices()
    reach = (deltas * price).reshape(len(deltas), -1)
    hessian = reach @ reach.T + _RIDGE * np.eye(len(deltas))
    linear = (moved * price).reshape(len(moved), -1) @ reach.T
    for upper, lower in landmarks.SLITS:
        inner = slice(1, -1)
        gap = deltas[:, lower[inner], 1] - deltas[:, upper[inner], 1]
        # Edges that a tracker saw crossed are closed, not more.
        least = np.minimum(rest[upper[inner], 1] - rest[lower[inner], 1], 0)
        wanted = np.maximum(moved[:, lower[inner], 1] - moved[:, upper[inner], 1], least)
        hessian = hessian + _GAP**2 * gap @ gap.T
        linear = linear + _GAP**2 * wanted @ gap.T
    low, high = np.full(len(deltas), _LOWEST), np.full(len(deltas), _HIGHEST)
    high[[rig.index(name) for name in ("eyeBlink_L", "eyeBlink_R")]] = _SHUT
    return bounded_least_squares(hessian, linear, low, high)


def _prices() -> Float[np.ndarray, "478 3"]:
    price = np.full((landmarks.MESH_POINTS, 3), _SKIN)
    price[landmarks.MESH_TO_LANDMARKS[landmarks.BROWS]] = _FEATURE
    lips = [landmarks.UPPER_LIP_OUTER, landmarks.LOWER_LIP_OUTER]
    price[np.concatenate([*lips, *(edge for slit in landmarks.SLITS for edge in slit)])] = _FEATURE
    price[landmarks.SURFACE_POINTS :] = 0
    price[:, 2] *= _DEPTH_SHARE
    return price


def _gaze(
    faces: Float[np.ndarray, "frames 478 3"], rest: Float[np.ndarray, "478 3"]
) -> Float[np.ndarray, "frames 2"]:
    """Read how the eyes turned from where the irises are between the corners of the eyes."""
    turns = []
    for (lid, _), (iris, *_) in zip(landmarks.LIDS, landmarks.IRIS_RINGS, strict=True):
        corners = lid[[0, -1]]
        width = np.linalg.norm(rest[corners[1], :2] - rest[corners[0], :2])
        middle = faces[:, corners, :2].mean(1) - rest[corners, :2].mean(0)
        moved = faces[:, iris, :2] - rest[iris, :2] - middle
        turns.append(moved / (SHIFT_PER_DEGREE * width) * [1, -1])
    return np.clip(np.mean(turns, 0), -_WIDEST_GAZE, _WIDEST_GAZE)
