"""What the person of the example portrait wears: a crew-neck sweater. Frame of `head_assets`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

# fmt: off
_RINGS = np.array([
    # half width, height at the side, front z, front y, back z, back y; centimetres
    [ 6.5,  -9.9,  4.6, -13.9,  -6.6,  -8.6],
    [ 6.9, -10.0,  5.2, -14.0,  -7.2,  -8.4],
    [ 7.3, -10.4,  5.5, -14.5,  -7.7,  -8.9],
    [ 7.9, -11.3,  5.5, -15.8,  -8.2,  -9.9],
    [ 9.6, -12.1,  5.9, -17.4,  -9.0, -11.2],
    [13.0, -13.5,  7.0, -19.6, -10.2, -13.6],
    [17.5, -15.4,  8.6, -22.6, -11.2, -17.0],
    [20.6, -17.6,  9.8, -26.0, -12.0, -22.0],
    [22.2, -21.2, 10.6, -30.0, -12.5, -28.0],
    [22.8, -34.0, 11.0, -42.0, -12.5, -42.0],
])
"""Rings around neck and shoulders, from the inside of the collar down to the chest."""
# fmt: on
_COLLAR = 2.7
"""Ring at which the collar is sewn on."""
_ROUNDNESS = 0.92
"""Exponent of the rings' half width; below 1 they bulge towards a rectangle."""


@dataclass(frozen=True, kw_only=True)
class Garment:
    """A piece of cloth."""

    vertices: Float[np.ndarray, "n 3"]
    """In centimetres."""
    triangles: Int[np.ndarray, "m 3"]
    weave: Float[np.ndarray, "n 3"]
    """Stitches counted around and down, and 1 on the collar's ribs."""


def sweater(seed: int, *, across: int = 720, down: int = 300) -> Garment:
    """Loft a sweater over the rings and lay it in soft folds.

    Args:
        seed: For the folds.
        across: Vertices around.
        down: Vertices from the collar to the chest.

    Returns:
        The sweater.
    """
    at = np.arange(len(_RINGS), dtype=float)
    t = np.linspace(0, at[-1], down)
    ring = PchipInterpolator(at, _RINGS)(t)
    half, side_y, front_z, front_y, back_z, back_y = (ring[:, k, None] for k in range(6))
    angle = np.linspace(0, 2 * np.pi, across, endpoint=False)
    cos, sin = np.cos(angle)[None], np.sin(angle)[None]
    middle = (front_z + back_z) / 2
    x = half * np.sign(sin) * np.abs(sin) ** _ROUNDNESS
    z = middle + np.where(cos > 0, front_z - middle, middle - back_z) * cos
    y = side_y + (np.where(cos > 0, front_y, back_y) - side_y) * cos**2
    noise = np.random.default_rng(seed).normal(size=(down, across))
    folds = gaussian_filter1d(noise, down / 21, axis=0, mode="nearest")
    folds = gaussian_filter1d(folds, across / 28, axis=1, mode="wrap")
    folds *= 0.16 / folds.std() * np.clip((t - 3.5) / 3, 0, 1)[:, None]
    points = np.stack([x, y + folds, z + folds], axis=-1)
    collar = (t < _COLLAR)[:, None]
    # Ribs of 2.5 mm on the collar, finer stitches below.
    around = np.where(collar, 170, 420) * angle[None] / (2 * np.pi)
    rows = np.where(collar, 0, t[:, None] * 22)
    weave = np.stack(np.broadcast_arrays(around, rows, collar.astype(float)), axis=-1)
    return Garment(
        vertices=points.reshape(-1, 3),
        triangles=grid_triangles(down, across),
        weave=weave.reshape(-1, 3),
    )


def grid_triangles(rows: int, columns: int) -> Int[np.ndarray, "m 3"]:
    """Triangles of a grid of vertices whose columns close to a ring, facing outwards."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    below, right = a + columns, b + columns
    return np.stack([a, below, right, a, right, b], axis=-1).reshape(-1, 3)
