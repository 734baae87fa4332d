"""One eye's ball behind its lids, and how the iris moves over the picture when it turns."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.signals import eased

_IRIS_MARGIN = 1.12
"""The dark rim of the iris lies just outside the tracked ring."""
SHIFT_PER_DEGREE = 0.0115
"""Motion of the iris in eye widths for a degree of gaze: an eyeball of 24 mm behind lids 30 mm wide
shows sin(1 degree) * 12 mm / 30 mm, less what perspective through the cornea hides; measured on the
canonical face model."""
_REACH = 1.9
"""The white moves along with the iris up to this many radii from its centre."""


@dataclass(frozen=True, kw_only=True)
class Eyeball:
    """One eye's ball in the resting crop."""

    centre: Float[Tensor, " 2"]
    """Middle of the iris in pixels of the crop."""
    radius: float
    """Of the iris, in pixels."""
    width: float
    """Of the eye, corner to corner, in pixels."""

    def shift(self, gaze: Float[Tensor, "batch 2"]) -> Float[Tensor, "batch 2"]:
        """Turn gaze (right, up, degrees) into the motion of the iris in pixels."""
        per_degree = SHIFT_PER_DEGREE * self.width
        return gaze * gaze.new_tensor([per_degree, -per_degree])

    def turn(
        self, sources: Float[Tensor, "batch 2 height width"], shift: Float[Tensor, "batch 2"]
    ) -> Float[Tensor, "batch 2 height width"]:
        """Bend the sources of resting pixels so that the iris is seen as far off as `shift`."""
        shift = shift[:, :, None, None]
        centre = self.centre[None, :, None, None]
        distance = (sources - centre - shift).norm(dim=1, keepdim=True) / self.radius
        share = ((_REACH - distance) / (_REACH - 1.1)).clamp(0, 1)
        return sources - shift * eased(share)


def find_eyeball(iris: Float[np.ndarray, "5 2"], width: float, device: torch.device) -> Eyeball:
    """Return an eyeball from the tracked iris (its centre, then four points of its ring)."""
    radius = float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean()) * _IRIS_MARGIN
    centre = torch.as_tensor(iris[0], dtype=torch.float32, device=device)
    return Eyeball(centre=centre, radius=max(radius, 1.0), width=width)
