"""What one face's mesh says of the person, computed once for a view."""

from functools import cached_property

import numpy as np
from jaxtyping import Float

from speech2face import landmarks
from speech2face.face.neutral import close_lips, opening_of
from speech2face.face.normalize import Head, fit_head, normalized
from speech2face.face.rig import shipped_rig


class Likeness:
    """A face's head, unit, landmarks and resting mouth; each is computed at first use and kept.

    Nothing here depends on motion: a session asks for it at every frame, and it costs once.
    """

    def __init__(self, mesh: Float[np.ndarray, "478 3"]) -> None:
        """Take a face mesh in pixels of any picture."""
        self.mesh = mesh

    @cached_property
    def head(self) -> Head:
        """Where the head is in the picture."""
        return fit_head(self.mesh)

    @cached_property
    def in_rig(self) -> Float[np.ndarray, "478 3"]:
        """The mesh in the rig's frame: frontal, unit = outer-eye distance of the rig."""
        return self.head.to_rig(self.mesh)

    @cached_property
    def unit(self) -> float:
        """The unit of this face's normalized landmarks (outer-eye distance), in the rig's unit."""
        return float(landmarks.eye_distance(landmarks.from_mesh(self.in_rig)))

    @cached_property
    def normalized(self) -> Float[np.ndarray, "70 3"]:
        """The landmarks as shown: frontal, origin at the nose bridge, unit = eye distance."""
        return normalized(self.in_rig)

    @cached_property
    def opening(self) -> Float[np.ndarray, " channels"]:
        """How far the face opens its mouth, as rig weights (zero but for opening channels)."""
        return opening_of(self.in_rig, shipped_rig())

    @cached_property
    def closed(self) -> Float[np.ndarray, "478 3"]:
        """The mesh in the rig's frame with its lips closed."""
        return close_lips(self.in_rig, self.opening, shipped_rig())

    @cached_property
    def rest(self) -> Float[np.ndarray, "70 3"]:
        """The normalized landmarks that speech starts from: as shown, but with closed lips."""
        change = landmarks.from_mesh(self.closed) - landmarks.from_mesh(self.in_rig)
        return (self.normalized + change / self.unit).astype(np.float32)
