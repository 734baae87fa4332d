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
_INWARDS = (0.5, 0.0, 0.0)
"""The same inwards: a cheek that the picture does not show would come to light. A view turned by
29 degrees of yaw got a ragged far cheek when it turned back by 16, and kept a whole one at 3."""
_ASIDE, _SHRINKS = 8.0, 35.0
"""From so many degrees of yaw on, the room of pitch and roll shrinks; by all after so many more."""
_REMAINS = 0.4
"""Share of it that remains."""
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

        A head that looks aside turns less: the far side of the face is not in the picture.
        """
        plain = cls()
        share = min(max(1.0 - (abs(angles[0]) - _ASIDE) / _SHRINKS, _REMAINS), 1.0)
        shares = np.array([1.0, share, share])
        losses = list(zip(angles, _OUTWARDS, _INWARDS, strict=True))
        low = [
            min(edge + max(-outwards * angle, inwards * angle), -_LEAST)
            for edge, (angle, outwards, inwards) in zip(shares * plain.low, losses, strict=True)
        ]
        high = [
            max(edge - max(outwards * angle, -inwards * angle), _LEAST)
            for edge, (angle, outwards, inwards) in zip(shares * plain.high, losses, strict=True)
        ]
        return cls(low=_three(low), high=_three(high))

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


def _three(values: list[float]) -> tuple[float, float, float]:
    yaw, pitch, roll = map(float, values)
    return yaw, pitch, roll
