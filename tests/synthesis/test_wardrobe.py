import numpy as np

from speech2face.synthesis.heads.wardrobe import grid_triangles, sweater


def test_a_closed_grid_has_an_edge_between_its_last_and_its_first_column():
    triangles = grid_triangles(2, 3)
    assert len(triangles) == 6
    assert any({2, 0} <= set(triangle) for triangle in triangles.tolist())


def test_the_sweater_leaves_room_for_the_neck_and_covers_the_shoulders():
    knit = sweater(1, across=60, down=40)
    grid = knit.vertices.reshape(40, 60, 3)
    assert np.abs(grid[0, :, 0]).max() < 7
    assert np.abs(grid[-1, :, 0]).max() > 20
    assert grid[0, :, 1].min() > grid[-1, :, 1].max()
    assert set(np.unique(knit.weave[:, 2])) == {0.0, 1.0}


def test_folds_come_from_the_seed():
    first, again, other = (sweater(seed, across=60, down=40).vertices for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
