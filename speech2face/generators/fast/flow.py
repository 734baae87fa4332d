"""What the named keypoints alone say about the motion: dense flows.

Keypoints are `landmarks.FAST_KEYPOINTS`: points of the face mesh, so that nothing about them has to
be learnt. Thin-plate splines through them give dense backward flows; because lips and lids that
meet would tie one place to two, there are two splines beside the one that leaves their edges out:
one with the upper edges, one with the lower ones. All of it is linear algebra: batched,
differentiable, exactly zero without motion.

Coordinates: x right, y down, -1 and +1 at the picture's outer edges; z in the same unit, away from
the viewer. "Unit" is the distance of the outer eye corners in these coordinates.

Source: Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations"
(1989).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from speech2face import landmarks
from speech2face.generators.fast.slits import IRISES, SLITS, disc, unit_of
from speech2face.geometry import identity_grid, warp

BORDER_POINTS = 9
"""Pinned points along each side of the picture."""

_RIDGE = 2e-3
"""Ridge on the splines' systems: what is within the tracker's jitter need not be followed."""
_ACTIVE_NEAR, _ACTIVE_FROM = 0.25, 0.02
"""A place is as active as the keypoints so near (units); motion of this much is fully seen."""
_IRIS_REACH = 2.2
"""The white of the eye moves along with the iris up to this many radii."""


_UPPER = [place for upper, _ in SLITS for place in upper[1:-1]]
_LOWER = [place for _, lower in SLITS for place in lower[1:-1]]
_BASE = sorted(
    set(range(len(landmarks.FAST_KEYPOINTS))) - {*_UPPER, *_LOWER, *IRISES[0], *IRISES[1]}
)
_RIGID = [
    place for place, point in enumerate(landmarks.FAST_KEYPOINTS) if point in set(landmarks.RIGID)
]


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Smooth backward flows on a coarse grid: where a place of the driving picture comes from."""

    base: Float[Tensor, "batch 2 rows columns"]
    """Of all points but the edges of mouth and eyes."""
    above: Float[Tensor, "batch 2 rows columns"]
    """What the upper lips and lids add to it."""
    below: Float[Tensor, "batch 2 rows columns"]
    """What the lower lips and lids add to it."""
    rigid: Float[Tensor, "batch 2 rows columns"]
    """The skull's flow, as an affine map."""
    gaze: Float[Tensor, "batch 2 rows columns"]
    """The irises' flow against that of their eyes' corners; zero away from them."""
    depth: Float[Tensor, "batch 1 rows columns"]
    """How much farther from the viewer the source lay (units)."""
    active: Float[Tensor, "batch 1 rows columns"]
    """0 where nothing near moves, towards 1 where it does."""


def square_border(batch: int, device: torch.device) -> Float[Tensor, "batch pinned 2"]:
    """Return the points on the picture's edges, which stay where they are."""
    side = torch.linspace(-1, 1, BORDER_POINTS, device=device)
    edge = torch.ones_like(side)
    top, left = torch.stack([side, -edge], 1), torch.stack([-edge, side], 1)[1:-1]
    return torch.cat([top, -top, left, -left])[None].expand(batch, -1, -1)


def motion(
    source: Float[Tensor, "batch points 3"],
    driving: Float[Tensor, "batch points 3"],
    border: Float[Tensor, "batch pinned 2"],
    rows: int,
    columns: int,
) -> Motion:
    """Compute the flows that keypoints alone imply, on a grid over the picture.

    Args:
        source: Keypoints of the picture that is warped.
        driving: Keypoints of the picture that is wanted.
        border: Places that do not move.
        rows: Of the grid.
        columns: Of the grid.
    """
    with torch.autocast(source.device.type, enabled=False):
        # Eight bits of precision are not enough to place anything.
        return _motion(source.float(), driving.float(), border.float(), rows, columns)


def _motion(
    source: Float[Tensor, "batch points 3"],
    driving: Float[Tensor, "batch points 3"],
    border: Float[Tensor, "batch pinned 2"],
    rows: int,
    columns: int,
) -> Motion:
    unit = unit_of(source)
    where = identity_grid(rows, columns, source.device).reshape(1, -1, 2)
    shift = source - driving
    none = shift.new_zeros(len(shift), border.shape[1], 3)
    sites = torch.cat([driving[..., :2], border], 1)
    values = torch.cat([shift, none], 1)
    pinned = list(range(source.shape[1], sites.shape[1]))
    weights = [
        _spline(sites, values, unit, members)
        for members in ([*_BASE, *pinned], [*_BASE, *_UPPER, *pinned], [*_BASE, *_LOWER, *pinned])
    ]
    bending = _kernel(where.expand(len(sites), -1, -1), sites)
    ones = torch.ones_like(where[..., :1]).expand(len(sites), -1, -1)
    terms = torch.cat([bending, ones, where.expand(len(sites), -1, -1)], 2)
    flows = (terms @ torch.cat(weights, 2)).mT.unflatten(2, (rows, columns))
    base, upper, lower = flows[:, :3], flows[:, 3:6], flows[:, 6:]
    return Motion(
        base=base[:, :2],
        above=upper[:, :2] - base[:, :2],
        below=lower[:, :2] - base[:, :2],
        rigid=_rigid(shift, driving, where).unflatten(2, (rows, columns)),
        gaze=_gaze(shift, driving, where).unflatten(2, (rows, columns)),
        depth=base[:, 2:] / unit[..., None],
        active=_activity(shift, driving, unit, rows, columns),
    )


def _kernel(
    a: Float[Tensor, "batch left 2"], b: Float[Tensor, "batch right 2"]
) -> Float[Tensor, "batch left right"]:
    # One product of matrices instead of differences of all pairs: a fifth of the time.
    left = torch.cat([-2 * a, torch.ones_like(a[..., :1]), a.square().sum(2, keepdim=True)], 2)
    right = torch.cat([b, b.square().sum(2, keepdim=True), torch.ones_like(b[..., :1])], 2)
    squared = (left @ right.mT).clamp(min=1e-9)
    return squared * squared.log()


def _spline(
    sites: Float[Tensor, "batch points 2"],
    values: Float[Tensor, "batch points dims"],
    unit: Float[Tensor, "batch 1 1"],
    members: list[int],
) -> Float[Tensor, "batch terms dims"]:
    """Fit a smoothing thin-plate spline to some of the points.

    Returns:
        Weights of the kernels of all points (zero for those left out), of 1, x and y.
    """
    at = sites[:, members].double()
    count = len(members)
    # Splines scale with the square of the picture's scale, and so does the ridge.
    ridge = _RIDGE * unit.double() ** 2 * torch.eye(count, dtype=at.dtype, device=at.device)
    affine = torch.cat([torch.ones_like(at[..., :1]), at], 2)
    corner = at.new_zeros(len(at), 3, 3)
    system = torch.cat(
        [
            torch.cat([_kernel(at, at) + ridge, affine], 2),
            torch.cat([affine.mT, corner], 2),
        ],
        1,
    )
    wanted = values[:, members].double()
    right = torch.cat([wanted, wanted.new_zeros(len(at), 3, wanted.shape[2])], 1)
    solved = torch.linalg.solve(system, right).to(values.dtype)
    weights = values.new_zeros(len(at), sites.shape[1] + 3, values.shape[2])
    weights[:, members] = solved[:, :count]
    weights[:, -3:] = solved[:, count:]
    return weights


def _rigid(
    shift: Float[Tensor, "batch points 3"],
    driving: Float[Tensor, "batch points 3"],
    where: Float[Tensor, "1 places 2"],
) -> Float[Tensor, "batch 2 places"]:
    """Fit an affine map to the points that move with the skull alone."""
    at = driving[:, _RIGID, :2].double()
    affine = torch.cat([torch.ones_like(at[..., :1]), at], 2)
    normal = affine.mT @ affine + 1e-8 * torch.eye(3, dtype=at.dtype, device=at.device)
    weights = torch.linalg.solve(normal, affine.mT @ shift[:, _RIGID, :2].double()).to(shift.dtype)
    places = torch.cat([torch.ones_like(where[..., :1]), where], 2)
    return (places @ weights).mT


def _gaze(
    shift: Float[Tensor, "batch points 3"],
    driving: Float[Tensor, "batch points 3"],
    where: Float[Tensor, "1 places 2"],
) -> Float[Tensor, "batch 2 places"]:
    flow = shift.new_zeros(len(shift), where.shape[1], 2)
    for iris, (edge, _) in zip(IRISES, SLITS[1:], strict=True):
        centre, radius = disc(driving, iris)
        corners = shift[:, [edge[0], edge[-1]], :2].mean(1, keepdim=True)
        turned = shift[:, iris, :2].mean(1, keepdim=True) - corners
        distance = ((where - centre[:, None]) / (_IRIS_REACH * radius[:, None])).square().sum(2)
        flow = flow + torch.exp(-distance)[..., None] * turned
    return flow.mT


def _activity(
    shift: Float[Tensor, "batch points 3"],
    driving: Float[Tensor, "batch points 3"],
    unit: Float[Tensor, "batch 1 1"],
    rows: int,
    columns: int,
) -> Float[Tensor, "batch 1 rows columns"]:
    coarse = max(1, rows // 4), max(1, columns // 4)
    where = identity_grid(*coarse, shift.device).reshape(1, -1, 2)
    distance = (where[:, :, None] - driving[:, None, :, :2]).square().sum(3)
    near = torch.softmax(-distance / (2 * (_ACTIVE_NEAR * unit) ** 2), 2)
    moved = shift[..., :2].abs().sum(2, keepdim=True) / unit
    active = 1 - torch.exp(-(near @ moved) / _ACTIVE_FROM)
    return functional.interpolate(
        active.mT.unflatten(2, coarse), size=(rows, columns), mode="bilinear"
    )


def flow_at(
    smooth: Float[Tensor, "batch 8 rows columns"],
    shares: Float[Tensor, "batch 3 height width"],
) -> Float[Tensor, "batch 2 height width"]:
    """Put the flow of base, upper and lower sides and eyes together at a finer resolution.

    Args:
        smooth: The base flow and what upper sides, lower sides and gaze add, (x, y) each.
        shares: What `slit_shares` gives at the resolution wanted.
    """
    size = shares.shape[2:]
    if smooth.shape[2:] != size:
        smooth = functional.interpolate(smooth, size=size, mode="bilinear")
    flow = smooth[:, :2]
    for part in range(3):
        flow = flow + smooth[:, 2 * part + 2 : 2 * part + 4] * shares[:, part : part + 1]
    return flow


def sample(
    picture: Float[Tensor, "batch channels height width"],
    flow: Float[Tensor, "batch 2 height2 width2"],
    mode: str = "bilinear",
) -> Float[Tensor, "batch channels height2 width2"]:
    """Fetch every place of the driving picture from where the flow says.

    Args:
        picture: The source, or its features.
        flow: Backward, normalized, at the resolution wanted.
        mode: How to interpolate: bilinear, or bicubic, which keeps what is sharp sharp.
    """
    height, width = flow.shape[2:]
    grid = identity_grid(height, width, flow.device)
    places = flow.permute(0, 2, 3, 1) + grid
    if mode == "bilinear":
        return warp(picture, places)
    return functional.grid_sample(
        picture, places, mode=mode, padding_mode="border", align_corners=False
    )
