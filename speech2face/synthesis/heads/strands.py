"""Hair, brows, lashes and stubble of the example portrait, strand by strand.

Everything is in the head's frame (`head_assets`): centimetres, y up, z to the viewer. Where hair
grows is decided on the mean head, so one hairline fits everybody.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from speech2face.signals import eased
from speech2face.synthesis.heads.head_assets import (
    MOUTH_DEPTH,
    Head,
    lash_sheets,
    lip_outline,
    signed_distance,
)

# fmt: off
_HAIRLINE = np.array([
    # degrees from the front, centimetres above its middle
    [0, 0.0], [12, 0.1], [24, 0.15], [34, -0.25], [42, -1.3], [50, -3.0],  # forehead, temples
    [58, -4.6], [64, -7.4], [72, -8.2], [80, -7.6],  # sideburns
    [92, -4.6], [104, -4.4], [118, -8.0], [140, -12.0], [180, -13.5],  # above the ears, nape
])
# fmt: on
_EAR = np.array([7.35, 1.2, -0.2, 4.2, 3.0])
"""The ear: how far out it begins, y and z of its middle, its half height and half depth."""
_WITHIN = np.array([5.0, 6.0, -4.0])
"""The mesh has a mouth and sockets inside the head: |x| below, y below, z above."""
_BROW_DEPTH = 6.0
"""Brows lie in front of this z."""
_SPARSE = 0.02
"""Less density than this is none."""


@dataclass(frozen=True, kw_only=True)
class Strands:
    """Curves of one kind of hair, all with the same number of points."""

    points: Float[np.ndarray, "strands steps 3"]
    """In centimetres, root first."""
    radius: Float[np.ndarray, " strands"]
    """At the root, in centimetres; the tip is sharp."""


@dataclass(frozen=True, kw_only=True)
class HairStyle:
    """A short haircut. Lengths in centimetres."""

    top: float = 4.4
    sides: float = 0.9
    count: int = 100000
    part: float = 0.35
    """How much the top is combed to the person's own left, -1 to 1."""
    lift: float = 0.7
    """How far the top stands up, 0 to 1."""
    curl: float = 0.25
    hairline: float = 9.9
    """Height of the hairline above the middle of the forehead, on the mean head."""


@dataclass(frozen=True, kw_only=True)
class _Roots:
    rest: Float[np.ndarray, "n 3"]
    point: Float[np.ndarray, "n 3"]
    normal: Float[np.ndarray, "n 3"]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _smooth(low: float, high: float, value: np.ndarray) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0, 1)
    return eased(t)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals."""
    corner = vertices[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], face)
    return _unit(normals)


def scalp_density(rest: Float[np.ndarray, "n 3"], hairline: float) -> Float[np.ndarray, " n"]:
    """How densely hair grows at points of the mean head, 0 to 1.

    The hairline is a height for each direction around the head: high over the forehead, receding at
    the temples, down to the sideburns, over the ears, down to the nape.
    """
    azimuth = np.degrees(np.arctan2(np.abs(rest[:, 0]), rest[:, 2] - 1.5))
    height = hairline + np.interp(azimuth, _HAIRLINE[:, 0], _HAIRLINE[:, 1])
    # No hairline is straight.
    height += 0.16 * np.sin(1.9 * rest[:, 0] + 0.6) + 0.10 * np.sin(4.7 * rest[:, 0])
    soft = np.interp(azimuth, [0, 30, 60, 180], [1.5, 1.5, 0.9, 1.2])
    inside = _smooth(-0.5, 0.5, (rest[:, 1] - height) / soft)
    from_ear = (rest[:, 1:] - _EAR[1:3]) / _EAR[3:]
    ear = (np.abs(rest[:, 0]) > _EAR[0]) & (np.linalg.norm(from_ear, axis=1) < 1)
    within = (
        (np.abs(rest[:, 0]) < _WITHIN[0]) & (rest[:, 1] < _WITHIN[1]) & (rest[:, 2] > _WITHIN[2])
    )
    return np.where(ear | within, 0.0, inside)


def beard_density(
    rest: Float[np.ndarray, "n 3"], lips: Float[np.ndarray, "m 2"]
) -> Float[np.ndarray, " n"]:
    """How densely a beard grows at points of the mean head, 0 to 1."""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    # The cheek line falls from the sideburn to the corner of the mouth.
    cheek = np.interp(
        x, [0, 1.6, 2.6, 4.0, 5.5, 6.6, 7.4], [-1.75, -1.75, -2.5, -3.2, -2.2, 0.2, 2.2]
    )
    upper = _smooth(0.5, -0.7, y - cheek)
    lower = _smooth(-10.5, -8.0, y)
    front = _smooth(2.6, 4.4, z)
    from_lips = signed_distance(rest[:, :2], lips)
    clear = np.where(z > MOUTH_DEPTH, _smooth(0.05, 0.35, from_lips), 1.0)
    soul = 1 - 0.75 * np.exp(-(((x - 1.1) / 0.6) ** 2) - ((y + 5.0) / 0.4) ** 2)
    gap = 1 - 0.6 * np.exp(-((x / 0.28) ** 2) - ((y + 1.9) / 0.6) ** 2)
    return upper * lower * front * clear * soul * gap


def _roots(head: Head, density: np.ndarray, count: int, rng: np.random.Generator) -> _Roots:
    """Roots spread over the skin by a density at the vertices of the mesh."""
    faces = head.skin()
    normals = vertex_normals(head.vertices, faces)
    corner = head.vertices[faces]
    area = np.linalg.norm(
        np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1
    )
    weight = area * density[faces].mean(axis=1)
    chosen = faces[rng.choice(len(faces), size=count, p=weight / weight.sum())]
    bary = rng.dirichlet([1, 1, 1], size=count)[:, :, None]
    return _Roots(
        rest=(head.rest[chosen] * bary).sum(axis=1),
        point=(head.vertices[chosen] * bary).sum(axis=1),
        normal=_unit((normals[chosen] * bary).sum(axis=1)),
    )


def _grow(
    roots: _Roots,
    first: np.ndarray,
    last: np.ndarray,
    length: np.ndarray,
    *,
    steps: int,
    sink: float = 0.05,
) -> np.ndarray:
    """Strands whose direction turns from `first` to `last` on the way to the tip."""
    t = (np.arange(steps - 1) + 0.5)[None, :, None] / (steps - 1)
    way = _unit(first[:, None] * (1 - t) + last[:, None] * t)
    step = length[:, None, None] / (steps - 1) * way
    start = (roots.point - sink * roots.normal)[:, None]
    return np.concatenate([start, start + np.cumsum(step, axis=1)], axis=1)


def _clump(
    points: np.ndarray, guides: np.ndarray, strength: float, rng: np.random.Generator
) -> np.ndarray:
    """Pull each strand's tip towards the guide whose root is nearest."""
    _, nearest = KDTree(guides[:, 0]).query(points[:, 0])
    guide = guides[nearest]
    offset = guide - guide[:, :1] + points[:, :1]
    blend = offset * 0.45 + guide * 0.55
    t = np.linspace(0, 1, points.shape[1])[None, :, None] ** 1.3
    pull = strength * rng.uniform(0.4, 1.0, (len(points), 1, 1)) * t
    return points * (1 - pull) + blend * pull


def scalp_hair(head: Head, style: HairStyle, seed: int) -> Strands:
    """Short hair: the top combed up, back and to a side, the sides cut close."""
    rng = np.random.default_rng(seed)
    density = scalp_density(head.rest, style.hairline)
    many = _roots(head, density, style.count, rng)
    few = _roots(head, density, style.count // 45, rng)
    guides = _scalp_curves(few, style, rng, noise=0.26)
    points = _scalp_curves(many, style, rng, noise=0.10)
    points = _clump(points, guides, 0.9, rng)
    wiggle = rng.normal(0, 1, points.shape).cumsum(axis=1) * 0.012 * style.curl
    wiggle -= wiggle[:, :1]
    return Strands(points=points + wiggle, radius=rng.uniform(0.0045, 0.0065, style.count))


def _scalp_curves(
    roots: _Roots, style: HairStyle, rng: np.random.Generator, *, noise: float
) -> np.ndarray:
    n, rest = roots.normal, roots.rest
    count = len(n)
    # 1 on the top of the head, 0 on its sides; the edge wanders so that no line shows.
    edge = 0.35 * np.sin(1.1 * rest[:, 2] + 0.7) + 0.25 * np.sin(2.3 * rest[:, 0])
    up = _smooth(8.2, 12.0, rest[:, 1] - 0.16 * np.maximum(rest[:, 2] - 4, 0) * -1 + edge)
    front = _smooth(-2.0, 8.0, rest[:, 2])
    side = rest[:, 0] / 7
    wave = np.sin(1.7 * rest[:, 0] + 0.9 * rest[:, 2]) * 0.22
    comb_top = np.stack(
        [
            style.part - 0.30 * side + wave,
            style.lift * (0.30 + 0.55 * front),
            -0.80 + 0.30 * front - 0.5 * wave,
        ],
        axis=1,
    )
    down = np.interp(rest[:, 1], [4, 9], [-0.9, -0.35])
    comb_side = np.stack([0.05 * side, down, np.full(count, -0.5)], axis=1)
    comb = _unit(_unit(comb_top) * up[:, None] + _unit(comb_side) * (1 - up[:, None]))
    # Hair lies on the skin: it is never combed into it.
    comb = _unit(comb - np.minimum((comb * n).sum(1, keepdims=True), 0) * n)
    jitter = rng.normal(0, noise, (count, 3))
    stand = (0.10 + 0.60 * up * (0.4 + 0.6 * front))[:, None]
    first = _unit(stand * n + comb + jitter * 0.7)
    along = comb - 0.7 * (comb * n).sum(1, keepdims=True) * n
    last = _unit(along + np.array([0, -0.25, 0]) * up[:, None] + 0.15 * n + jitter * 1.5)
    length = style.sides + (style.top - style.sides) * up * (0.75 + 0.25 * front)
    rim = np.clip(scalp_density(rest, style.hairline - 0.1) * 1.2, 0.35, 1)
    sideburn = 0.35 + 0.65 * _smooth(0.0, 7.0, rest[:, 1])
    length = length * rim * sideburn * rng.uniform(0.6, 1.08, count)
    return _grow(roots, first, last, length, steps=9)


def brows(head: Head, seed: int, *, count: int = 680, length: float = 0.85) -> Strands:
    """Both eyebrows: hairs rise near the nose and lie outwards towards the temple."""
    rng = np.random.default_rng(seed)
    marks = head.rest_landmarks()
    skin = np.unique(head.skin())
    density = np.zeros(len(head.rest))
    for sign, index in ((-1.0, range(21, 16, -1)), (1.0, range(22, 27))):
        line = marks[list(index), :2] + np.array([0, -0.28])
        dense = np.stack(
            [np.interp(np.linspace(0, 4, 80), np.arange(5), line[:, k]) for k in range(2)], axis=1
        )
        points = head.rest[skin]
        distance, at = KDTree(dense).query(points[:, :2])
        s = np.asarray(at) / 79
        half = np.interp(s, [0, 0.15, 0.5, 0.8, 1], [0.30, 0.42, 0.36, 0.22, 0.08])
        near = np.exp(-((np.asarray(distance) / half) ** 4)) * np.interp(
            s, [0, 0.12, 1], [0.35, 1, 0.7]
        )
        outside = (points[:, 0] * sign > 0) & (points[:, 2] > _BROW_DEPTH)
        mine = outside & (near > _SPARSE)
        density[skin[mine]] = near[mine]
    return _brow_strands(head, density, count, length, rng)


def _brow_strands(
    head: Head, density: np.ndarray, count: int, length: float, rng: np.random.Generator
) -> Strands:
    marks = head.rest_landmarks()
    roots = _roots(head, density, 2 * count, rng)
    side = np.sign(roots.rest[:, 0])
    inner, outer = abs(marks[21, 0]), abs(marks[17, 0])
    s = np.clip((np.abs(roots.rest[:, 0]) - inner) / (outer - inner), 0, 1)
    centre = np.interp(s, np.linspace(0, 1, 5), marks[[21, 20, 19, 18, 17], 1] - 0.28)
    above = np.clip((roots.rest[:, 1] - centre) / 0.35, -1, 1)
    rise = np.interp(s, [0, 0.2, 0.5, 1], [1.5, 0.75, 0.25, -0.35]) - 0.30 * above
    way = np.stack([side * np.interp(s, [0, 0.2, 1], [0.25, 0.8, 1]), rise, 0 * s], axis=1)
    way -= (way * roots.normal).sum(1, keepdims=True) * roots.normal
    jitter = rng.normal(0, 0.16, way.shape)
    way = _unit(_unit(way) + jitter)
    droop = np.stack([0.35 * side, -0.25 - 0 * s, 0 * s], axis=1)
    size = length * np.interp(s, [0, 0.3, 1], [0.75, 1, 0.6]) * rng.uniform(0.55, 1.05, len(s))
    points = _grow(
        roots, _unit(way + 0.35 * roots.normal), _unit(way + droop), size, steps=6, sink=0.02
    )
    return Strands(points=points, radius=rng.uniform(0.0050, 0.0080, len(s)))


def stubble(head: Head, seed: int, *, count: int, length: float) -> Strands:
    """A beard of a few days."""
    rng = np.random.default_rng(seed)
    density = beard_density(head.rest, lip_outline(head.rest_landmarks()))
    roots = _roots(head, density, count, rng)
    side = np.sign(roots.rest[:, 0])
    down = np.stack([0.25 * side, -np.ones(count), 0.1 * np.ones(count)], axis=1)
    way = _unit(0.6 * roots.normal + down + rng.normal(0, 0.25, (count, 3)))
    size = length * rng.uniform(0.4, 1.2, count)
    points = _grow(roots, _unit(roots.normal + 0.5 * way), way, size, steps=4, sink=0.02)
    return Strands(points=points, radius=rng.uniform(0.003, 0.0048, count))


def lashes(head: Head, seed: int, *, upper: int = 210, lower: int = 90) -> Strands:
    """Eyelashes, grown along the sheets that the mesh has for them."""
    rng = np.random.default_rng(seed)
    curves, radii = [], []
    for sheet in lash_sheets(head):
        is_upper = sheet[:, -1, 1].mean() > sheet[:, 0, 1].mean() - 0.05
        count, reach = (upper // 3, 0.70) if is_upper else (lower // 3, 0.50)
        at = np.sort(rng.uniform(0.5, len(sheet) - 1.5, count))
        # A lash leans sideways: its tip lies a little further along the lid than its root.
        lean = rng.normal(0, 0.35, count)
        reach = reach * rng.uniform(0.55, 1.1, count) * np.sin(np.pi * (at + 3) / (len(sheet) + 5))
        t = np.linspace(0, 1, 6)
        place = np.clip(at[:, None] + lean[:, None] * t**2, 0, len(sheet) - 1.001)
        out = t * np.clip(reach, 0.15, 1)[:, None] * 5
        i, j = np.floor(place).astype(int), np.minimum(np.floor(out).astype(int), 4)
        a, b = (place - i)[..., None], (out - j)[..., None]
        low = sheet[i, j] * (1 - b) + sheet[i, j + 1] * b
        high = sheet[i + 1, j] * (1 - b) + sheet[i + 1, j + 1] * b
        curves.append(low * (1 - a) + high * a)
        radii.append(rng.uniform(0.009, 0.013, count) * (1.0 if is_upper else 0.6))
    return Strands(points=np.concatenate(curves), radius=np.concatenate(radii))
