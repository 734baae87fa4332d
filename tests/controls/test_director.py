from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from babble import babble, silence
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.controls.director import direct
from speech2face.controls.head_room import HeadRoom
from speech2face.controls.settings import ControlSettings
from speech2face.controls.timeline import Key, Timeline, constant
from speech2face.errors import InputError
from speech2face.types import ControlTrack, Speech

TALK = babble(20.0)
PLAIN = ControlSettings()
FIELDS = ("emotion", "blink", "gaze", "pose", "brow", "frown", "smile")


def same(first: ControlTrack, second: ControlTrack, *names: str) -> list[bool]:
    return [np.array_equal(getattr(first, name), getattr(second, name)) for name in names or FIELDS]


def test_a_clip_gets_a_row_a_frame_of_small_floats() -> None:
    track = direct(TALK, PLAIN, 500)

    assert len(track) == 500
    assert track.fps == 25
    assert {getattr(track, name).dtype.name for name in FIELDS} == {"float32"}


def test_the_same_seed_gives_the_same_controls_and_another_seed_others() -> None:
    lively = replace(PLAIN, emotion="happy")

    assert all(same(direct(TALK, lively, 500), direct(TALK, lively, 500)))
    other = same(direct(TALK, lively, 500), direct(TALK, replace(lively, seed=1), 500))

    assert not any(other[:5])  # who is happy does not frown


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        ({"emotion": "sad"}, {"emotion", "smile"}),  # who is sad does not smile
        ({"blink": "off"}, {"blink"}),
        ({"blink": "0.5,3"}, {"blink"}),
        ({"gaze": "camera"}, {"gaze"}),
        ({"pose": "still"}, {"pose", "gaze"}),  # the eyes no longer have a head to hold against
        ({"pose_strength": 0.5}, {"pose", "gaze"}),
        ({"liveliness": 0.5}, {"pose", "gaze", "brow", "frown", "smile"}),
    ],
)
def test_a_setting_touches_its_own_control_only(
    change: dict[str, object], touched: set[str]
) -> None:
    before, after = (direct(TALK, settings, 500) for settings in (PLAIN, replace(PLAIN, **change)))

    assert {name for name in FIELDS if not same(before, after, name)[0]} == touched  # bit for bit


def test_a_still_head_blinks_and_looks() -> None:
    track = direct(TALK, replace(PLAIN, pose="still", gaze="camera"), 500)

    assert (track.pose == 0).all()
    assert track.blink.max() == 1
    assert 0 < np.linalg.norm(track.gaze, axis=1).max() <= 0.5


def test_the_eyes_stay_on_the_camera_while_the_head_moves() -> None:
    track = direct(TALK, replace(PLAIN, gaze="camera"), 500)

    assert np.abs(track.pose[:, 0]).max() > 1
    assert np.abs(track.gaze + track.pose[:, :2]).max() <= 0.5


def test_the_strength_scales_the_head_alone_and_the_room_bounds_it() -> None:
    room = HeadRoom(low=(-90.0, -90.0, -90.0), high=(90.0, 90.0, 90.0))
    single, double = (
        direct(TALK, replace(PLAIN, pose_strength=s), 500, room=room).pose for s in (1.0, 2.0)
    )
    held = direct(TALK, replace(PLAIN, pose_strength=2.0), 500).pose

    np.testing.assert_allclose(double, 2 * single, rtol=1e-5)
    assert (np.abs(held).max(0) <= HeadRoom().high).all()


def test_a_face_without_liveliness_only_blinks_looks_and_feels() -> None:
    track = direct(TALK, replace(PLAIN, liveliness=0.0, emotion="happy"), 200)

    assert not any(getattr(track, name).any() for name in ("pose", "brow", "frown", "smile"))
    assert all(getattr(track, name).any() for name in ("blink", "gaze", "emotion"))


def test_an_expression_is_visible_from_the_first_frame() -> None:
    emotion = direct(TALK, replace(PLAIN, emotion="happy:0.8"), 200).emotion

    assert abs(emotion[0, 1] - 0.8) <= 0.08 + 1e-6
    assert emotion[:, 1].std() > 0.005


@settings(deadline=None, max_examples=25)
@given(
    frames=st.integers(1, 60),
    samples=st.integers(1, 40_000),
    fps=st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(1)]),
    words=st.fixed_dictionaries(
        {
            "pose": st.sampled_from(["natural", "still"]),
            "gaze": st.sampled_from(["natural", "camera", "20,10"]),
            "seed": st.integers(0, 2**40),
        }
    ),
)
def test_any_length_and_rate_gives_usable_controls(
    frames: int, samples: int, fps: Fraction, words: dict[str, Any]
) -> None:
    speech = Speech(samples=TALK.samples[:samples])

    track = direct(speech, ControlSettings(**words), frames, fps)

    assert len(track) == frames
    assert track.fps == fps
    assert np.abs(track.gaze).max(0)[0] <= 25
    assert np.abs(track.gaze).max(0)[1] <= 15
    assert (track.blink[-1] == 0).all()


def test_a_preview_shows_what_the_full_clip_will() -> None:
    full, preview = (direct(TALK, PLAIN, frames) for frames in (500, 100))

    for name in ("emotion", "gaze", "brow"):
        np.testing.assert_array_equal(getattr(preview, name)[:90], getattr(full, name)[:90])
    np.testing.assert_allclose(preview.pose[:90], full.pose[:90], atol=1e-5)
    np.testing.assert_array_equal(preview.blink[:80], full.blink[:80])


def test_silence_keeps_the_face_alive() -> None:
    track = direct(silence(10.0), PLAIN, 250)

    assert (track.brow == 0).all()
    assert track.blink.max() == 1
    assert 0.3 < np.ptp(track.pose, axis=0).max() < 12


def test_a_timeline_rules_where_no_flag_is_given() -> None:
    plan = Timeline(
        pose=(
            Key(time=0.0, value=(0.0, 0.0, 0.0)),
            Key(time=1.0, value=(8.0, 0.0, 0.0), ease="linear"),
        ),
        blink=(1.0,),
        emotion=constant(0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        expression=(Key(time=0.0, value=(0.0,)), Key(time=2.0, value=(1.0,), ease="hold")),
    )

    track = direct(TALK, replace(PLAIN, timeline=plan, blink="off"), 500)

    np.testing.assert_allclose(track.pose[[0, 12, 25, 400], 0], [0, 3.84, 8, 8], atol=1e-5)
    assert (track.blink == 0).all()  # the flag
    assert (track.emotion[:50] == 0).all()
    assert (track.brow[:50] == 0).all()
    assert track.emotion[50:, 1].min() > 0.85


def test_a_timeline_in_full_equals_the_flags_it_stands_for() -> None:
    words = {"emotion": "happy:0.5+surprised:0.3", "blink": "1,4.2", "gaze": "10,-5",
             "pose": "still"}  # fmt: skip

    by_flags = direct(TALK, ControlSettings(**words, seed=3), 500)
    table = {**words, "blink": [1, 4.2], "gaze": [10, -5]}
    by_file = direct(TALK, ControlSettings(timeline=Timeline.parse(table), seed=3), 500)

    assert all(same(by_flags, by_file))


@pytest.mark.parametrize(
    "wrong",
    [
        {"emotion": "joy"},
        {"blink": "always"},
        {"gaze": "90,0"},
        {"pose": "wild"},
        {"pose_strength": 2.5},
        {"pose_strength": float("nan")},
        {"seed": -1},
    ],
)
def test_settings_are_checked_when_they_are_made(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        ControlSettings(**wrong)


def test_no_frames_are_refused() -> None:
    with pytest.raises(InputError, match="0 frames"):
        direct(TALK, PLAIN, 0)
