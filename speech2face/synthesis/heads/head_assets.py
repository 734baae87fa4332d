"""A scanned-looking head for the example portrait: ICT-FaceKit's geometry with its identity modes.

The mesh is read from a file that a user brings and is never shipped; pictures rendered from it may
be (MIT licence). Frame: centimetres, x to the person's own left (the image's right), y up, z to the
viewer.

Source: Li et al., "Learning Formation of Physically-Based Face Attributes" (2020), ICT-FaceKit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import CubicSpline
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

# fmt: off
LANDMARKS = np.array([
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
])
"""Vertices of the 68-point scheme (ICT-FaceKit's own list)."""
# fmt: on
OUTER_LIPS = slice(48, 60)
SKIN = ("M_Face", "M_BackHead")
MOUTH_DEPTH = 8.5
"""What lies further back is not on the lips, whatever its height; centimetres."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """One person's head at one expression, beside the mean head it was made from."""

    rest: Float[np.ndarray, "vertices 3"]
    """The mean head: where on a face a vertex lies, whoever the person is."""
    vertices: Float[np.ndarray, "vertices 3"]
    parts: Mapping[str, Int[np.ndarray, "triangles 3"]]
    """Triangles by the mesh's own material names."""
    lash_uv: Float[np.ndarray, "vertices 2"]
    """Texture coordinates of the lash sheets: u along the lid, v from tip to root; 0 elsewhere."""

    def skin(self) -> Int[np.ndarray, "triangles 3"]:
        """Triangles of face, head, neck and shoulders."""
        return np.concatenate([self.parts[name] for name in SKIN])

    def rest_landmarks(self) -> Float[np.ndarray, "68 3"]:
        """The 68 points on the mean head."""
        return self.rest[LANDMARKS]


def load_head(
    path: Path, *, seed: int, spread: float, expression: Mapping[str, float], asymmetry: float
) -> Head:
    """Draw a person from ICT-FaceKit's identity modes.

    Args:
        path: `ict_facekit.npz`, the arrays of ICT-FaceKit's OBJ files: V (v, 3) the neutral head
            in centimetres, F (f, 3) triangles, VT (t, 2) and FT (f, 3) texture coordinates, M (f)
            which of the materials `mats` a triangle has, ID (100, v, 3) and EX (57, v, 3) the
            identities' and expressions' offsets from V, `names` (57) of the expressions.
        seed: Which person.
        spread: Standard deviation of the identity weights; 1 is the model's own.
        expression: Weight of each expression channel by its name in the file.
        asymmetry: Standard deviation of a left-right difference in every expression channel that
            comes in a pair; real faces at rest are not symmetric.

    Returns:
        The head.
    """
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    rest = arrays["V"].astype(np.float64)
    rng = np.random.default_rng(seed)
    identity = rng.normal(0, spread, len(arrays["ID"]))
    vertices = rest + np.tensordot(identity, arrays["ID"].astype(np.float64), 1)
    names = [str(name) for name in arrays["names"]]
    uneven = np.random.default_rng(seed + 1000)
    for name in names:
        weight = expression.get(name, 0.0)
        if name.endswith(("_L", "_R")):
            weight += uneven.normal(0, asymmetry)
        vertices = vertices + weight * arrays["EX"][names.index(name)].astype(np.float64)
    materials = [str(name) for name in arrays["mats"]]
    parts = {name: arrays["F"][arrays["M"] == i] for i, name in enumerate(materials)}
    return Head(rest=rest, vertices=vertices, parts=parts, lash_uv=_lash_uv(arrays, materials))


def _lash_uv(arrays: dict[str, np.ndarray], materials: list[str]) -> np.ndarray:
    mine = arrays["M"] == materials.index("M_EyeLashes")
    uv = np.zeros((len(arrays["V"]), 2))
    uv[arrays["F"][mine]] = arrays["VT"][arrays["FT"][mine]] - np.array([6.0, 0.0])
    return uv


def eyeball(head: Head, side: str) -> tuple[Float[np.ndarray, " 3"], float]:
    """Centre and radius of one eyeball.

    Args:
        head: The head.
        side: "Left" or "Right", the person's own.

    Returns:
        Centre and radius in centimetres.
    """
    points = head.vertices[np.unique(head.parts[f"M_Iris{side}"])]
    low, high = points.min(axis=0), points.max(axis=0)
    radius = float(high[1] - low[1]) / 2
    centre = (low + high) / 2
    # The front is flattened where the iris lies: measure the depth from the back.
    centre[2] = low[2] + radius
    return centre, radius


def lip_outline(rest_landmarks: Float[np.ndarray, "68 3"]) -> Float[np.ndarray, "points 2"]:
    """The border of the lips' red on the mean head, a closed curve seen from the front."""
    ring = rest_landmarks[OUTER_LIPS, :2]
    ring = np.concatenate([ring, ring[:1]])
    # Two open splines, so that the corners of the mouth stay corners.
    upper = CubicSpline(np.arange(7), ring[:7])(np.linspace(0, 6, 90))
    lower = CubicSpline(np.arange(7), ring[6:])(np.linspace(0, 6, 90))
    return np.concatenate([upper, lower[1:-1]])


def signed_distance(
    points: Float[np.ndarray, "n 2"], outline: Float[np.ndarray, "m 2"]
) -> Float[np.ndarray, " n"]:
    """Distance to a closed curve, negative inside it (even-odd rule), in the curve's unit."""
    distance, _ = KDTree(outline).query(points)
    start, end = outline, np.roll(outline, -1, axis=0)
    inside = np.zeros(len(points), dtype=bool)
    for (x0, y0), (x1, y1) in zip(start, end, strict=True):
        crosses = (y0 > points[:, 1]) != (y1 > points[:, 1])
        if y0 != y1:
            at = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0)
            inside ^= crosses & (points[:, 0] < at)
    return np.where(inside, -distance, distance)


def lash_sheets(head: Head) -> list[Float[np.ndarray, "along 6 3"]]:
    """The sheets of lashes as grids of points: along the lid, then from root to tip."""
    faces = head.parts["M_EyeLashes"]
    used, local = np.unique(faces, return_inverse=True)
    local = local.reshape(-1, 3)
    ends = np.concatenate([local[:, [0, 1]], local[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(ends)), ends.T), shape=(len(used), len(used)))
    count, label = connected_components(graph, directed=False)
    sheets = []
    for index in range(count):
        mine = used[label == index]
        u, v = head.lash_uv[mine].round(2).T
        # In the texture the roots are at the top of each sheet's strip.
        order = np.lexsort((-v, u))
        sheets.append(head.vertices[mine][order].reshape(-1, 6, 3))
    return sheets
