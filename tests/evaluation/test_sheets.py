from pathlib import Path

import numpy as np
import pytest
from drawn_face import film

from speech2face.errors import InputError
from speech2face.evaluation import sheets
from speech2face.media.image import read_image


def test_frames_are_spread_evenly():
    assert sheets.frame_indices(100, 4) == [12, 37, 62, 87]
    assert sheets.frame_indices(4, 4) == [0, 1, 2, 3]


def test_telling_frames_hold_the_widest_mouths_and_come_in_order():
    opening = np.full(100, 0.01)
    opening[[30, 60, 61, 90]] = 0.3, 0.5, 0.49, 0.2

    indices = sheets.telling_indices([opening], 6)

    assert {30, 60, 90} <= set(indices)
    assert indices == sorted(set(indices))
    assert len(indices) == 6


def test_every_signal_has_a_say():
    signals = [np.zeros(100) for _ in range(3)]
    for signal, frame in zip(signals, (10, 40, 80), strict=True):
        signal[frame] = 1

    assert {10, 40, 80} <= set(sheets.telling_indices(signals, 8))


def test_a_short_video_gives_the_frames_it_has():
    assert len(sheets.telling_indices([np.zeros(3)], 12)) == 3


def test_a_tile_is_a_square_with_a_caption_line():
    wide = sheets.tile(np.full((50, 100, 3), 200, np.uint8), "x", size=64)

    assert wide.shape == (64 + 22, 64, 3)
    assert (wide[32, :] == 200).all()
    assert (wide[:15] == 24).all()


def test_a_grid_fills_its_last_row():
    tiles = [np.full((4, 5, 3), 9, np.uint8)] * 3

    laid = sheets.grid(tiles, columns=2)

    assert laid.shape == (8, 10, 3)
    assert not laid[4:, 5:].any()
    with pytest.raises(InputError, match="no pictures"):
        sheets.grid([])


def test_the_square_around_points_stays_inside_the_picture():
    image = np.arange(100 * 100 * 3, dtype=np.uint32).reshape(100, 100, 3).astype(np.uint8)
    points = np.array([[40.0, 40], [60, 60]])

    assert sheets.around(image, points, 2.0).shape == (40, 40, 3)
    assert sheets.around(image, points - 50, 2.0).shape[0] >= 2


def test_a_sheet_shows_the_frames_asked_for_and_the_recording_below(tmp_path: Path):
    video = film(tmp_path / "v.mp4", np.linspace(0, 0.4, 20))
    real = film(tmp_path / "r.mp4", np.linspace(0.4, 0, 20))
    alone, both, close = (tmp_path / f"{name}.png" for name in ("alone", "both", "close"))

    sheets.contact_sheet(video, alone, title="p", indices=[0, 19])
    sheets.contact_sheet(video, both, title="p", indices=[0, 19], real=real)
    focus = np.tile(np.array([[30.0, 40], [50, 60]]), (20, 1, 1))
    sheets.contact_sheet(video, close, title="p", indices=[0, 19], focus=focus)

    picture = read_image(alone)
    assert picture.shape == (342, 6 * 320, 3)
    assert picture[220, 160, 0] < 60
    assert picture[220, 480, 0] > 200
    pair = read_image(both)
    assert pair.shape[0] == 2 * 342
    assert pair[342 + 220, 160, 0] > 200
    zoomed = read_image(close)
    assert zoomed[160, 480, 0] > 200


def test_frames_beyond_the_end_are_refused(tmp_path: Path):
    video = film(tmp_path / "v.mp4", np.zeros(5))

    with pytest.raises(InputError, match="no frame 7"):
        sheets.pick_frames(video, [1, 7])
