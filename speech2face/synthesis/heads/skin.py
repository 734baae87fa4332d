"""Colours of the example portrait, painted on points: skin, lips, eyes. Linear RGB, 0 to 1."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from speech2face.synthesis.heads.head_assets import MOUTH_DEPTH, lip_outline, signed_distance
from speech2face.synthesis.heads.strands import beard_density, scalp_density


@dataclass(frozen=True, kw_only=True)
class Complexion:
    """The colours of one person."""

    skin: tuple[float, float, float] = (0.57, 0.335, 0.240)
    lips: tuple[float, float, float] = (0.46, 0.205, 0.170)
    blood: float = 0.5
    """How red cheeks, nose and ears are, 0 to 1."""
    beard: float = 0.35
    """How much the shaved beard shows through the skin, 0 to 1."""
    scalp: float = 0.75
    """How much the roots of the hair darken the scalp, 0 to 1."""
    iris: tuple[float, float, float] = (0.16, 0.085, 0.035)
    iris_rim: tuple[float, float, float] = (0.10, 0.095, 0.06)


@dataclass(frozen=True, kw_only=True)
class SkinPaint:
    """What the skin's material needs at each vertex."""

    colour: Float[np.ndarray, "n 3"]
    roughness: Float[np.ndarray, " n"]
    lips: Float[np.ndarray, " n"]
    """1 on the red of the lips."""


def _blob(points: np.ndarray, centre: tuple[float, float, float], size: float) -> np.ndarray:
    """A soft spot, and its mirror image."""
    mirrored = np.array([np.abs(points[:, 0]), points[:, 1], points[:, 2]]).T
    gap = ((mirrored - np.array(centre)) ** 2).sum(axis=1)
    return np.exp(-gap / (2 * size**2))


def _times(
    colour: tuple[float, float, float], red: float, green: float, blue: float
) -> tuple[float, float, float]:
    return colour[0] * red, colour[1] * green, colour[2] * blue


def _mix(base: np.ndarray, colour: tuple[float, float, float], amount: np.ndarray) -> np.ndarray:
    amount = np.clip(amount, 0, 1)[:, None]
    return base * (1 - amount) + np.array(colour) * amount


def paint_skin(
    rest: Float[np.ndarray, "n 3"],
    landmarks: Float[np.ndarray, "68 3"],
    look: Complexion,
    hairline: float,
) -> SkinPaint:
    """Colour the skin by where on a face each point lies.

    Args:
        rest: The points on the mean head, centimetres.
        landmarks: The mean head's 68 points.
        look: The person's colours.
        hairline: As in `HairStyle`.

    Returns:
        Colour and gloss at the points.
    """
    outline = lip_outline(landmarks)
    skin = np.tile(np.array(look.skin), (len(rest), 1))
    tint = np.zeros(len(rest))
    for centre, size, amount in (
        ((4.3, 0.2, 9.0), 1.7, 0.55),  # cheeks
        ((0.0, 0.6, 12.9), 0.9, 0.55),  # tip of the nose
        ((1.5, -0.4, 11.2), 0.55, 0.55),  # wings of the nose
        ((8.0, 1.5, -0.5), 2.4, 0.8),  # ears
        ((0.0, -6.3, 10.8), 1.2, 0.25),  # chin
        ((3.2, 4.35, 9.6), 0.6, 0.35),  # upper lids
        ((1.9, 3.2, 9.3), 0.35, 0.5),  # inner corners of the eyes
        ((0.0, -13.5, 4.0), 3.5, 0.3),  # top of the chest
    ):
        tint += amount * _blob(rest, centre, size)
    red = _times(look.skin, 0.98, 0.66, 0.62)
    skin = _mix(skin, red, look.blood * tint)
    dark = _times(look.skin, 0.80, 0.70, 0.74)
    skin = _mix(
        skin,
        dark,
        0.55 * _blob(rest, (2.9, 2.45, 9.4), 0.6) + 0.3 * _blob(rest, (1.6, 3.3, 9.4), 0.5),
    )
    forehead = _times(look.skin, 1.03, 1.06, 1.05)
    skin = _mix(skin, forehead, 0.8 * _blob(rest, (0.0, 8.0, 10.0), 2.6))
    shade = _times(look.skin, 0.66, 0.70, 0.78)
    skin = _mix(skin, shade, look.beard * beard_density(rest, outline))
    roots = _times(look.skin, 0.22, 0.18, 0.17)
    skin = _mix(skin, roots, look.scalp * scalp_density(rest, hairline))
    lips = _lip_mask(rest, outline)
    skin = _mix(skin, look.lips, lips)
    inner = _mouth_line(rest)
    skin = _mix(skin, _times(look.lips, 0.6, 0.6, 0.6), lips * inner)
    oily = _blob(rest, (0.0, 7.5, 10.5), 2.0) + _blob(rest, (0.0, 1.2, 12.3), 1.0)
    roughness = 0.50 - 0.07 * np.clip(oily, 0, 1) - 0.10 * lips
    return SkinPaint(colour=skin, roughness=roughness, lips=lips)


def _lip_mask(rest: np.ndarray, outline: np.ndarray) -> np.ndarray:
    from_border = signed_distance(rest[:, :2], outline)
    mask = 1 / (1 + np.exp((from_border + 0.02) / 0.045))
    return np.where(rest[:, 2] > MOUTH_DEPTH, mask, 0.0)


def _mouth_line(rest: np.ndarray) -> np.ndarray:
    """1 where the lips meet."""
    height = np.interp(np.abs(rest[:, 0]), [0, 1.0, 2.2, 2.53], [-3.36, -3.34, -3.49, -3.52])
    return np.exp(-(((rest[:, 1] - height) / 0.11) ** 2)) * 0.8


@dataclass(frozen=True, kw_only=True)
class EyeMesh:
    """An eyeball that looks along +z, centre at the origin, radius 1."""

    vertices: Float[np.ndarray, "n 3"]
    triangles: np.ndarray
    colour: Float[np.ndarray, "n 3"]
    cornea: Float[np.ndarray, "n 3"]
    """The same grid, as the transparent outer surface."""


IRIS = 0.415
"""Radius of the iris over that of the eyeball (5.9 mm of 14.2 mm; this mesh's eyes are large)."""


def eye_mesh(look: Complexion, seed: int, *, pupil: float = 0.40) -> EyeMesh:
    """Build and paint an eyeball.

    Args:
        look: The person's colours.
        seed: For the fibres of the iris and the veins.
        pupil: Radius of the pupil over that of the iris.

    Returns:
        The eyeball.
    """
    rng = np.random.default_rng(seed)
    rings, sides = 260, 360
    limbus = np.arcsin(IRIS)
    theta = np.concatenate(
        [np.linspace(0, limbus * 1.15, 150), np.linspace(limbus * 1.15, 2.4, 111)[1:]]
    )
    phi = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    t, p = (grid.ravel() for grid in np.meshgrid(theta, phi, indexing="ij"))
    sphere = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], axis=1)
    inside = np.clip(1 - t / limbus, 0, 1)
    vertices = sphere.copy()
    # The iris lies flat behind the cornea.
    flat = np.minimum(sphere[:, 2], np.cos(limbus) - 0.015 * inside)
    vertices[:, 2] = flat
    cornea = sphere * 1.003
    cornea[:, 2] += 0.16 * np.clip(1 - (t / (limbus * 1.12)) ** 2, 0, 1) ** 1.5
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij")
    a, b = i * sides + j, i * sides + (j + 1) % sides
    c, d = a + sides, b + sides
    quads = np.stack([a, c, d, a, d, b], axis=-1).reshape(-1, 3)
    colour = _eye_colour(t / limbus, p, look, pupil, rng)
    return EyeMesh(vertices=vertices, triangles=quads, colour=colour, cornea=cornea)


def _ring_noise(angle: np.ndarray, rng: np.random.Generator, low: int, high: int) -> np.ndarray:
    """Periodic noise around a circle, about unit variance."""
    total = np.zeros_like(angle)
    for k in range(low, high):
        total += rng.normal() * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    return total / np.sqrt((high - low) / 2)


def _eye_colour(
    r: np.ndarray, angle: np.ndarray, look: Complexion, pupil: float, rng: np.random.Generator
) -> np.ndarray:
    """Colour by distance from the gaze axis (1 at the limbus) and angle."""
    depth = np.clip((r - pupil) / (1 - pupil), 0, 1)
    fibres = _ring_noise(angle + 0.05 * np.sin(9 * depth), rng, 30, 90)
    fine = _ring_noise(angle, rng, 90, 160)
    wobble = 0.05 * _ring_noise(angle, rng, 3, 14)
    inner = np.exp(-(((depth - 0.22 - wobble) / 0.16) ** 2))
    iris = (
        np.array(look.iris_rim) * (1 - inner[:, None]) + np.array(look.iris) * inner[:, None] * 1.25
    )
    iris = iris * np.clip(1 + 0.28 * fibres + 0.18 * fine, 0.25, 2.2)[:, None]
    # Light from above that passes the cornea brightens the lower half.
    iris = iris * (1.0 - 0.35 * np.sin(angle) * depth)[:, None]
    iris = iris * (1 - 0.75 * np.clip((depth - 0.78) / 0.22, 0, 1))[:, None]
    edge = np.clip((r - pupil) / 0.05, 0, 1)[:, None]
    iris = iris * edge + 0.004 * (1 - edge)
    white = np.array([0.70, 0.63, 0.58]) * np.ones((len(r), 1))
    far = np.clip((r - 1.3) / 1.6, 0, 1)[:, None]
    white = white * (1 - far * np.array([0.10, 0.28, 0.30]))
    veins = np.clip(_ring_noise(angle + 0.12 * np.sin(7 * r), rng, 10, 34) - 1.4, 0, 1)[:, None]
    white = white * (1 - veins * far * np.array([0.06, 0.30, 0.30]))
    out = 1 / (1 + np.exp(-(r - 1.0) / 0.035))[:, None]
    return iris * (1 - out) + white * out
