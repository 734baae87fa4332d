"""Which triangle each pixel of a batch of pictures shows: one z-buffer in two versions.

On a CPU a compiled loop over triangles (numba, which librosa brings along); elsewhere batched
PyTorch: every (triangle, pixel) pair of a size class at once, the nearest kept by an atomic minimum
over packed integers. Both give the same triangles (tested). Measured for a head of 52,000 triangles
at 512 x 512 on one core: 18 ms compiled, 124 ms by PyTorch.
"""

import inspect
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from numba import njit
from torch import Tensor

_EDGE = 1e-6
"""Barycentric slack, so that rounding opens no seam between neighbours."""
_FLAT = 1e-9
"""Twice the area in square pixels below which a triangle covers nothing."""
_CLASSES = (3, 6, 12, 24, 64, 256, 1024)
"""Triangles are drawn together with those whose boxes are about as large."""
_PAIRS = 40_000_000
"""Pairs of triangle and pixel held at once by the PyTorch version."""
_DEPTHS = 2**30 - 2


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """Cards of hair: triangles with holes where a texture is transparent."""

    uv: Float[Tensor, "triangles 3 2"]
    """Texture coordinates of every triangle's corners, in [0, 1], v down."""
    layer: Int[Tensor, " triangles"]
    """Which texture a triangle has; -1: it is solid."""
    alpha: Float[Tensor, "layers side side"]
    """Opacity, 0 to 1."""
    threshold: float = 0.4
    """Less opacity than this is a hole."""

    def of(self, triangles: Shaped[Tensor, " chosen"]) -> "Cutout":
        """Return the same for some of the triangles, by index or mask."""
        return replace(self, uv=self.uv[triangles], layer=self.layer[triangles])


@dataclass(frozen=True, kw_only=True)
class Fragments:
    """What the pixels of a batch of pictures show."""

    triangle: Int[Tensor, "batch height width"]
    """-1 where there is none."""
    weights: Float[Tensor, "batch height width 3"]
    """Barycentric coordinates on the surface, perspective undone; 0 where there is none."""
    depth: Float[Tensor, "batch height width"]
    """Infinite where there is none."""


def draw(
    points: Float[Tensor, "batch points 3"],
    triangles: Int[Tensor, "triangles 3"],
    size: int,
    cutout: Cutout | None = None,
    *,
    compiled: bool | None = None,
) -> Fragments:
    """Find the nearest triangle under each pixel's centre.

    Args:
        points: x and y in pixels (centres at integers), depth > 0 in any unit.
        triangles: Corners; both windings are drawn.
        size: Side of the pictures in pixels.
        cutout: Holes.
        compiled: Use the compiled loop; None: where the points lie in the CPU's memory.
    """
    compiled = points.device.type == "cpu" if compiled is None else compiled
    nearest = _compiled if compiled else _batched
    triangle = nearest(points.float(), triangles, size, cutout)
    return _fragments(points.float(), triangles, triangle)


def _fragments(
    points: Float[Tensor, "batch points 3"],
    triangles: Int[Tensor, "triangles 3"],
    triangle: Int[Tensor, "batch height width"],
) -> Fragments:
    """Work out where on its triangle each pixel lies."""
    batch, size = triangle.shape[:2]
    shown = triangle >= 0
    which, y, x = shown.nonzero(as_tuple=True)
    corners = points[which[:, None], triangles[triangle[shown]]]
    flat = _barycentric(corners, x.float(), y.float())
    # Linear on the screen is not linear on the surface: what is nearer counts more.
    nearer = flat / corners[..., 2]
    total = nearer.sum(-1)
    weights = points.new_zeros(batch, size, size, 3)
    weights[which, y, x] = nearer / total[:, None]
    depth = points.new_full((batch, size, size), torch.inf)
    depth[which, y, x] = 1 / total
    return Fragments(triangle=triangle, weights=weights, depth=depth)


def _barycentric(
    corners: Float[Tensor, "*#pairs 3 3"], x: Float[Tensor, "*#pairs"], y: Float[Tensor, "*#pairs"]
) -> Float[Tensor, "*#pairs 3"]:
    ax, ay = corners[..., 0, 0], corners[..., 0, 1]
    bx, by = corners[..., 1, 0], corners[..., 1, 1]
    cx, cy = corners[..., 2, 0], corners[..., 2, 1]
    inverse = 1 / ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))
    second = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * inverse
    third = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * inverse
    return torch.stack([1 - second - third, second, third], -1)


def _compiled(
    points: Tensor, triangles: Tensor, size: int, cutout: Cutout | None
) -> Int[Tensor, "batch size size"]:
    count = len(triangles)
    if cutout is None:
        uv = np.zeros((1, 3, 2), np.float32)
        layer = np.full(count, -1, np.int64)
        alpha, threshold = np.ones((1, 1, 1), np.float32), 0.0
    else:
        uv, layer, alpha = (
            values.cpu().numpy() for values in (cutout.uv, cutout.layer, cutout.alpha)
        )
        threshold = cutout.threshold
    found = np.full((len(points), size, size), -1, np.int64)
    for index, placed in enumerate(points.cpu().numpy()):
        _nearest(
            np.ascontiguousarray(placed), triangles.cpu().numpy(), uv, layer, alpha,
            np.float32(threshold), found[index],
        )  # fmt: skip
    return torch.from_numpy(found).to(points.device)


def _fill(points, triangles, uv, layer, alpha, threshold, found):  # noqa: ANN001, ANN202
    """Fill `found`; one picture. Types as in `_compiled`: float32 and int64 arrays."""
    size = found.shape[0]
    side = alpha.shape[1]
    one = np.float32(1)
    buffer = np.zeros((size, size), np.float32)  # 1 / depth: nothing is infinitely far
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < _FLAT or min(az, bz, cz) <= 0:
            continue
        left, right = max(np.ceil(min(ax, bx, cx)), 0), min(np.floor(max(ax, bx, cx)), size - 1)
        top, bottom = max(np.ceil(min(ay, by, cy)), 0), min(np.floor(max(ay, by, cy)), size - 1)
        inverse = one / area
        za, zb, zc = one / az, one / bz, one / cz
        for row in range(int(top), int(bottom) + 1):
            y = np.float32(row)
            for column in range(int(left), int(right) + 1):
                x = np.float32(column)
                v = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * inverse
                w = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * inverse
                u = one - v - w
                if u < -_EDGE or v < -_EDGE or w < -_EDGE:
                    continue
                near = u * za + v * zb + w * zc
                if near <= buffer[row, column]:
                    continue
                if layer[t] >= 0:
                    p = (u * za * uv[t, 0, 0] + v * zb * uv[t, 1, 0] + w * zc * uv[t, 2, 0]) / near
                    q = (u * za * uv[t, 0, 1] + v * zb * uv[t, 1, 1] + w * zc * uv[t, 2, 1]) / near
                    i = min(max(int(q * side), 0), side - 1)
                    j = min(max(int(p * side), 0), side - 1)
                    if alpha[layer[t], i, j] < threshold:
                        continue
                buffer[row, column] = near
                found[row, column] = t


# Tools that wrap every function (a type checker's import hook) must not come between.
_nearest = njit(cache=True, nogil=True)(inspect.unwrap(_fill))


def _batched(
    points: Tensor, triangles: Tensor, size: int, cutout: Cutout | None
) -> Int[Tensor, "batch size size"]:
    corners = points[:, triangles]  # batch triangles 3 3
    x, y, z = corners.unbind(-1)
    low_x, high_x = x.amin(-1).ceil().clamp(min=0), x.amax(-1).floor().clamp(max=size - 1)
    low_y, high_y = y.amin(-1).ceil().clamp(min=0), y.amax(-1).floor().clamp(max=size - 1)
    area = (x[..., 1] - x[..., 0]) * (y[..., 2] - y[..., 0])
    area = area - (y[..., 1] - y[..., 0]) * (x[..., 2] - x[..., 0])
    drawn = (area.abs() >= _FLAT) & (z.amin(-1) > 0) & (high_x >= low_x) & (high_y >= low_y)
    extent = torch.maximum(high_x - low_x, high_y - low_y).long() + 1
    none = torch.iinfo(torch.int64).max
    buffer = torch.full((len(points) * size * size,), none, device=points.device)
    near = 1 / z[drawn]
    if near.numel():
        span = (float(near.min()), float(near.max()))
        smallest = 0
        for largest in (*_CLASSES, size):
            chosen = (drawn & (extent > smallest) & (extent <= largest)).nonzero()
            smallest = max(smallest, largest)
            for part in chosen.split(max(1, _PAIRS // largest**2)):
                corner = torch.stack([low_x[tuple(part.T)], low_y[tuple(part.T)]], -1)
                _splat(buffer, corners, part, corner, largest, size, span, cutout)
    found = torch.where(buffer == none, -1, buffer & 0xFFFFFFFF)
    return found.view(len(points), size, size)


def _splat(
    buffer: Tensor, corners: Tensor, part: Tensor, corner: Tensor, extent: int, size: int,
    span: tuple[float, float], cutout: Cutout | None,
) -> None:  # fmt: skip
    """Offer the pixels of some triangles' boxes to the buffer."""
    frame, triangle = part.unbind(-1)
    steps = torch.arange(extent, device=part.device)
    x = (corner[:, 0, None, None] + steps[None, None]).expand(-1, extent, -1)
    y = (corner[:, 1, None, None] + steps[None, :, None]).expand(-1, -1, extent)
    own = corners[frame, triangle]
    flat = _barycentric(own[:, None, None], x, y)
    inside = (flat >= -_EDGE).all(-1) & (x < size) & (y < size)
    nearer = flat / own[:, None, None, :, 2]
    near = nearer.sum(-1)
    if cutout is not None:
        uv = torch.einsum("nhwk,nkd->nhwd", nearer, cutout.uv[triangle]) / near[..., None]
        side = cutout.alpha.shape[1]
        place = (uv * side).long().clamp(0, side - 1)
        layer = cutout.layer[triangle][:, None, None]
        alpha = cutout.alpha[layer.clamp(min=0), place[..., 1], place[..., 0]]
        inside = inside & ((layer < 0) | (alpha >= cutout.threshold))
    low, high = span
    depth = ((high - near.double()) / (high - low + 1e-12) * _DEPTHS).long().clamp(0, _DEPTHS)
    key = (depth << 32) | triangle[:, None, None]
    place = (frame[:, None, None] * size + y.long()) * size + x.long()
    buffer.scatter_reduce_(0, place[inside], key[inside], "amin")
