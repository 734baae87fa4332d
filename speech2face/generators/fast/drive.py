"""Landmarks2Latents for facevid2vid:fast: nothing is learnt, because its keypoints have names.

What landmarks and controls do to a face is the solve of `motion/solve.py`; posed by
rig, head and gaze, the mesh that comes out holds the keypoints.
"""

import numpy as np
import torch
from jaxtyping import Float

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.face.normalize import fit_head
from speech2face.face.rig import Rig, load_rig
from speech2face.generators.fast.generator import NAME, named_keypoints
from speech2face.generators.warp.eyes import find_eyeball
from speech2face.motion.motion import WarpLatents
from speech2face.motion.points import control_points
from speech2face.motion.solve import Landmarks2Latents
from speech2face.types import ControlTrack, LandmarkTrack, LatentTrack, Portrait, Speech

_AT_ONCE = 750
"""Frames at once: half a minute; memory stays small."""


class Landmarks2Named:
    """Fits the keypoints of facevid2vid:fast to landmarks and controls."""

    space = NAME

    def __init__(self) -> None:
        """Read the rig."""
        self.rig: Rig = load_rig()
        self._solve = Landmarks2Latents()

    def __call__(
        self,
        track: LandmarkTrack,
        controls: ControlTrack,
        portrait: Portrait,
        speech: Speech | None = None,
    ) -> LatentTrack:
        """Turn landmarks and controls into keypoints of the same length and rate.

        Args:
            track: Normalized landmarks of the portrait's face while it speaks.
            controls: What the director asks for, at the same rate.
            portrait: Whose keypoints these are.
            speech: Not listened to: the landmarks say it all.

        Raises:
            InputError: Landmarks and controls differ in rate or length.
        """  # noqa: DOC502 the solve raises it
        del speech
        solved = self._solve(track, controls, portrait)
        values = self.from_motion(solved.values, portrait)
        return LatentTrack(values=values, space=NAME, fps=solved.fps)

    def from_motion(
        self, values: Float[np.ndarray, "frames motion"], portrait: Portrait
    ) -> Float[np.ndarray, "frames latent"]:
        """Turn latents of the warp generator into those of facevid2vid:fast."""
        return values_of(posed_meshes(values, portrait, self.rig), portrait)


def values_of(
    meshes: Float[np.ndarray, "frames 478 3"], portrait: Portrait
) -> Float[np.ndarray, "frames latent"]:
    """Write meshes in pixels of the portrait's crop as latents of facevid2vid:fast."""
    return named_keypoints(meshes, len(portrait.crop)).reshape(len(meshes), -1)


def posed_meshes(
    values: Float[np.ndarray, "frames motion"], portrait: Portrait, rig: Rig
) -> Float[np.ndarray, "frames 478 3"]:
    """Give the face mesh of every row of warp latents in pixels of the crop, irises turned."""
    cpu = torch.device("cpu")
    points = control_points(portrait, fit_head(portrait.mesh), rig, cpu)
    # Depths are compressed where they are posed; the portrait's own must stay what they are.
    still = points.place(points.rest[None], np.zeros((1, 3)))[:, : landmarks.MESH_POINTS].numpy()
    own = portrait.mesh - still
    parts = []
    for start in range(0, len(values), _AT_ONCE):
        latents = WarpLatents.unpack(values[start : start + _AT_ONCE])
        shape = points.shape(to_tensor(latents.weights, cpu))
        placed = points.place(shape, latents.pose, latents.shift)
        mesh = placed[:, : landmarks.MESH_POINTS].numpy().copy()
        for (lid, _), iris in zip(landmarks.LIDS, landmarks.IRIS_RINGS, strict=True):
            width = float(np.linalg.norm(points.pixels[lid[-1]] - points.pixels[lid[0]]))
            eyeball = find_eyeball(points.pixels[iris], width, cpu)
            shift = eyeball.shift(to_tensor(latents.gaze, cpu)).numpy()
            mesh[:, iris, :2] += shift[:, None]
        parts.append(mesh + own)
    return np.concatenate(parts).astype(np.float32)
