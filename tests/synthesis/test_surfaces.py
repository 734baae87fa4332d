"""Nearest places, registration, and MakeHuman's clothes."""

from pathlib import Path

import numpy as np
import pytest
from drawn_head import drawn_head

from speech2face.errors import InputError
from speech2face.synthesis.heads.surfaces import Registration, Surface, fit_clothes, vertex_normals


def egg() -> tuple[np.ndarray, np.ndarray]:
    head = drawn_head()
    used, triangles = np.unique(head.parts["M_Face"], return_inverse=True)
    return head.vertices[used], triangles.reshape(-1, 3)


def test_a_point_of_a_surface_is_its_own_nearest_place():
    vertices, triangles = egg()
    middles = vertices[triangles[::500]].mean(1)

    found = Surface(vertices, triangles).nearest(middles)

    assert np.linalg.norm(found.read(vertices) - middles, axis=1).max() < 0.2
    assert np.allclose(found.weights.sum(1), 1)


def test_a_head_is_laid_over_another():
    vertices, triangles = egg()
    bent = vertices * [1.1, 0.95, 1.0] + [1.0, 2.0, 3.0]
    marks = np.random.default_rng(0).choice(len(vertices), 200, replace=False)

    register = Registration(vertices[marks], bent[marks], (vertices, triangles), (bent, triangles))

    gap = np.linalg.norm(register(vertices) - bent, axis=1)
    assert np.median(gap) < 0.1
    assert np.median(np.linalg.norm(vertices - bent, axis=1)) > 3


def test_normals_point_out_of_an_egg():
    vertices, triangles = egg()
    normals = vertex_normals(vertices, triangles)

    assert ((normals * (vertices - vertices.mean(0))).sum(1) > 0).mean() > 0.95


def test_clothes_follow_the_body(tmp_path: Path):
    body = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]])
    path = tmp_path / "hat.mhclo"
    path.write_text(
        "name hat\nx_scale 0 1 1.0\ny_scale 0 2 1.0\nz_scale 0 3 2.0\nverts 0\nmaterial x\n"
        " 2\n 0 1 2 0.5 0.5 0.0 0.1 0.2 0.3\ndelete_verts\n 1 - 2\n"
    )

    placed = fit_clothes(path, body, np.array([1.0, -1.0, -1.0]))

    assert np.allclose(placed, [[0, 2, 0], [1 + 0.2, -0.4, -0.3]])


@pytest.mark.parametrize("text", ["x_scale a b c\n", "verts 0\n99\n", "verts 0\n0 1\n"])
def test_what_are_no_clothes_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "hat.mhclo"
    path.write_text(text)

    with pytest.raises(InputError, match="no MakeHuman clothes"):
        fit_clothes(path, np.zeros((3, 3)), np.ones(3))
