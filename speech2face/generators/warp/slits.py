"""Slits: the mouth and the eyes, where the skin opens onto what lies behind it.

A slit is seen in its own axes: u runs from its left corner (-1) to its right one (+1), v across it,
downwards, in pixels. Its two edges are functions v(u), so "inside" is a comparison, not a polygon.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from speech2face.geometry import dot
from speech2face.signals import eased

Layer = tuple[Tensor, Float[Tensor, "batch 1 height width"]]
"""What is drawn over a slit: colours (one, or one a pixel), and how much of them is seen."""

_KNOTS = 65
"""Samples of an edge between u = -1 and u = +1."""
_BESIDE = (1.08, 1.3)
"""Where a slit's own patches give way to the rest of the face, in half widths from its middle."""
_SEAM, _THINNEST = 0.022, 0.7
"""Width of the shadow between lips that meet: in half widths of the mouth, and at least in pixels
(standard deviations)."""


@dataclass(frozen=True, kw_only=True)
class Slit:
    """Where a slit lies in each frame of a batch, over the pixels of one rectangle."""

    u: Float[Tensor, "batch height width"]
    """Position along the slit: -1 and +1 at its corners."""
    v: Float[Tensor, "batch height width"]
    """Position across the slit in pixels, 0 on the line through the corners, downwards."""
    upper: Float[Tensor, "batch height width"]
    """v of the upper edge at each pixel's u."""
    lower: Float[Tensor, "batch height width"]
    """v of the lower edge at each pixel's u; never above the upper edge."""
    half_width: Float[Tensor, "batch 1 1"]
    """Half the distance of the corners in pixels."""

    def inside(self) -> Float[Tensor, "batch 1 height width"]:
        """Return how much of each pixel lies between the edges, 0 to 1."""
        below_upper = (self.v - self.upper + 0.5).clamp(0, 1)
        above_lower = (self.lower - self.v + 0.5).clamp(0, 1)
        narrow = (self.lower - self.upper).clamp(0, 1)
        return (below_upper * above_lower * narrow)[:, None]

    def beside(self) -> Float[Tensor, "batch 1 height width"]:
        """Return how far each pixel lies within reach of the slit, sideways: 1, beyond it 0.

        Past the corners both sides move as the rest of the face does, and where a turned head hides
        what is behind it, only the rest of the face knows the outline.
        """
        share = ((_BESIDE[1] - self.u.abs()) / (_BESIDE[1] - _BESIDE[0])).clamp(0, 1)
        return eased(share)[:, None]

    def seam(self) -> Float[Tensor, "batch 1 height width"]:
        """Return the shadow of edges that meet, 0 to 1: a thin line, gone where they part."""
        wide = (_SEAM * self.half_width).clamp(min=_THINNEST)
        across = torch.exp(-(((self.v - (self.upper + self.lower) / 2) / wide) ** 2) / 2)
        meeting = (1 - (self.lower - self.upper) / (4 * wide)).clamp(0, 1)
        return (across * meeting * (1 - self.u**2).clamp(min=0).sqrt())[:, None]

    def below(self, soft: float) -> Float[Tensor, "batch 1 height width"]:
        """Return how far each pixel belongs to the lower side, 0 to 1.

        Beyond the corners the two sides agree ever better, so the step widens there.

        Args:
            soft: Width of the step in half widths of the slit, one half width beyond a corner.
        """
        middle = (self.upper + self.lower) / 2
        beyond = (self.u.abs() - 0.9).clamp(min=0)
        width = 1 + beyond * soft * self.half_width
        return ((self.v - middle) / width + 0.5).clamp(0, 1)[:, None]


def locate(
    upper: Float[Tensor, "batch points 2"],
    lower: Float[Tensor, "batch points 2"],
    pixels: Float[Tensor, "height width 2"],
    margin: float = 0.0,
) -> Slit:
    """Find a slit in every frame from its moved edges.

    Args:
        upper: Points of the upper edge in pixels, from the left corner to the right one.
        lower: Points of the lower edge; the corners are shared.
        pixels: The (x, y) of each pixel of the rectangle.
        margin: Draw both edges together by this share of the half width (lashes belong to lids).
    """
    left, right = upper[:, 0], upper[:, -1]
    axis = (right - left) / 2
    half = axis.norm(dim=1).clamp(min=1e-3)
    along = axis / half[:, None]
    across = torch.stack([-along[:, 1], along[:, 0]], 1)
    centre = (left + right) / 2
    offset = pixels[None] - centre[:, None, None]
    u = dot(offset, along[:, None, None]) / half[:, None, None]
    v = dot(offset, across[:, None, None])
    edges = []
    for edge, sign in ((upper, 1.0), (lower, -1.0)):
        knots = _edge_knots(edge - centre[:, None], along, across, half)
        if margin:
            knot_u = torch.linspace(-1, 1, _KNOTS, device=u.device)
            knots = knots + sign * margin * half[:, None] * (1 - knot_u**2).clamp(min=0)
        edges.append(knots)
    top, bottom = edges
    middle = (top + bottom) / 2
    top, bottom = torch.minimum(top, middle), torch.maximum(bottom, middle)
    return Slit(
        u=u, v=v, upper=_look_up(top, u), lower=_look_up(bottom, u), half_width=half[:, None, None]
    )


def _edge_knots(
    edge: Float[Tensor, "batch points 2"],
    along: Float[Tensor, "batch 2"],
    across: Float[Tensor, "batch 2"],
    half: Float[Tensor, " batch"],
) -> Float[Tensor, "batch knots"]:
    """Sample an edge as v at evenly spaced u (cubic between its points)."""
    edge_u = (edge * along[:, None]).sum(-1) / half[:, None]
    edge_v = (edge * across[:, None]).sum(-1)
    # An edge turns back where lips pucker; as a function it may not.
    edge_u = torch.cummax(edge_u, 1).values + torch.arange(edge.shape[1], device=edge.device) * 1e-4
    knot_u = torch.linspace(-1, 1, _KNOTS, device=edge.device).expand(len(edge), -1).contiguous()
    right = torch.searchsorted(edge_u.contiguous(), knot_u).clamp(1, edge.shape[1] - 1)
    return _hermite(edge_u, edge_v, right, knot_u)


def _hermite(
    x: Float[Tensor, "batch points"],
    y: Float[Tensor, "batch points"],
    right: Tensor,
    at: Float[Tensor, "batch knots"],
) -> Float[Tensor, "batch knots"]:
    """Interpolate cubically with the slopes of neighbouring chords."""
    chord = (y[:, 1:] - y[:, :-1]) / (x[:, 1:] - x[:, :-1]).clamp(min=1e-4)
    slope = torch.cat([chord[:, :1], (chord[:, 1:] + chord[:, :-1]) / 2, chord[:, -1:]], 1)
    x0, x1 = x.gather(1, right - 1), x.gather(1, right)
    y0, y1 = y.gather(1, right - 1), y.gather(1, right)
    m0, m1 = slope.gather(1, right - 1), slope.gather(1, right)
    width = (x1 - x0).clamp(min=1e-4)
    t = ((at - x0) / width).clamp(0, 1)
    return (
        (2 * t**3 - 3 * t**2 + 1) * y0
        + (t**3 - 2 * t**2 + t) * width * m0
        + (3 * t**2 - 2 * t**3) * y1
        + (t**3 - t**2) * width * m1
    )


def _look_up(
    knots: Float[Tensor, "batch knots"], u: Float[Tensor, "batch height width"]
) -> Float[Tensor, "batch height width"]:
    """Read the edge at any u; beyond the corners it stays at their v."""
    position = ((u + 1) / 2 * (_KNOTS - 1)).clamp(0, _KNOTS - 1.001)
    left = position.floor().long()
    weight = position - left
    flat = left.flatten(1)
    low, high = knots.gather(1, flat), knots.gather(1, flat + 1)
    return (low * (1 - weight.flatten(1)) + high * weight.flatten(1)).view_as(u)
