"""Procedural teeth, gums and tongue: surfaces as fine grids of points.

Everything is modelled here (no scanned or third-party geometry). Frame: millimetres, x right as
seen, y down, z away from the viewer; the origin lies on the upper incisal edge, in the middle, on
the front surface of the upper arch. Sizes of crowns: Nelson, "Wheeler's Dental Anatomy, Physiology
and Occlusion" (10th edition, 2015), tables 1-1 and 1-2, rounded.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_GRID = 48
"""Points along each side of one crown's grid."""
_GUM_HEIGHT = 21.0
"""How far a gum reaches beyond the edges, in mm."""
_THICK = 3.0
"""How far a crown's sides curve back, in mm."""


@dataclass(frozen=True, kw_only=True)
class Arch:
    """One jaw's teeth, from the middle to the second molar; the other side mirrors them."""

    widths: tuple[float, ...]
    """Of the crowns along the arch, mm."""
    heights: tuple[float, ...]
    """From edge to gum, mm."""
    edges: tuple[float, ...]
    """How far each edge lies short of the middle incisors' edge, mm."""
    insets: tuple[float, ...]
    """How far each crown stands back from the arch, mm."""
    cusps: tuple[float, ...]
    """Height of the point of the edge above its corners, mm; 0 is a straight edge."""
    reach: float
    """Where the arch has curved back by 8 mm: distance from the middle, mm."""
    power: float
    """Exponent of the arch's curve."""
    upward: float
    """Direction of the roots along y: -1 for the upper jaw, 1 for the lower."""
    front: tuple[float, float]
    """y and z of the middle of the edge, mm."""


UPPER = Arch(
    widths=(8.8, 6.8, 7.8, 7.1, 6.8, 9.5, 9.0),
    heights=(10.6, 9.4, 10.3, 8.7, 7.9, 7.2, 6.7),
    edges=(0.0, 0.75, 0.2, 0.9, 1.3, 1.7, 2.1),
    insets=(0.0, 0.35, -0.25, 0.3, 0.4, 0.2, 0.3),
    cusps=(0.0, 0.1, 1.3, 1.2, 0.9, 0.5, 0.5),
    reach=17.5,
    power=2.3,
    upward=-1.0,
    front=(0.0, 0.0),
)
LOWER = Arch(
    widths=(5.2, 5.7, 6.8, 7.0, 7.0, 10.5, 10.0),
    heights=(8.6, 8.9, 10.0, 8.3, 7.6, 7.0, 6.5),
    edges=(0.0, 0.1, -0.1, 0.5, 0.9, 1.2, 1.5),
    insets=(0.0, 0.15, -0.2, 0.2, 0.3, 0.3, 0.3),
    cusps=(0.0, 0.0, 1.2, 1.1, 0.8, 0.5, 0.5),
    reach=15.2,
    power=2.2,
    upward=1.0,
    front=(-2.0, 2.4),
)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A grid of points with values for shading."""

    points: Float[np.ndarray, "rows columns 3"]
    """In mm."""
    across: Float[np.ndarray, "rows columns"]
    """-1 to 1 across the tooth, from its side near the middle outwards; or across the tongue."""
    along: Float[np.ndarray, "rows columns"]
    """Teeth: 0 at the edge, 1 at the neck; gum: mm from its margin; tongue: 0 tip, 1 back."""
    place: int
    """Which tooth from the middle; for gum and tongue -1."""

    def triangles(self) -> Int[np.ndarray, "triangles 3"]:
        """Split the grid's cells; corners index the points row by row."""
        rows, columns = self.across.shape
        index = np.arange(rows * columns).reshape(rows, columns)
        a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
        c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
        return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def crowns(arch: Arch, rng: np.random.Generator) -> list[Surface]:
    """Model the crowns of a jaw, each a little turned and shifted as in a real row of teeth."""
    made = []
    for side in (-1, 1):
        start = 0.0
        for place, width in enumerate(arch.widths):
            wobble = rng.normal(0, 1, 3) * (0.18, 0.15, 0.025)
            middle = start + width / 2
            made.append(_crown(arch, place, side, middle, wobble))
            start += width
    return made


def _crown(
    arch: Arch, place: int, side: int, middle: float, wobble: Float[np.ndarray, " 3"]
) -> Surface:
    across, along = np.meshgrid(
        np.sin(np.linspace(-1, 1, _GRID) * np.pi / 2), np.linspace(0, 1, _GRID) ** 1.5
    )
    width, height = arch.widths[place], arch.heights[place]
    # The far corner of an edge is rounder than the near one; a cusp slopes to both sides.
    rounding = np.where(across > 0, 1.5 * across**4, 0.7 * across**8)
    edge = arch.edges[place] + wobble[0] + rounding + arch.cusps[place] * np.abs(across) ** 1.2
    narrowing = 1 - 0.14 * along**1.4 - 0.035 * np.exp(-along / 0.06)
    s = middle + across * narrowing * width / 2 * 1.02
    back = _THICK * (1 - np.sqrt(np.maximum(1 - np.abs(across) ** 3.6, 0)))
    back += 1.5 * (along - 0.5) ** 2 + 0.9 * np.exp(-along / 0.025)
    groove = np.exp(-(((np.abs(across) - 0.36) / 0.13) ** 2)) * (1 - along) ** 2
    back += 0.09 * groove + arch.insets[place] + wobble[1] + wobble[2] * across * width
    y = arch.front[0] + arch.upward * (edge + along * (height + 1.5 - edge))
    x, z = _on_arch(arch, s, back)
    return Surface(points=np.stack([side * x, y, z], -1), across=across, along=along, place=place)


def _on_arch(
    arch: Arch, s: Float[np.ndarray, "*grid"], back: Float[np.ndarray, "*grid"]
) -> tuple[Float[np.ndarray, "*grid"], Float[np.ndarray, "*grid"]]:
    """Return x and z of points at an arc length from the middle, set back from the arch."""
    x = np.linspace(0, 40, 4000)
    z = 8 * (x / arch.reach) ** arch.power
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    slope = np.gradient(z, x)
    norm = np.hypot(1, slope)
    on_x = np.interp(s, length, x) + np.minimum(s, 0)
    outward_x, outward_z = np.interp(s, length, slope / norm), np.interp(s, length, -1 / norm)
    return on_x - back * outward_x, arch.front[1] + np.interp(s, length, z) - back * outward_z


def gum(arch: Arch) -> list[Surface]:
    """Model the gum of a jaw: scalloped margins, points between the teeth, bulges over roots."""
    made = []
    for side in (-1, 1):
        bounds = np.concatenate([[0], np.cumsum(arch.widths)])
        s = np.linspace(0, bounds[-1], 40 * len(arch.widths))
        place = np.clip(np.searchsorted(bounds, s, side="right") - 1, 0, len(arch.widths) - 1)
        width = np.array(arch.widths)[place]
        across = (s - bounds[place]) / width * 2 - 1
        neck = np.interp(s, bounds[:-1] + np.array(arch.widths) / 2, arch.heights)
        papilla = np.interp(s, [0, 15, 30, 60], [4.3, 3.8, 2.7, 2.0])
        margin = neck - papilla * np.abs(across) ** 2.4
        t = np.linspace(0, 1, 60)[:, None] ** 1.6 * (_GUM_HEIGHT - margin)
        inset = np.interp(s, bounds[:-1] + np.array(arch.widths) / 2, arch.insets)
        crown = _THICK * (1 - np.sqrt(np.maximum(1 - np.abs(across) ** 3, 0)))
        swell = 0.75 * (1 - np.exp(-t / 0.7)) * np.ones_like(s)
        low = papilla * np.abs(across) ** 2.4  # how far a point between teeth lies below the necks
        above = np.maximum(t - low, 0)
        between = np.minimum(crown, 1.1 * np.abs(across) ** 3) * np.exp(-above / 2.5)
        root = 0.35 * np.cos(across * np.pi / 2) ** 2 * (1 - np.exp(-t / 2)) * np.exp(-t / 6)
        back = between + 0.75 + inset * np.exp(-above / 4) - swell - root
        back = back + 0.05 * np.maximum(above - 2, 0) ** 1.4
        y = arch.front[0] + arch.upward * (margin + t)
        x, z = _on_arch(arch, np.broadcast_to(s, y.shape), back)
        made.append(
            Surface(
                points=np.stack([side * x, y, z], -1),
                across=np.broadcast_to(across, y.shape),
                along=np.broadcast_to(t, y.shape),
                place=-1,
            )
        )
    return made


def tongue() -> Surface:
    """Model the tongue at rest behind the lower teeth: a rounded tip, a shallow middle groove."""
    level = np.linspace(-1, 1, 220)  # -1 underside, 0 tip, 1 back
    across, along = np.meshgrid(np.sin(np.linspace(-1, 1, 160) * np.pi / 2), level)
    half = 20.5 * np.sqrt(np.maximum(1 - np.abs(along) ** 2.6, 0))
    back, under = np.maximum(along, 0), np.maximum(-along, 0)
    groove = np.exp(-((across / 0.1) ** 2)) * np.clip(back * 2, 0, 1) ** 2 * (1 - back)
    y = 2.5 - 12.0 * back + 8.0 * under + 0.6 * groove + 1.2 * across**2 * (1 - along**2)
    z = 6.5 + 34 * back**2 + 6.0 * under**2 + 9 * (1 - np.sqrt(np.maximum(1 - across**4, 0)))
    return Surface(
        points=np.stack([half * across, y, z + 0.4 * groove], -1),
        across=across,
        along=along,
        place=-1,
    )
