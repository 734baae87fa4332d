"""Points on surfaces: nearest places, registration of one head on another, clothes on a body."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree

from speech2face.errors import InputError
from speech2face.geometry import fit_similarity

_LATTICE = 4
"""Samples along a triangle's edge where the nearest place is looked for."""
_ROUNDS, _SAMPLES = 2, 1500
"""Rounds of closest-point pairs that refine a registration, and how many are tried in each."""
_FAR = 0.25
"""Pairs further apart than this (heads' unit: their eyes' distance) are no pairs."""
_AGREE = 0.6
"""Least cosine between the normals of a pair."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Points of a surface: in a triangle, by barycentric weights."""

    corners: Int[np.ndarray, "points 3"]
    weights: Float[np.ndarray, "points 3"]
    triangle: Int[np.ndarray, " points"]
    """Index of the triangle."""

    def read(self, values: Float[np.ndarray, "vertices dims"]) -> Float[np.ndarray, "points dims"]:
        """Read a field given at the surface's vertices."""
        return np.einsum("pk,pkd->pd", self.weights, values[self.corners])


class Surface:
    """A mesh that nearest places are looked for on (to a quarter of a triangle's edge)."""

    def __init__(
        self, vertices: Float[np.ndarray, "vertices 3"], triangles: Int[np.ndarray, "triangles 3"]
    ) -> None:
        """Sample the triangles."""
        steps = range(_LATTICE + 1)
        lattice = [(i, j, _LATTICE - i - j) for i in steps for j in steps if i + j <= _LATTICE]
        self._weights = np.array(lattice) / _LATTICE
        self._triangles = triangles
        samples = np.einsum("kb,tbd->tkd", self._weights, vertices[triangles])
        self._tree = KDTree(samples.reshape(-1, 3))

    def nearest(self, points: Float[np.ndarray, "points 3"]) -> Places:
        """Find the surface's place nearest to each point."""
        _, index = self._tree.query(points)
        triangle = index // len(self._weights)
        return Places(
            corners=self._triangles[triangle],
            weights=self._weights[index % len(self._weights)],
            triangle=np.asarray(triangle),
        )


class Registration:
    """A smooth map of one head's space onto another's."""

    def __init__(
        self,
        points: Float[np.ndarray, "points 3"],
        targets: Float[np.ndarray, "points 3"],
        mesh: tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "triangles 3"]],
        target_mesh: tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "triangles 3"]],
    ) -> None:
        """Fit it.

        Args:
            points: Known places on the first head, in its own frame.
            targets: The same on the other head.
            mesh: The first head's vertices and the triangles of its skin.
            target_mesh: The other's.
        """
        self._scale, self._rotation, self._translation = fit_similarity(points, targets)
        moved = self._similar(points)
        vertices, skin = self._similar(mesh[0]), mesh[1]
        unit = float(np.ptp(targets[:, 0])) / 2
        surface, normals = Surface(*target_mesh), face_normals(*target_mesh)
        rng = np.random.default_rng(0)
        origins, ends = moved, targets
        self._bend = _spline(origins, ends - origins, rng)
        inside = (vertices >= targets.min(0) - unit) & (vertices <= targets.max(0) + unit)
        inside[:, 2] = True
        pool = np.intersect1d(np.flatnonzero(inside.all(1)), np.unique(skin))
        for _ in range(_ROUNDS):
            chosen = rng.choice(pool, min(_SAMPLES, len(pool)), replace=False)
            bent = vertices.copy()
            bent[pool] += self._bend(vertices[pool])
            place = surface.nearest(bent[chosen])
            end = place.read(target_mesh[0])
            near = np.linalg.norm(end - bent[chosen], axis=1) < _FAR * unit
            own = vertex_normals(bent, skin)[chosen]
            near &= (own * normals[place.triangle]).sum(1) > _AGREE
            origins = np.concatenate([moved, vertices[chosen][near]])
            ends = np.concatenate([targets, end[near]])
            self._bend = _spline(origins, ends - origins, rng)

    def __call__(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
        """Bring points of the first head's frame onto the other head."""
        moved = self._similar(points)
        return moved + self._bend(moved)

    def _similar(self, points: np.ndarray) -> np.ndarray:
        return self._scale * points @ self._rotation.T + self._translation


def _spline(origins: np.ndarray, moves: np.ndarray, rng: np.random.Generator) -> RBFInterpolator:
    # Points that coincide would make it singular.
    apart = origins + rng.normal(0, 1e-4, origins.shape)
    return RBFInterpolator(apart, moves, neighbors=60, kernel="linear", smoothing=0.2)


def face_normals(
    vertices: Float[np.ndarray, "vertices 3"], triangles: Int[np.ndarray, "triangles 3"]
) -> Float[np.ndarray, "triangles 3"]:
    """Return unit normals, counter-clockwise outwards."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normals = np.cross(b - a, c - a)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"], triangles: Int[np.ndarray, "triangles 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Return unit normals, the mean of the triangles around; 0 where there is none."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normals, each = np.zeros_like(vertices), np.cross(b - a, c - a)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], each)
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def fit_clothes(
    path: Path, body: Float[np.ndarray, "vertices 3"], flip: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, "cloth 3"]:
    """Put MakeHuman clothes (hair, brows) on a body: where each of their vertices lies.

    A `.mhclo` file ties a vertex to one vertex of the body, or to three by weights and an offset
    that scales with three distances on the body (MakeHuman's documentation of the format).

    Args:
        path: The `.mhclo` file.
        body: Vertices of the base mesh in our frame.
        flip: Signs that turn MakeHuman's axes into our frame.

    Raises:
        InputError: The file is none of this kind.
    """
    scale, rows, reading = np.ones(3), [], False
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if not words:
                continue
            if words[0] in {"x_scale", "y_scale", "z_scale"}:
                axis = "xyz".index(words[0][0])
                one, other = int(words[1]), int(words[2])
                scale[axis] = abs(body[one, axis] - body[other, axis]) / float(words[3])
            elif words[0] == "verts":
                reading = True
            elif reading and words[0].lstrip("-").isdigit():
                rows.append([float(word) for word in words])
            elif words[0] == "delete_verts":
                break
        placed = [_tied(row, body, scale * flip) for row in rows]
    except (OSError, ValueError, IndexError) as error:
        msg = f"{path} is no MakeHuman clothes file ({error}); give the folder of its assets"
        raise InputError(msg) from error
    return np.array(placed).reshape(-1, 3)


def _tied(row: list[float], body: np.ndarray, scale: np.ndarray) -> np.ndarray:
    if len(row) == 1:
        return body[int(row[0])]
    corners, weights, offset = np.array(row[:3], int), np.array(row[3:6]), np.array(row[6:9])
    return weights @ body[corners] + offset * scale
