import numpy as np
from drawn_face import track

from speech2face.evaluation.video.life import REAL, life_of, life_table

SECONDS = np.arange(200) / 25


def test_a_turning_head_is_measured_in_degrees_and_their_speed() -> None:
    yaw = 5.0 * np.sin(2 * np.pi * 0.5 * SECONDS)
    pose = np.stack([yaw, 0 * yaw, 0 * yaw], 1)

    life = life_of(track(np.full(200, 0.1), pose=pose))

    assert abs(life["yaw, deg"] - 5.0 / np.sqrt(2)) < 0.1
    assert abs(life["yaw speed, deg/s"] - 5.0 * 2 * np.pi * 0.5 * 2 / np.pi) < 0.3
    assert life["roll, deg"] < 0.1
    assert abs(life["mouth opening, mean"] - 0.1) < 1e-3


def test_blinks_are_counted_by_the_minute() -> None:
    eyes = np.ones(200)
    eyes[[40, 41, 42, 120, 121, 122]] = 0.05

    assert life_of(track(np.zeros(200), eyes=eyes))["blinks a minute"] == 15


def test_the_table_has_the_real_range_beside_each_group() -> None:
    still, talking = track(np.zeros(50)), track(np.linspace(0, 0.2, 50))

    table = life_table({"ours": [still, talking], "real given": [talking]})

    assert [row["measure"] for row in table.rows[:-1]] == list(REAL)
    assert {"real", "real 20-80 %", "ours", "ours 20-80 %", "real given"} <= table.rows[0].keys()
