"""The landmark schemes: 478 points of the dense face mesh, and the 68 + 2 that stages exchange.

The mesh has the topology of MediaPipe's canonical face model (Apache-2.0): 468 surface points and
two rings of five iris points. The 68 are the 300-W / dlib scheme, which 3DDFA and face-alignment
speak too; two iris centres follow as 68 and 69. "Left" and "right" are as seen in the image.
"""

import numpy as np
from jaxtyping import Float

MESH_POINTS = 478
SURFACE_POINTS = 468
LANDMARKS = 70

# fmt: off
MESH_TO_LANDMARKS = np.array([
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,  # jaw line
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # lids
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # lips, outer
    78, 82, 13, 312, 308, 317, 14, 87,  # lips, inner
    468, 473,  # irises
])
"""The mesh point of each landmark."""

# Contours of the mesh run from the image's left to its right, so that x grows along them.
UPPER_LIP_INNER = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308])
LOWER_LIP_INNER = np.array([78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308])
UPPER_LIP_OUTER = np.array([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291])
LOWER_LIP_OUTER = np.array([61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291])
LEFT_UPPER_LID = np.array([33, 246, 161, 160, 159, 158, 157, 173, 133])
LEFT_LOWER_LID = np.array([33, 7, 163, 144, 145, 153, 154, 155, 133])
RIGHT_UPPER_LID = np.array([362, 398, 384, 385, 386, 387, 388, 466, 263])
RIGHT_LOWER_LID = np.array([362, 382, 381, 380, 374, 373, 390, 249, 263])
LEFT_IRIS = np.arange(468, 473)
RIGHT_IRIS = np.arange(473, 478)
SLITS = (
    (UPPER_LIP_INNER, LOWER_LIP_INNER),
    (LEFT_UPPER_LID, LEFT_LOWER_LID), (RIGHT_UPPER_LID, RIGHT_LOWER_LID),
)
"""Upper and lower edge of what opens: the mouth, then the eyes; an edge's ends are the corners."""
LIDS = SLITS[1:]
IRIS_RINGS = (LEFT_IRIS, RIGHT_IRIS)
"""Of each iris the middle, then four points around it."""
BROW_EDGES = (
    (np.array([70, 63, 105, 66, 107]), np.array([46, 53, 52, 65, 55])),
    (np.array([336, 296, 334, 293, 300]), np.array([285, 295, 282, 283, 276])),
)
"""Mesh points along the upper and the lower edge of the left brow, then of the right one; from left
to right as seen."""
FACE_OVAL = np.array([
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
])
"""The face's outline, clockwise as seen, from the middle of the forehead."""

RIGID = np.array([33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 98, 327, 10, 151, 9, 8, 234, 454])
"""Mesh points that move with the skull alone: nose, eye corners, forehead, ears."""
FAST_KEYPOINTS = np.concatenate([
    FACE_OVAL[::2],
    [70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 27, 23, 257, 253],  # brows, creases of the lids
    [168, 6, 197, 195, 5, 4, 2, 98, 327, 129, 358],  # nose
    [50, 280, 205, 425, 118, 347, 187, 411, 36, 266],  # cheeks
    [18, 200, 32, 262, 192, 416, 151, 9, 69, 299],  # chin, forehead
    UPPER_LIP_OUTER, LOWER_LIP_OUTER[1:-1], UPPER_LIP_INNER, LOWER_LIP_INNER[1:-1],
    LEFT_UPPER_LID, LEFT_LOWER_LID[1:-1], RIGHT_UPPER_LID, RIGHT_LOWER_LID[1:-1],
    LEFT_IRIS, RIGHT_IRIS,
])
"""The 145 mesh points that are the keypoints of the generator facevid2vid:fast, in its order."""
# fmt: on

JAW_LINE = slice(0, 17)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
OUTER_LIPS = slice(48, 60)
INNER_LIPS = slice(60, 68)
IRISES = slice(68, 70)
MOUTH = slice(48, 68)

NOSE_BRIDGE = 27
"""The landmark that is the origin of normalized landmarks."""
OUTER_EYE_CORNERS = (36, 45)
"""The landmarks whose distance is the unit of normalized landmarks."""
INNER_LIP_GAPS = ((61, 67), (62, 66), (63, 65))
"""Upper and lower landmarks that meet when the lips close."""
_UPPER_LIP = [49, 50, 51, 52, 53, 61, 62, 63]
_LOWER_LIP = [55, 56, 57, 58, 59, 65, 66, 67]
"""Landmarks that move when the lips meet."""
_UPPER_SHARE = 0.3
"""Of the way to a closure that the upper lip goes; the jaw brings the lower one."""
LIP_CORNERS = ((48, 54), (60, 64))
"""Left and right corners of the lips, outside and inside."""


def from_mesh(mesh: Float[np.ndarray, "*frames 478 3"]) -> Float[np.ndarray, "*frames 70 3"]:
    """Pick the 68 + 2 landmarks out of the dense mesh."""
    return mesh[..., MESH_TO_LANDMARKS, :]


def eye_distance(points: Float[np.ndarray, "*frames 70 3"]) -> Float[np.ndarray, "*frames"]:
    """Measure the distance of the outer eye corners, the unit of everything that is scale-free."""
    left, right = OUTER_EYE_CORNERS
    return np.asarray(np.linalg.norm(points[..., right, :] - points[..., left, :], axis=-1))


def lips_together(
    offsets: Float[np.ndarray, "frames 70 3"], way: Float[np.ndarray, " frames"]
) -> Float[np.ndarray, "frames 70 3"]:
    """Return lips that are nearer to each other; the corners stay, and the jaw does most of it.

    Args:
        offsets: Movements from the resting landmarks.
        way: By how much the gap of each frame shrinks.
    """
    met = offsets.copy()
    met[:, _UPPER_LIP, 1] += _UPPER_SHARE * way[:, None]
    met[:, _LOWER_LIP, 1] -= (1 - _UPPER_SHARE) * way[:, None]
    return met


def mouth_opening(points: Float[np.ndarray, "*frames 70 3"]) -> Float[np.ndarray, "*frames"]:
    """Measure the inner-lip gap over the outer-eye distance (mean of three pairs of points)."""
    upper, lower = np.array(INNER_LIP_GAPS).T
    gap = np.linalg.norm(points[..., lower, :2] - points[..., upper, :2], axis=-1).mean(-1)
    return np.asarray(gap / eye_distance(points))


def eye_opening(points: Float[np.ndarray, "*frames 70 3"]) -> Float[np.ndarray, "*frames 2"]:
    """Measure the eye aspect ratio, left then right (Soukupová and Čech 2016, equation 1)."""
    ratios = []
    for eye in (LEFT_EYE, RIGHT_EYE):
        p = points[..., eye, :2]
        height = np.linalg.norm(p[..., 1, :] - p[..., 5, :], axis=-1)
        height = height + np.linalg.norm(p[..., 2, :] - p[..., 4, :], axis=-1)
        ratios.append(height / (2 * np.linalg.norm(p[..., 0, :] - p[..., 3, :], axis=-1)))
    return np.stack(ratios, -1)
