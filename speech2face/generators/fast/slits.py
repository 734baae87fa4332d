"""Mouth and eyes as named keypoints outline them: which side a pixel is on, where they open.

An edge runs from left to right, so it is a height over x: comparing costs next to nothing at any
resolution. Coordinates as in `fast_motion`.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from speech2face import landmarks
from speech2face.geometry import identity_grid

MAPS = 6
"""Pictures that `draw` gives."""

_LIP_EDGE, _LID_REACH = 0.03, 0.12
"""Softness of the lips' outer border, and how far lids carry skin along (units)."""
_LEAST = 1e-4


def places(mesh_points: np.ndarray) -> list[int]:
    """Return the places of mesh points in the list of keypoints."""
    order = {int(point): place for place, point in enumerate(landmarks.FAST_KEYPOINTS)}
    return [order[int(point)] for point in mesh_points]


SLITS = tuple((places(upper), places(lower)) for upper, lower in landmarks.SLITS)
"""Mouth, left eye, right eye: places of the edges' points, from left to right."""
_OUTER_LIPS = places(landmarks.UPPER_LIP_OUTER), places(landmarks.LOWER_LIP_OUTER)
IRISES = tuple(places(ring) for ring in landmarks.IRIS_RINGS)
_EYE_CORNERS = places(np.array([33, 263]))


def unit_of(keypoints: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch 1 1"]:
    """Measure the distance of the outer eye corners."""
    left, right = keypoints[:, _EYE_CORNERS[0]], keypoints[:, _EYE_CORNERS[1]]
    return (right - left).norm(dim=1).clamp(min=0.02)[:, None, None]


def slit_shares(
    driving: Float[Tensor, "batch points 3"], rows: int, columns: int
) -> Float[Tensor, "batch 3 rows columns"]:
    """Return how far pixels belong to the upper or lower side of a slit, or to an open eye.

    All three are 0 away from mouth and eyes; the steps between them are a pixel wide.
    """
    unit = unit_of(driving)[:, 0]
    x, y = _axes(rows, columns, driving.device)
    pixel = 2 / rows
    shares = driving.new_zeros(len(driving), 3, rows, columns)
    for number, (upper, lower) in enumerate(SLITS):
        top, bottom = _edge(driving, upper, x), _edge(driving, lower, x)
        middle = (top + bottom) / 2
        if number == 0:
            low, high = (_edge(driving, edge, x) for edge in _OUTER_LIPS)
            soft = _LIP_EDGE * unit
        else:
            soft = _LID_REACH * unit / 3
            low, high = top - 2 * soft, bottom + 2 * soft
        reach = _soft_step(y - low[:, None], soft[..., None])
        reach = reach * _soft_step(high[:, None] - y, soft[..., None])
        reach = reach * _between(driving, upper, x, soft)[:, None]
        lower_side = ((y - middle[:, None]) / pixel + 0.5).clamp(0, 1)
        hole = torch.zeros_like(reach)
        if number > 0:
            hole = _hole(y, top[:, None], bottom[:, None], pixel)
            hole = hole * _between(driving, upper, x, unit * 0.01)[:, None]
            reach = reach * (1 - hole)
        shares = shares + torch.stack([reach * (1 - lower_side), reach * lower_side, hole], 1)
    return shares


def draw(
    keypoints: Float[Tensor, "batch points 3"], rows: int, columns: int
) -> Float[Tensor, "batch maps rows columns"]:
    """Draw what keypoints say about lips and eyes.

    Returns:
        Mouth's hole, lips, line where the lips meet, eyes' openings, their middle lines, irises;
        each in [0, 1].
    """
    unit = unit_of(keypoints)[:, 0]
    x, y = _axes(rows, columns, keypoints.device)
    pixel = 2 / rows
    holes, lines = [], []
    for upper, lower in SLITS:
        top, bottom = _edge(keypoints, upper, x)[:, None], _edge(keypoints, lower, x)[:, None]
        across = _between(keypoints, upper, x, unit * 0.01)[:, None]
        holes.append(_hole(y, top, bottom, pixel) * across)
        off = (y - (top + bottom) / 2) / (0.02 * unit[..., None] + pixel)
        lines.append(torch.exp(-(off**2)) * across)
    low, high = (_edge(keypoints, edge, x)[:, None] for edge in _OUTER_LIPS)
    lips = _hole(y, low, high, pixel) * _between(keypoints, _OUTER_LIPS[0], x, unit * 0.01)[:, None]
    eyes = holes[1] + holes[2]
    irises = torch.zeros_like(eyes)
    for iris in IRISES:
        centre, radius = disc(keypoints, iris)
        over_x = torch.exp(-(((x - centre[:, :1]) / radius) ** 2))
        over_y = torch.exp(-(((y[:, 0] - centre[:, 1:]) / radius) ** 2))
        irises = irises + over_y[:, :, None] * over_x[:, None]
    return torch.stack([holes[0], lips, lines[0], eyes, lines[1] + lines[2], irises], 1)


def _axes(rows: int, columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return x of the columns (columns,) and y of the rows (rows, 1)."""
    grid = identity_grid(rows, columns, device)
    return grid[0, :, 0], grid[:, :1, 1]


def _edge(
    keypoints: Float[Tensor, "batch points 3"], places: list[int], x: Float[Tensor, " columns"]
) -> Float[Tensor, "batch columns"]:
    """Read an edge, which runs from left to right, as y over x; beyond its ends it is level."""
    points = keypoints[:, places]
    step = (points[:, 1:] - points[:, :-1])[..., None]
    run = (x - points[:, :-1, :1]) / step[:, :, 0].clamp(min=1e-3)
    return points[:, :1, 1] + (run.clamp(0, 1) * step[:, :, 1]).sum(1)


def _between(
    keypoints: Float[Tensor, "batch points 3"],
    places: list[int],
    x: Float[Tensor, " columns"],
    soft: Float[Tensor, "batch 1"],
) -> Float[Tensor, "batch columns"]:
    """Return which columns lie between an edge's two ends."""
    left, right = keypoints[:, places[0], :1], keypoints[:, places[-1], :1]
    return _soft_step(x - left, soft) * _soft_step(right - x, soft)


def _hole(y: Tensor, top: Tensor, bottom: Tensor, pixel: float) -> Tensor:
    """Return how much of each pixel lies between two edges; nothing if they meet."""
    inside = ((y - top) / pixel + 0.5).clamp(0, 1) * ((bottom - y) / pixel + 0.5).clamp(0, 1)
    return inside * ((bottom - top) / pixel).clamp(0, 1)


def _soft_step(values: Tensor, soft: Tensor) -> Tensor:
    return torch.sigmoid(values / (soft / 3).clamp(min=_LEAST))


def disc(
    keypoints: Float[Tensor, "batch points 3"], iris: list[int]
) -> tuple[Float[Tensor, "batch 2"], Float[Tensor, "batch 1"]]:
    """Return an iris' centre and radius."""
    centre = keypoints[:, iris[0], :2]
    ring = keypoints[:, iris[1:], :2] - centre[:, None]
    return centre, ring.norm(dim=2).mean(1, keepdim=True).clamp(min=1e-3)
