import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.controls.head_room import HeadRoom


@settings(deadline=None, max_examples=40)
@given(yaw=st.floats(-60, 60), pitch=st.floats(-40, 40), asked=st.floats(-200, 200))
def test_no_pose_leaves_the_room_of_any_view(yaw: float, pitch: float, asked: float) -> None:
    room = HeadRoom.around((yaw, pitch, 5.0))

    held = room.hold(np.full((1, 3), asked))[0]

    assert ((held >= np.array(room.low) - 1e-9) & (held <= np.array(room.high) + 1e-9)).all()


def test_small_poses_pass_unchanged() -> None:
    poses = np.array([[7.0, -5.0, 4.0], [0.0, 0.0, 0.0], [-8.0, 5.5, -4.5]])

    np.testing.assert_allclose(HeadRoom().hold(poses), poses)


def test_a_head_turned_aside_turns_less_both_ways() -> None:
    plain, right, left = (HeadRoom.around((yaw, 0.0, 0.0)) for yaw in (0.0, 23.0, -23.0))

    assert plain == HeadRoom()
    assert right.high[0] < 0.6 * plain.high[0]
    assert right.low[0] > 0.4 * plain.low[0]
    assert 0.4 * plain.high[1] <= right.high[1] < 0.7 * plain.high[1]
    assert right.high[0] == -left.low[0]
    assert right.low[0] == -left.high[0]
