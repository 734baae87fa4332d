"""How far a head may turn before its picture suffers: a bound that depends on the view."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from speech2face.face.view import View
from speech2face.geometry import rotation_angles

_FREE = 0.5
"""Share of the room in which motion is not changed; beyond it, it nears the edge more and more."""
_OUTWARDS = (0.35, 0.35, 0.0)
"""Degrees of yaw, pitch, roll that are lost outwards for each that the view is turned already."""
_LEAST = 3.0
"""Degrees that remain in every direction."""


@dataclass(frozen=True, kw_only=True)
class HeadRoom:
    """How far natural motion may turn a head from the view's own pose."""

    low: tuple[float, float, float] = (-16.0, -11.0, -9.0)
    """Degrees of yaw, pitch, roll; negative."""
    high: tuple[float, float, float] = (16.0, 11.0, 9.0)
    """The same to the other side."""

    @classmethod
    def around(cls, angles: tuple[float, float, float]) -> "HeadRoom":
        """Return the room of a view whose head is turned by yaw, pitch, roll already.

        A head that looks aside turns less further outwards: the far side of the face is not in the
        picture. Towards the viewer it has all its room.
        """
        plain = cls()
        pairs = list(zip(angles, _OUTWARDS, strict=True))
        low = [
            min(edge - share * min(angle, 0.0), -_LEAST)
            for edge, (angle, share) in zip(plain.low, pairs, strict=True)
        ]
        high = [
            max(edge - share * max(angle, 0.0), _LEAST)
            for edge, (angle, share) in zip(plain.high, pairs, strict=True)
        ]
        return cls(low=(low[0], low[1], low[2]), high=(high[0], high[1], high[2]))

    @classmethod
    def of(cls, view: View) -> "HeadRoom":
        """Return the room of a view."""
        yaw, pitch, roll = rotation_angles(view.likeness.head.rotation[None])[0].tolist()
        return cls.around((yaw, pitch, roll))

    def hold(self, pose: Float[np.ndarray, "*frames 3"]) -> Float[np.ndarray, "*frames 3"]:
        """Hold poses inside the room, softly; its edge is never passed."""
        edge = np.where(pose > 0.0, self.high, self.low)
        share = pose / edge
        beyond = np.tanh((share - _FREE) / (1.0 - _FREE))
        return edge * np.where(share > _FREE, _FREE + (1.0 - _FREE) * beyond, share)
