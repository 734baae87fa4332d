"""The control points of a portrait: its face mesh, rings around the head, and the pinned border.

Mesh points follow the rig and the head. Rings carry hair, ears and neck along, less and less with
the distance from the face, so that motion fades out before the border, which never moves.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from speech2face import landmarks
from speech2face.devices import to_tensor
from speech2face.face.normalize import Head
from speech2face.face.rig import Rig
from speech2face.face.view import View
from speech2face.geometry import rotation_matrix
from speech2face.motion.eyeball import find_eyeball
from speech2face.motion.motion import Motion
from speech2face.types import cut

_RINGS = (
    # Distance from the middle of the face (1 is its outline), depth behind the outline, share of
    # the head's motion above the chin and below it, share of the jaw's motion.
    (1.12, 0.15, 1.00, 0.85, 1.00),
    (1.32, 0.30, 0.97, 0.50, 1.00),
    (1.58, 0.40, 0.60, 0.22, 0.80),
    (1.90, 0.40, 0.10, 0.06, 0.00),
)
_NECK_BAND = 0.5
"""Height over which the share falls to its value below the chin (eye distances)."""
_BORDER_POINTS = 9
"""Pinned points along each side of the crop."""
_BORDER = 4 * _BORDER_POINTS - 4

PIVOT = np.array([0.0, 1.1, 1.0])
"""Where the head turns: the top of the neck, from the nose bridge in eye distances (rig frame)."""

_TRUE_DEPTH, _DEPTH_RANGE = 0.3, 0.4
"""Depth behind the nose bridge beyond the first is compressed into the second (eye distances).
Cheeks turn as they should; ears and hair turn like a shallower head, so that the picture does not
fold where the real head would hide a part of itself."""

_FACING = 0.2
"""Least share of the surface normal towards the viewer at which a mesh point is believed."""

_LID_MEETING = 0.12
"""Closed lids meet this far above the resting lower lid, as a share of the opening."""
_LID_REACH = 0.5
"""A blink moves skin up to this far from the edge of the lid (eye widths): the brow stays."""
_LID_FALL = 2.5
"""How fast that motion falls with the distance: the lid's own skin unfolds, what is above it hardly
follows, or else brow and shadow would come down with the lid."""

_AT_ONCE = 750
"""Frames at once: half a minute; memory stays small."""

_BLINKS = ("eyeBlink_R", "eyeBlink_L")
"""The rig's channels name the person's own side: the eye at the image's left is their right one."""


@dataclass(frozen=True, kw_only=True)
class ControlPoints:
    """A portrait's control points at rest and how the rig and the head move them."""

    head: Head
    """Where the head is in the crop."""
    mesh: Float[np.ndarray, "478 3"]
    """The view's face mesh in pixels of the crop."""
    rest: Float[Tensor, "points 3"]
    """Positions in the rig's frame; the first 478 are the portrait's own mesh."""
    basis: Float[Tensor, "channels points 3"]
    """Motion for a weight of 1, in the rig's frame."""
    follow: Float[Tensor, " points"]
    """Share of the motion that a point takes part in."""
    pixels: Float[np.ndarray, "points 2"]
    """Positions at rest in pixels of the crop."""
    seen: Bool[np.ndarray, " points"]
    """Whether a point lies on skin that faces us: those behind would bend what hides them."""
    chosen: Int[np.ndarray, " points"]
    """Which of all mesh, ring and border points these are: rings may lie beside the picture."""

    def shape(self, weights: Float[Tensor, "batch channels"]) -> Float[Tensor, "batch points 3"]:
        """Return the points of an expression in the rig's frame; lips and lids never cross."""
        moved = self.rest + torch.einsum("bc,cpx->bpx", weights, self.basis)
        for upper, lower in landmarks.SLITS:
            moved = self._part(moved, upper[1:-1], lower[1:-1])
        return moved

    def _part(
        self, moved: Float[Tensor, "batch points 3"], upper: np.ndarray, lower: np.ndarray
    ) -> Float[Tensor, "batch points 3"]:
        rest_gap = self.rest[lower, 1] - self.rest[upper, 1]
        gap = moved[:, lower, 1] - moved[:, upper, 1]
        # A tracker may see closed lips crossed by a hair; at rest nothing may move.
        overlap = (torch.clamp(rest_gap, max=0) - gap).clamp(min=0) / 2
        parted = moved.clone()
        parted[:, upper, 1] -= overlap
        parted[:, lower, 1] += overlap
        return parted

    def place(
        self,
        shape: Float[Tensor, "batch points 3"],
        pose: Float[np.ndarray, "batch 3"],
        shift: Float[np.ndarray, "batch 3"] | None = None,
    ) -> Float[Tensor, "batch points 3"]:
        """Turn and move points of the rig's frame with the head, into pixels of the crop.

        Args:
            shape: From `shape`.
            pose: Yaw, pitch, roll against the portrait's own, degrees.
            shift: Right, down (eye distances), logarithm of the size; as in `Motion`.
        """
        device = shape.device
        facing = to_tensor(self.head.rotation, device)
        turn = to_tensor(rotation_matrix(pose), device)
        seen = (shape - to_tensor(PIVOT, device)) @ facing.T
        bridge = -float((self.head.rotation @ PIVOT)[2])
        depth = seen[..., 2] - bridge
        beyond = (depth - _TRUE_DEPTH).clamp(min=0)
        depth = depth - beyond + _DEPTH_RANGE * torch.tanh(beyond / _DEPTH_RANGE)
        seen = torch.cat([seen[..., :2], (bridge + depth)[..., None]], -1)
        anchor = self.head.scale * self.head.rotation @ PIVOT + self.head.translation
        placed = self.head.scale * seen @ turn.transpose(1, 2)
        if shift is None:
            return placed + to_tensor(anchor, device)
        size = to_tensor(np.exp(shift[:, 2]), device)[:, None, None]
        moved = np.pad(shift[:, :2] * self.head.scale, ((0, 0), (0, 1))) + anchor
        return placed * size + to_tensor(moved, device)[:, None]

    def meshes(self, motion: Motion) -> Float[np.ndarray, "frames 478 3"]:
        """Return the moved face mesh in pixels of the crop, irises turned, depth as tracked."""
        # Drawing makes the head shallower than it is: the mesh's true depth is added again.
        still = self.place(self.rest[None], np.zeros((1, 3)))[:, : landmarks.MESH_POINTS]
        missing = to_tensor(self.mesh, self.rest.device) - still
        parts: list[np.ndarray] = []
        for start in range(0, len(motion), _AT_ONCE):
            part = cut(motion, slice(start, start + _AT_ONCE))
            shape = self.shape(to_tensor(part.weights, self.rest.device))
            placed = self.place(shape, part.pose, part.shift)
            mesh = placed[:, : landmarks.MESH_POINTS].clone()
            for (lid, _), iris in zip(landmarks.LIDS, landmarks.IRIS_RINGS, strict=True):
                width = float(np.linalg.norm(self.pixels[lid[-1]] - self.pixels[lid[0]]))
                eyeball = find_eyeball(self.pixels[iris], width, self.rest.device)
                mesh[:, iris, :2] += eyeball.shift(to_tensor(part.gaze, self.rest.device))[:, None]
            parts.append((mesh + missing).cpu().numpy())
        return np.concatenate(parts)

    def displacements(
        self, placed: Float[Tensor, "batch points 3"]
    ) -> Float[Tensor, "batch points 2"]:
        """Return the motion of every point in pixels of the crop, its share of it only."""
        rest = to_tensor(self.pixels, placed.device)
        return (placed[..., :2] - rest) * self.follow[:, None]


def control_points(view: View, rig: Rig, device: torch.device) -> ControlPoints:
    """Compute the control points of a view."""
    head, size = view.likeness_in_crop.head, len(view.crop)
    rest, follow, jaw = _resting(view, head)
    mesh, rings = rest[: landmarks.MESH_POINTS], len(jaw)
    deltas = fit_rig(rig, mesh)
    parents = np.tile(landmarks.FACE_OVAL, len(_RINGS))
    ring_deltas = deltas[:, parents] * jaw[None, :, None]
    basis = np.concatenate([deltas, ring_deltas, np.zeros((len(deltas), _BORDER, 3))], 1)
    placed = head.scale * rest @ head.rotation.T + head.translation
    is_ring = np.zeros(len(rest), bool)
    is_ring[len(mesh) : len(mesh) + rings] = True
    seen = np.ones(len(rest), bool)
    seen[: len(mesh)] = _facing(rig, view.mesh)
    on_picture = ((placed[:, :2] > 0) & (placed[:, :2] < size - 1)).all(1)
    inside = ~is_ring | (on_picture & ~_within(placed[:, :2], placed[seen & ~is_ring][:-_BORDER]))
    return ControlPoints(
        head=head,
        mesh=view.mesh,
        rest=torch.as_tensor(rest[inside], dtype=torch.float32, device=device),
        basis=torch.as_tensor(basis[:, inside], dtype=torch.float32, device=device),
        follow=torch.as_tensor(follow[inside], dtype=torch.float32, device=device),
        pixels=placed[inside, :2],
        seen=seen[inside],
        chosen=np.flatnonzero(inside),
    )


def same_points(view: View, reference: ControlPoints) -> ControlPoints:
    """Return the points of a reference where another view of the same head has them.

    The same points in the same order, moved by the same basis: what was computed of the reference's
    points goes on being true of these.
    """
    head = view.likeness_in_crop.head
    rest, _, _ = _resting(view, head)
    rest = rest[reference.chosen]
    return replace(
        reference, head=head, mesh=view.mesh,
        rest=torch.as_tensor(rest, dtype=torch.float32, device=reference.rest.device),
        pixels=(head.scale * rest @ head.rotation.T + head.translation)[:, :2],
    )  # fmt: skip


def _resting(view: View, head: Head) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all points in the rig's frame: first the mesh, then rings, then the border.

    Returns:
        The points, the share of the head's motion of each, and of the jaw's of the rings.
    """
    mesh = _to_rig(view.mesh.astype(np.float64), head)
    rings, follow, jaw = _rings(mesh)
    border = _to_rig(_border(view, len(view.crop)), head)
    rest = np.concatenate([mesh, rings, border])
    return rest, np.concatenate([np.ones(len(mesh)), follow, np.zeros(len(border))]), jaw


def _facing(rig: Rig, mesh: np.ndarray) -> np.ndarray:
    """Return which mesh points lie on skin that faces the viewer; edges of slits always count."""
    corners = mesh[rig.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros_like(mesh, dtype=np.float64)
    for corner in range(3):
        np.add.at(summed, rig.triangles[:, corner], normals)
    length = np.linalg.norm(summed, axis=1) + 1e-9
    # The winding of the triangles is the rig's own; most of a face that was found faces us.
    towards = summed[:, 2] / length
    towards *= np.sign(np.median(towards[: landmarks.SURFACE_POINTS]))
    facing = towards > _FACING
    facing[np.concatenate([edge for slit in landmarks.SLITS for edge in slit])] = True
    return facing


def _within(points: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Return which points lie inside the face's outline or within a hair of it."""
    hull = cv2.convexHull(face[:, :2].astype(np.float32))
    margin = 0.03 * float(np.ptp(hull[:, 0], axis=0).max())
    return np.array(
        [
            cv2.pointPolygonTest(hull, (float(x), float(y)), measureDist=True) > -margin
            for x, y in points
        ]
    )


def _to_rig(points: np.ndarray, head: Head) -> np.ndarray:
    return (points - head.translation) @ head.rotation / head.scale


def fit_rig(rig: Rig, mesh: np.ndarray) -> np.ndarray:
    """Return what each channel adds to this person's mesh: their own blinks, brows that stay whole.

    Args:
        rig: Whose channels.
        mesh: The person at rest in the rig's frame.
    """
    return _keep_brows(rig, _fit_blinks(rig, mesh))


def _fit_blinks(rig: Rig, mesh: np.ndarray) -> np.ndarray:
    """Make the blinks this person's own: their lids meet, whatever their shape and opening.

    The skin above stretches between the lid's edge and where it is still, most of it close to the
    edge, so that the fold of the lid smooths out instead of being dragged along.
    """
    deltas = rig.deltas.astype(np.float64).copy()
    for name, (upper, lower) in zip(_BLINKS, landmarks.LIDS, strict=True):
        blink = deltas[rig.index(name)]
        blink[:] = 0
        opening = mesh[lower] - mesh[upper]
        blink[upper], blink[lower] = opening * (1 - _LID_MEETING), -opening * _LID_MEETING
        width = np.linalg.norm(mesh[upper[-1]] - mesh[upper[0]])
        others = np.setdiff1d(np.arange(landmarks.SURFACE_POINTS), np.r_[upper, lower])
        for edge, side in ((upper, -1), (lower, 1)):
            order = np.argsort(mesh[edge, 0])
            x, y = mesh[edge[order], 0], mesh[edge[order], 1]
            beyond = side * (mesh[others, 1] - np.interp(mesh[others, 0], x, y)) / width
            aside = np.maximum(np.maximum(x[0] - mesh[others, 0], mesh[others, 0] - x[-1]), 0)
            distance = np.hypot(np.maximum(beyond, 0), aside / width)
            share = np.where(beyond > 0, np.clip(1 - distance / _LID_REACH, 0, 1) ** _LID_FALL, 0)
            for axis in range(3):
                travel = np.interp(mesh[others, 0], x, blink[edge[order], axis])
                blink[others, axis] += travel * share
    return deltas


def _keep_brows(rig: Rig, deltas: np.ndarray) -> np.ndarray:
    """Move both edges of a brow alike: hair that is raised grows no thicker, the skin below does.

    Args:
        rig: Names the channels.
        deltas: What each channel adds; changed in place.
    """
    for channel in [i for i, name in enumerate(rig.names) if name.startswith("brow")]:
        for edges in landmarks.BROW_EDGES:
            deltas[channel, np.stack(edges)] = deltas[channel, np.stack(edges)].mean(0)
    return deltas


def _rings(mesh: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay rings around the face's outline: positions, share of the head's motion and the jaw's."""
    outline = mesh[landmarks.FACE_OVAL]
    middle = outline.mean(0)
    chin = outline[:, 1].max()
    positions, follow, jaw = [], [], []
    for distance, depth, above, below, jaw_share in _RINGS:
        ring = middle + (outline - middle) * distance
        ring[:, 2] = outline[:, 2] + depth
        low = np.clip((ring[:, 1] - chin) / _NECK_BAND + 0.5, 0, 1)
        positions.append(ring)
        follow.append(above * (1 - low) + below * low)
        jaw.append(np.where(ring[:, 1] > middle[1], jaw_share, jaw_share * 0.5))
    return np.concatenate(positions), np.concatenate(follow), np.concatenate(jaw)


def _border(view: View, size: int) -> np.ndarray:
    """Return points on the border of what the crop shows of the picture: they stay."""
    height, width = view.image.shape[:2]
    corners = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    linear, offset = view.to_crop[:, :2], view.to_crop[:, 2]
    low, high = np.clip(corners @ linear.T + offset, 0, size - 1)
    x = np.linspace(low[0], high[0], _BORDER_POINTS)
    y = np.linspace(low[1], high[1], _BORDER_POINTS)
    sides = [np.stack([x, np.full_like(x, edge)], 1) for edge in (low[1], high[1])]
    sides += [np.stack([np.full_like(y, edge), y], 1)[1:-1] for edge in (low[0], high[0])]
    flat = np.concatenate(sides)
    return np.concatenate([flat, np.zeros((len(flat), 1))], 1)
