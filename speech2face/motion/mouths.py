"""Mouths of a video: what a face's own mouth does in each frame, and the motion to another one.

A new voice does not add to the old speech, it takes its place. So each frame's own mouth is read
off its mesh; what the person's mouth is like between the words, in this shot and in this mood, is
what the new speech starts from; and the motion leads from the frame's own mouth to the new one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from speech2face import landmarks
from speech2face.face.neutral import close_lips, opening_of
from speech2face.face.normalize import fit_head, normalized
from speech2face.face.rig import Rig
from speech2face.motion.articulation import articulate
from speech2face.motion.solve import fit_lips, highest
from speech2face.signals import smoothstep

_REST_SECONDS = 1.0
"""Standard deviation of the average that is the mouth at rest: longer than words, so that they are
gone from it; shorter than moods and turns of the head, which stay in it."""
_STILL_SECONDS, _TREMBLE = 0.05, 0.008
"""Standard deviation of the average that a point at rest is read by, and the eye distances from it
up to which it is at rest: twice as far is motion."""
_AT_ONCE = 500
"""Frames read at once: memory stays small."""


@dataclass(frozen=True, kw_only=True)
class Mouths:
    """The mouths of a stretch of one shot, a row a frame."""

    own: Float[np.ndarray, "frames 70 3"]
    """Normalized landmarks as they are shown."""
    rest: Float[np.ndarray, "frames 70 3"]
    """The same between the words: lips closed, and as the person holds them around this frame."""
    unit: float
    """The unit of these landmarks in the rig's, as in `Likeness`."""


def read_mouths(meshes: Float[np.ndarray, "frames 478 3"], rig: Rig, fps: float) -> Mouths:
    """Read the mouths of a stretch of one shot off its meshes, in pixels of any picture."""
    parts = [_read(meshes[at : at + _AT_ONCE], rig) for at in range(0, len(meshes), _AT_ONCE)]
    own, closed, units = (np.concatenate(part) for part in zip(*parts, strict=True))
    rest = ndimage.gaussian_filter1d(closed, _REST_SECONDS * fps, axis=0, mode="nearest")
    own = _calm(own, fps)
    return Mouths(own=own, rest=rest, unit=float(np.median(units)))


def _calm(points: Float[np.ndarray, "frames 70 3"], fps: float) -> Float[np.ndarray, "frames 70 3"]:
    """Take the tracker's trembling away where a point stands still; one that moves is left alone.

    What is read wrongly of the old mouth is seen in the new one, and most where it is at rest.
    """
    still = ndimage.gaussian_filter1d(points, _STILL_SECONDS * fps, axis=0, mode="nearest")
    away = np.linalg.norm(points - still, axis=-1, keepdims=True)
    moves = smoothstep((away - _TREMBLE) / _TREMBLE)
    return (still + moves * (points - still)).astype(np.float32)


def _read(
    meshes: Float[np.ndarray, "frames 478 3"], rig: Rig
) -> tuple[
    Float[np.ndarray, "frames 70 3"], Float[np.ndarray, "frames 70 3"], Float[np.ndarray, " frames"]
]:
    """Return normalized landmarks as shown, those with closed lips, and their units."""
    faces = np.stack([fit_head(mesh).to_rig(mesh) for mesh in meshes.astype(np.float64)])
    own = np.stack([normalized(face) for face in faces])
    shut = np.stack([
        close_lips(face, opening, rig)
        for face, opening in zip(faces, opening_of(faces, rig), strict=True)
    ])  # fmt: skip
    units = landmarks.eye_distance(landmarks.from_mesh(faces))
    change = landmarks.from_mesh(shut) - landmarks.from_mesh(faces)
    closed = own + change / units[:, None, None]
    return own, closed.astype(np.float32), units


def replace_mouths(
    mouths: Mouths,
    spoken: Float[np.ndarray, "frames 70 3"],
    emotion: Float[np.ndarray, "frames channels"],
    rig: Rig,
) -> Float[np.ndarray, "frames channels"]:
    """Return the rig weights that lead from each frame's own mouth to the spoken one.

    Args:
        mouths: The frames' own.
        spoken: Movements of normalized landmarks from rest, as they are heard and felt.
        emotion: Weights that are added to the result: the lips meet in spite of them.
        rig: Whose weights.
    """
    none, most = np.zeros_like(emotion), highest(rig)
    # What the own mouth does already may be taken away, and no more: channels are one-sided.
    shown = fit_lips(
        rig, mouths.own - mouths.rest, mouths.unit, emotion=none, low=none[0], high=most
    )
    wanted = mouths.rest + articulate(spoken) - mouths.own
    low = -shown - np.maximum(emotion, 0)
    return fit_lips(rig, wanted, mouths.unit, emotion=emotion, low=low, high=most - shown)
