"""Where the points of the face mesh sit on MakeHuman's head.

The head is rendered with the mouth shut and open, the face-mesh teacher finds its landmarks, and
the point of the visible skin (of the eyeball for irises) under each landmark is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from speech2face.errors import InputError
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.landmarks import LEFT_IRIS, MESH_POINTS, RIGHT_IRIS, SURFACE_POINTS
from speech2face.synthesis.makehuman import Obj, uv_island
from speech2face.synthesis.raster import Fragments, rasterize

_EYES = ("helper-l-eye", "helper-r-eye")
_SKIN_UV = np.array([0.8, 0.5])
"""A point of the head's skin in MakeHuman's texture."""
_PICTURE = 1024
"""Side of the renders in pixels."""
_VIEW = (0.0, -7.25, 2.6)
"""Centre (x, y) and side of what the renders show, in dm of MakeHuman's frame."""
_MOUTH_OPEN = 0.6
"""Weight of jawOpen in the render that shows the inner lips."""

# fmt: off
_INNER_LIP_RINGS = np.array([
    76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306, 77, 90, 180, 85, 16, 315, 404, 320, 307,
    62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292, 96, 89, 179, 86, 15, 316, 403, 319, 325,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324,
])
"""Mesh points on the red of the lips, which a closed mouth partly hides."""
# fmt: on


@dataclass(frozen=True, kw_only=True)
class View:
    """The head from the front: what each pixel shows, without colour."""

    head: Obj
    vertices: Float[np.ndarray, "vertices 3"]
    drawn: Int[np.ndarray, " drawn"]
    """The head's triangle behind each triangle of the fragments."""
    fragments: Fragments

    @property
    def shown(self) -> np.ndarray:
        """Which pixels show anything."""
        return self.fragments.triangle >= 0

    @property
    def eye(self) -> np.ndarray:
        """Which pixels show an eyeball."""
        is_eye = np.isin(self.head.group[self.drawn], _EYES)
        return self.shown & is_eye[self.fragments.triangle]

    def blend(
        self, values: Float[np.ndarray, "values channels"], faces: Int[np.ndarray, "triangles 3"]
    ) -> Float[np.ndarray, "height width channels"]:
        """Interpolate values given at the corners of the head's triangles."""
        return self.fragments.interpolate(values[faces[self.drawn]])

    def normals(self) -> Float[np.ndarray, "height width 3"]:
        """Return unit normals that point out of the body."""
        faces = self.head.triangles
        normals = self.blend(vertex_normals(self.vertices, faces), faces)
        return normals / (np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-12)


def view_head(
    head: Obj, vertices: Float[np.ndarray, "vertices 3"], parts: tuple[str, ...] = ("skin", *_EYES)
) -> View:
    """Look at the head from the front.

    Args:
        head: The mesh.
        vertices: Its vertices with an expression, in dm.
        parts: Groups to draw; "skin" is the visible skin without mouth lining and eye sockets.
    """
    chosen = np.isin(head.group, parts)
    if "skin" in parts:
        chosen |= uv_island(head, ["body"], _SKIN_UV)
    drawn = np.flatnonzero(chosen)
    x, y, side = _VIEW
    placed = (vertices - [x, y, 0]) * (_PICTURE / side) + [_PICTURE / 2, _PICTURE / 2, 0]
    fragments = rasterize(placed, head.triangles[drawn], _PICTURE, _PICTURE)
    return View(head=head, vertices=vertices, drawn=drawn, fragments=fragments)


def paint(view: View, texture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """Colour a view with a skin, painted eyes and one soft light; backs of surfaces are dark."""
    uv = view.blend(view.head.uv, view.head.triangle_uv)
    rows, columns = texture.shape[:2]
    colour = cv2.remap(
        texture,
        (uv[..., 0] * columns - 0.5).astype(np.float32),
        ((1 - uv[..., 1]) * rows - 0.5).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float64)
    normals = view.normals()
    light = np.array([-0.3, -0.5, -0.8]) / np.linalg.norm([-0.3, -0.5, -0.8])
    colour *= (0.55 + 0.5 * np.clip(normals @ light, 0, 1))[..., None]
    _paint_eyes(colour, view)
    colour[view.shown & (normals[..., 2] > 0)] = (40, 15, 15)
    colour[~view.shown] = 150
    return np.clip(colour, 0, 255).astype(np.uint8)


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"], triangles: Int[np.ndarray, "triangles 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Return unit normals that point out of the body (MakeHuman winds counter-clockwise)."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, triangles[:, i], np.cross(b - a, c - a))
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def _paint_eyes(colour: Float[np.ndarray, "height width 3"], view: View) -> None:
    """Paint white, iris (radius 5.8 mm) and pupil (2.2 mm) on the eyeballs."""
    places, eye = view.blend(view.vertices, view.head.triangles), view.eye
    for group in _EYES:
        ball = view.vertices[np.unique(view.head.triangles[view.head.group == group])]
        centre = (ball.min(0) + ball.max(0)) / 2
        mine = eye & (np.sign(places[..., 0]) == np.sign(centre[0]))
        radius = np.linalg.norm(places[mine][:, :2] - centre[:2], axis=1)[:, None]
        iris = np.where(radius < 0.022, (8, 8, 8), (64, 43, 26))  # noqa: PLR2004 - as above
        colour[mine] = np.where(radius < 0.058, iris, (219, 212, 204))  # noqa: PLR2004


@dataclass(frozen=True, kw_only=True)
class Anchors:
    """Where mesh points sit on MakeHuman's head: in a triangle, by barycentric weights."""

    corners: Int[np.ndarray, "points 3"]
    weights: Float[np.ndarray, "points 3"]

    def read(self, values: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "points 3"]:
        """Read a field given at the head's vertices."""
        return np.einsum("pk,pkd->pd", self.weights, values[self.corners])


def find_anchors(
    head: Obj,
    jaw_open: Float[np.ndarray, "vertices 3"],
    textures: Sequence[UInt8[np.ndarray, "h w 3"]],
    teacher: FaceMeshTeacher,
) -> Anchors:
    """Find the surface point under every mesh point with the teacher's eyes.

    Inner lips are looked for with the mouth open, all else at rest, irises on the bare eyeballs.
    """
    closed = view_head(head, head.vertices)
    opened = view_head(head, head.vertices + _MOUTH_OPEN * jaw_open)
    at_rest = _see(closed, textures, teacher)
    corners, weights = np.zeros((MESH_POINTS, 3), int), np.zeros((MESH_POINTS, 3))
    for view, places, points in (
        (closed, at_rest, np.setdiff1d(np.arange(SURFACE_POINTS), _INNER_LIP_RINGS)),
        (opened, _see(opened, textures, teacher), _INNER_LIP_RINGS),
        (view_head(head, head.vertices, _EYES), at_rest, np.concatenate([LEFT_IRIS, RIGHT_IRIS])),
    ):
        allowed = view.eye if points[0] in LEFT_IRIS else _skin(view)
        found = anchor(view, allowed, places[points])
        corners[points], weights[points] = found.corners, found.weights
    return Anchors(corners=corners, weights=weights)


def _skin(view: View) -> np.ndarray:
    """Mark the pixels that show skin from outside."""
    return view.shown & ~view.eye & (view.normals()[..., 2] < 0)


def _see(
    view: View, textures: Sequence[UInt8[np.ndarray, "h w 3"]], teacher: FaceMeshTeacher
) -> Float[np.ndarray, "478 2"]:
    """Average where the teacher sees the mesh points over all skins, in pixels.

    Raises:
        InputError: There is no skin, or the teacher sees no face.
    """
    places = []
    for texture in textures:
        teacher.reset()
        face = teacher(paint(view, texture))
        if face is None:
            msg = "the teacher sees no face in a render of the head; leave that skin out"
            raise InputError(msg)
        places.append(face.mesh[:, :2])
    if not places:
        msg = "no skin was given; give MakeHuman's skins (files *_diffuse*)"
        raise InputError(msg)
    return np.mean(places, 0)


def anchor(view: View, allowed: np.ndarray, places: Float[np.ndarray, "points 2"]) -> Anchors:
    """Take the surface point at the allowed pixel nearest to each place."""
    from scipy.spatial import KDTree  # noqa: PLC0415 - slow to import, only needed here

    y, x = np.nonzero(allowed)
    _, nearest = KDTree(np.stack([x, y], 1)).query(places)
    y, x = y[nearest], x[nearest]
    triangles = view.drawn[view.fragments.triangle[y, x]]
    return Anchors(corners=view.head.triangles[triangles], weights=view.fragments.weights[y, x])
