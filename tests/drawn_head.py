"""A head of simple shapes in the place of the scanned one, which is not in the repository."""

import numpy as np

from speech2face.synthesis.heads.head_assets import LANDMARKS, Head
from speech2face.synthesis.heads.wardrobe import grid_triangles

BROWS = [(1.2, 6.0), (2.4, 6.3), (3.8, 6.3), (4.9, 6.0), (5.8, 5.2)]
LIPS = [(-2.5, -3.5), (-1.7, -2.8), (-0.7, -2.4), (0, -2.5), (0.7, -2.4), (1.7, -2.8), (2.5, -3.5)]
LOWER = [(1.8, -4.1), (1.0, -4.3), (0, -4.4), (-1.0, -4.3), (-1.8, -4.1)]


def _ball(centre: tuple, radii: tuple, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    polar, around = np.meshgrid(
        np.linspace(0.01, np.pi - 0.01, rows),
        np.linspace(0, 2 * np.pi, columns, endpoint=False),
        indexing="ij",
    )
    x, z = np.sin(polar) * np.sin(around), np.sin(polar) * np.cos(around)
    points = np.stack([x, np.cos(polar), z], axis=-1).reshape(-1, 3)
    return points * np.array(radii) + np.array(centre), grid_triangles(rows, columns)


def drawn_head() -> Head:
    """Build it: an egg for the skin, balls for the eyes, two fans for lashes."""
    marks = np.zeros((68, 3))
    marks[17:22, :2] = [(-x, y) for x, y in BROWS[::-1]]
    marks[22:27, :2] = BROWS
    marks[48:60, :2] = LIPS + LOWER
    filler = np.zeros((LANDMARKS.max() + 1, 3))
    filler[LANDMARKS] = marks
    points, parts, uv = [filler], {}, []
    count = len(filler)

    def add(name: str, vertices: np.ndarray, triangles: np.ndarray) -> None:
        nonlocal count
        parts[name] = triangles + count
        points.append(vertices)
        count += len(vertices)

    add("M_Face", *_ball((0, 2, 1.5), (7.6, 11.5, 10.0), 120, 160))
    parts["M_BackHead"] = np.zeros((0, 3), int)
    add("M_IrisLeft", *_ball((3.2, 3.5, 8.0), (1.4, 1.4, 1.4), 60, 60))
    add("M_IrisRight", *_ball((-3.2, 3.5, 8.0), (1.4, 1.4, 1.4), 60, 60))
    lash_triangles, lash_points = [], []
    for k, side in enumerate((-1, 1)):
        u, v = np.meshgrid(np.arange(19), np.arange(6), indexing="ij")
        fan = np.stack([side * (2 + u * 0.15), 4 + 0.05 * v, 9 + 0.2 * v], axis=-1).reshape(-1, 3)
        i = (u[:-1, :-1] * 6 + v[:-1, :-1]).ravel()
        square = np.stack([i, i + 1, i + 6, i + 1, i + 7, i + 6], axis=-1).reshape(-1, 3)
        lash_triangles.append(square + k * len(fan))
        lash_points.append(fan)
        uv.append(np.stack([u * 0.02 + 0.5 * k, 1 - 0.03 * v], axis=-1).reshape(-1, 2))
    lash_uv = np.concatenate([np.zeros((count, 2)), *uv])
    add("M_EyeLashes", np.concatenate(lash_points), np.concatenate(lash_triangles))
    vertices = np.concatenate(points)
    return Head(rest=vertices, vertices=vertices.copy(), parts=parts, lash_uv=lash_uv)
