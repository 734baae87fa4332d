"""Where the points of the face mesh sit on ICT-FaceKit's head.

As on MakeHuman's head (`synthesis.anchors`), with the face-mesh teacher's eyes: several random
people are rendered with the mouth shut and open, and the surface points under its landmarks are
averaged on the mean head. Frame: centimetres, x right as seen, y down, z away from the viewer.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from speech2face.errors import InputError
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.landmarks import SURFACE_POINTS
from speech2face.synthesis.anchors import _INNER_LIP_RINGS as INNER_LIP_RINGS
from speech2face.synthesis.heads.head_assets import LANDMARKS
from speech2face.synthesis.heads.skin import Complexion, paint_skin
from speech2face.synthesis.heads.surfaces import Places, Surface, vertex_normals
from speech2face.synthesis.heads.zbuffer import draw

_PICTURE = 640
"""Side of the renders in pixels."""
_VIEW = 34.0
"""Side of what they show, in centimetres."""
_MOUTH_OPEN = 0.55
_PEOPLE = 8
_SPREAD = 0.6
"""How many people, and the standard deviation of their identity weights."""
_SKINS = (
    Complexion(),
    Complexion(skin=(0.75, 0.48, 0.37), lips=(0.58, 0.24, 0.22), beard=0.0),
    Complexion(skin=(0.30, 0.16, 0.10), lips=(0.28, 0.11, 0.09), beard=0.1),
)
_FLIP = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True, kw_only=True)
class BareHead:
    """What of ICT-FaceKit is needed here, in this module's frame."""

    rest: Float[np.ndarray, "vertices 3"]
    identities: Float[np.ndarray, "modes vertices 3"]
    jaw_open: Float[np.ndarray, "vertices 3"]
    skin: Int[np.ndarray, "triangles 3"]
    """Visible skin, without the lining of mouth and sockets."""
    lining: Int[np.ndarray, "triangles 3"]
    eyes: Int[np.ndarray, "triangles 3"]


def find_points(head: BareHead, teacher: FaceMeshTeacher) -> Places:
    """Find the places of the 468 surface points on the skin.

    Raises:
        InputError: The teacher sees no face in any of the renders.
    """
    rng = np.random.default_rng(0)
    opened = head.rest + _MOUTH_OPEN * head.jaw_open
    sums = [np.zeros((SURFACE_POINTS, 3)), np.zeros((SURFACE_POINTS, 3))]
    seen = [0, 0]
    for person in range(_PEOPLE):
        modes = rng.normal(0, _SPREAD, len(head.identities)).astype(np.float32)
        offset = np.tensordot(modes, head.identities, 1)
        look = _SKINS[person % len(_SKINS)]
        for open_mouth, base in enumerate((head.rest, opened)):
            found = _look(head, base + offset, look, teacher)
            if found is not None:
                sums[open_mouth] += found.read(base)
                seen[open_mouth] += 1
    if not min(seen):
        msg = "the teacher sees no face in renders of the head; is it ICT-FaceKit's mesh?"
        raise InputError(msg)
    closed, opened_places = (
        Surface(base, head.skin).nearest(total / count)
        for base, total, count in zip((head.rest, opened), sums, seen, strict=True)
    )
    inner = np.isin(np.arange(SURFACE_POINTS), INNER_LIP_RINGS)
    return Places(
        corners=np.where(inner[:, None], opened_places.corners, closed.corners),
        weights=np.where(inner[:, None], opened_places.weights, closed.weights),
        triangle=np.where(inner, opened_places.triangle, closed.triangle),
    )


def _look(
    head: BareHead, vertices: np.ndarray, look: Complexion, teacher: FaceMeshTeacher
) -> Places | None:
    """Render one person; read the skin under the landmarks."""
    triangles = np.concatenate([head.skin, head.lining, head.eyes])
    scale = _PICTURE / _VIEW
    middle = vertices[LANDMARKS].mean(0)
    flat = (vertices - middle) * scale + _PICTURE / 2
    # From very far away perspective is none.
    points = np.concatenate([flat[:, :2], vertices[:, 2:] + 1000], 1)
    fragments = draw(
        torch.from_numpy(points.astype(np.float32))[None], torch.from_numpy(triangles), _PICTURE
    )
    triangle = fragments.triangle[0].numpy()
    weights = fragments.weights[0].numpy()
    picture = _paint(head, vertices, triangles, triangle, weights, look)
    teacher.reset()
    face = teacher(picture)
    if face is None:
        return None
    on_skin = (triangle >= 0) & (triangle < len(head.skin))
    y, x = np.nonzero(on_skin)
    from scipy.spatial import KDTree  # noqa: PLC0415 - slow to import, only needed here

    _, nearest = KDTree(np.stack([x, y], 1)).query(face.mesh[:SURFACE_POINTS, :2])
    y, x = y[nearest], x[nearest]
    return Places(corners=triangles[triangle[y, x]], weights=weights[y, x], triangle=triangle[y, x])


def _paint(
    head: BareHead, vertices: np.ndarray, triangles: np.ndarray, triangle: np.ndarray,
    weights: np.ndarray, look: Complexion,
) -> np.ndarray:  # fmt: skip
    """Colour a render by one soft light."""
    upright = head.rest * _FLIP
    colour = paint_skin(upright, upright[LANDMARKS], look, 8.3).colour
    shade = np.tile(np.array([0.03, 0.008, 0.008]), (len(vertices), 1))
    used = np.unique(head.skin)
    shade[used] = colour[used]
    for side in (-1, 1):
        eye = np.unique(head.eyes)
        eye = eye[np.sign(vertices[eye, 0]) == side]
        ball = vertices[eye]
        centre = (ball.max(0) + ball.min(0)) / 2
        radius = np.ptp(ball[:, 1]) / 2
        away = np.linalg.norm(ball[:, :2] - centre[:2], axis=1)[:, None] / radius
        iris = np.where(away < 0.2, (0.004, 0.004, 0.004), (0.09, 0.05, 0.025))  # noqa: PLR2004
        white = (0.68, 0.63, 0.6)
        shade[eye] = np.where((away < 0.47) & (ball[:, 2:] < centre[2]), iris, white)  # noqa: PLR2004
    normals = vertex_normals(vertices, triangles)
    light = np.array([-0.3, -0.5, -0.8]) / np.linalg.norm([-0.3, -0.5, -0.8])
    shade = shade * (0.5 + 0.6 * np.clip(normals @ light, 0, 1))[:, None]
    linear = np.einsum("hwk,hwkd->hwd", weights, shade[triangles[triangle]])
    linear[triangle < 0] = 0.3
    return (np.clip(linear, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
