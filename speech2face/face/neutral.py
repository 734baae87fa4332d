"""The portrait with its lips closed: what speech starts from, whatever the picture shows.

Closed lips have no gap in any face, so the opening that a portrait shows can be read off without
knowing the person: it is the smallest mix of jaw and lip channels that removes the gap.
"""

import numpy as np
from jaxtyping import Float

from speech2face import landmarks
from speech2face.face.rig import Rig

OPENING_CHANNELS = (
    "jawOpen", "mouthUpperUp_L", "mouthUpperUp_R", "mouthLowerDown_L", "mouthLowerDown_R",
)  # fmt: skip
"""Rig channels that part the lips."""

_RIDGE = 0.02
"""Price of a weight against a gap of one eye distance: the smallest mix that closes the lips to
within a hundredth."""
_STEPS = 300
_STILL = 1e-13
"""Weights that change by less in a step will not change: double precision ends there."""


def opening_of(
    face: Float[np.ndarray, "*faces 478 3"], rig: Rig
) -> Float[np.ndarray, "*faces channels"]:
    """Return how far a face opens its mouth, as rig weights (zero but for opening channels).

    Args:
        face: Its mesh in the rig's frame, or those of many.
        rig: The rig.
    """
    gap = np.maximum(_gaps(face), 0)
    channels = [rig.index(name) for name in OPENING_CHANNELS]
    effect = np.stack([_gaps(rig.deltas[channel]) for channel in channels], 1).astype(np.float64)
    hessian = effect.T @ effect + _RIDGE * np.eye(len(channels))
    linear = (gap @ effect).reshape(-1, len(channels))
    weights = bounded_least_squares(
        hessian, linear, np.zeros(len(channels)), np.full(len(channels), 1.5)
    )
    result = np.zeros((*face.shape[:-2], len(rig.names)), np.float32)
    result[..., channels] = weights.reshape(*face.shape[:-2], len(channels))
    return result


def close_lips(
    face: Float[np.ndarray, "478 3"], opening: Float[np.ndarray, " channels"], rig: Rig
) -> Float[np.ndarray, "478 3"]:
    """Return a mesh in the rig's frame with its lips closed; `opening` is from `opening_of`."""
    closed = face - rig.offsets(opening)
    upper, lower = landmarks.UPPER_LIP_INNER[1:-1], landmarks.LOWER_LIP_INNER[1:-1]
    middle = (closed[upper] + closed[lower]) / 2
    closed[upper], closed[lower] = middle, middle
    return closed


def bounded_least_squares(
    hessian: Float[np.ndarray, "n n"],
    linear: Float[np.ndarray, "rows n"],
    low: Float[np.ndarray, "*lows n"],
    high: Float[np.ndarray, "*highs n"],
) -> Float[np.ndarray, "rows n"]:
    """Minimise w' H w / 2 - g' w within bounds, for many right sides g at once.

    Bounds are of all rows, or a row each.

    Accelerated projected gradient (Beck and Teboulle 2009): every row shares the matrix, so one
    step is one matrix product. A handful of unknowns stands still long before the last step.
    """
    step = 1 / float(np.linalg.eigvalsh(hessian)[-1])
    weights = np.clip(np.linalg.solve(hessian, linear.T).T, low, high)
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        moved = np.clip(ahead - step * (ahead @ hessian - linear), low, high)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        change = moved - weights
        ahead = moved + (momentum - 1) / following * change
        weights, momentum = moved, following
        if np.abs(change).max() < _STILL:
            break
    return weights


def _gaps(points: Float[np.ndarray, "*faces 478 3"]) -> Float[np.ndarray, "*faces pairs"]:
    """Measure how far the inner lips are apart, pair by pair, downwards."""
    upper, lower = landmarks.UPPER_LIP_INNER[1:-1], landmarks.LOWER_LIP_INNER[1:-1]
    return points[..., lower, 1] - points[..., upper, 1]
