import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from babble import babble, silence

from speech2face.controls.director import direct
from speech2face.controls.hearing import FRAME
from speech2face.controls.live import LiveDirector
from speech2face.controls.settings import ControlSettings
from speech2face.controls.timeline import Key, Timeline
from speech2face.errors import InputError
from speech2face.types import ControlTrack, Speech

TALK = babble(8.0)
PLAIN = ControlSettings()
FIELDS = ("emotion", "blink", "gaze", "pose", "brow", "frown", "smile")
BOUNDS = {"emotion": 0.15, "blink": 0.8, "pose": 3.0, "brow": 0.4, "frown": 0.2, "smile": 0.2}
"""How far a row may lie from the one before: emotion 3.75 a second, pose 75 degrees a second."""


def joined(*tracks: ControlTrack) -> dict[str, np.ndarray]:
    return {name: np.concatenate([getattr(t, name) for t in tracks]) for name in FIELDS}


def cut(speech: Speech, size: int) -> list[np.ndarray]:
    return [speech.samples[start : start + size] for start in range(0, len(speech.samples), size)]


def live(speech: Speech, settings: ControlSettings = PLAIN) -> dict[str, np.ndarray]:
    director = LiveDirector(settings)
    return joined(director.feed(speech.samples), director.finish())


def assert_no_jump(rows: dict[str, np.ndarray]) -> None:
    for name, most in BOUNDS.items():
        assert np.abs(np.diff(rows[name], axis=0)).max() <= most, name
    sight = rows["gaze"] + rows["pose"][:, :2]
    assert np.abs(np.diff(sight, axis=0)).max() <= 8.0  # a saccade


@pytest.mark.parametrize("size", [1, 320, 5328])
def test_the_rows_do_not_depend_on_how_the_sound_is_cut(size: int) -> None:
    speech = Speech(samples=TALK.samples[: 6_400 * (1 if size == 1 else 20) - 77])
    whole, director = live(speech), LiveDirector(PLAIN)

    pieces = joined(*[director.feed(piece) for piece in cut(speech, size)], director.finish())

    for name in FIELDS:
        np.testing.assert_allclose(pieces[name], whole[name], rtol=0, atol=1e-6)


def test_a_row_is_known_once_its_look_ahead_was_fed() -> None:
    director = LiveDirector(PLAIN)

    counts = [len(director.feed(piece)) for piece in cut(TALK, FRAME)]

    assert counts == [0] * director.late + [1] * (200 - director.late)
    assert len(director.finish()) == director.late
    assert director.late <= 7


@pytest.mark.parametrize(("samples", "rows"), [(0, 0), (1, 1), (640, 1), (641, 2), (16_000, 25)])
def test_a_row_comes_for_every_frame_of_sound_begun(samples: int, rows: int) -> None:
    assert len(live(Speech(samples=TALK.samples[:samples]))["pose"]) == rows


def test_rows_are_small_floats_within_their_bounds() -> None:
    rows = live(TALK, replace(PLAIN, emotion="happy"))

    assert {rows[name].dtype.name for name in FIELDS} == {"float32"}
    assert np.abs(rows["gaze"]).max(0)[0] <= 25
    assert rows["blink"].min() >= 0
    assert rows["blink"].max() == 1
    assert (rows["blink"][-1] == 0).all()
    assert abs(rows["emotion"][0, 1] - 1.0) <= 0.1
    np.testing.assert_allclose(rows["pose"][0], 0, atol=1e-6)
    assert_no_jump(rows)


def test_a_live_speaker_moves_about_as_a_planned_one() -> None:
    planned, heard = joined(direct(TALK, PLAIN, 200)), live(TALK)

    for name, least, most in (("pose", 0.6, 1.6), ("brow", 0.3, 3.0)):
        ratio = np.abs(np.diff(heard[name], axis=0)).mean() / (
            np.abs(np.diff(planned[name], axis=0)).mean()
        )
        assert least < ratio < most


def test_a_clip_ends_with_open_eyes_wherever_it_ends() -> None:
    for frames in range(3, 60, 7):
        rows = live(Speech(samples=TALK.samples[: frames * FRAME]), replace(PLAIN, blink="60"))
        assert (rows["blink"][-1] == 0).all()


def test_asked_blinks_come_within_a_frame() -> None:
    rows = live(TALK, replace(PLAIN, blink="0.5,1.2,7.03"))

    shut = np.flatnonzero(rows["blink"][:, 0] == 1)

    np.testing.assert_array_equal(shut[np.diff(shut, prepend=-9) > 2], [12, 30, 175])


def test_natural_blinks_come_at_the_rate_of_talk() -> None:
    director = LiveDirector(PLAIN)
    rows = joined(*[director.feed(TALK.samples) for _ in range(8)])

    shut = np.flatnonzero(np.diff((rows["blink"][:, 0] > 0.5).astype(int)) == 1) / 25

    assert 16 <= len(shut) <= 36
    assert np.diff(shut, prepend=0.0).max() < 6.0


def test_memory_stays_flat_however_long_it_hears() -> None:
    director = LiveDirector(PLAIN)
    sizes = []
    tracemalloc.start()
    for _ in range(3):
        for piece in cut(TALK, 16_000):
            director.feed(piece)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()

    assert max(sizes[1:]) - sizes[0] < 20_000


def test_steering_reaches_the_new_wishes_without_a_jump() -> None:
    director = LiveDirector(replace(PLAIN, pose="still", gaze="-15,0"))
    wishes = (
        ControlSettings(emotion="happy:1.5", gaze="20,10", blink="30"),
        ControlSettings(emotion="angry", gaze="camera", pose="still", blink="off"),
        ControlSettings(timeline=Timeline(pose=(Key(time=0.0, value=(20.0, 10.0, -10.0)),))),
    )
    tracks = [director.feed(TALK.samples)]
    for wish in wishes:
        director.steer(wish)
        tracks.append(director.feed(TALK.samples))
    rows = joined(*tracks)

    assert_no_jump(rows)
    ends = np.cumsum([len(track) for track in tracks]) - 1
    assert rows["emotion"][ends[1], 1] > 1.3
    assert rows["emotion"][ends[2], 3] > 0.9
    assert (rows["blink"][ends[1] + 20 : ends[2]] == 0).all()
    np.testing.assert_allclose(rows["pose"][ends[3]], [20, 10, -10], atol=1e-5)


def test_steering_acts_from_the_next_row_on_and_time_goes_on() -> None:
    plain, steered = LiveDirector(PLAIN), LiveDirector(PLAIN)
    first = [director.feed(TALK.samples[:48_000]) for director in (plain, steered)]
    steered.steer(replace(PLAIN, emotion="sad"))
    second = [director.feed(TALK.samples[48_000:]) for director in (plain, steered)]

    assert (second[1].emotion[0] != second[0].emotion[0]).any()
    assert len(first[0]) + len(second[0]) + plain.late == 200
    for name in ("pose", "blink", "gaze"):
        np.testing.assert_array_equal(getattr(second[1], name), getattr(second[0], name))


def test_an_interruption_drops_sound_and_nothing_jumps() -> None:
    director = LiveDirector(replace(PLAIN, emotion="happy"))
    rows = [director.feed(TALK.samples[:40_123])]
    director.interrupt()
    silent = director.idle(50)
    again = [director.feed(TALK.samples), director.finish()]

    assert len(rows[0]) == 40_123 // FRAME - director.late
    assert len(silent) == 50
    assert len(again[0]) + len(again[1]) == 200  # nothing of the dropped sound is left
    assert_no_jump(joined(*rows, silent, *again))


def test_an_idle_face_lives_and_goes_on_where_speech_ended() -> None:
    director = LiveDirector(PLAIN)
    spoken = joined(director.feed(TALK.samples[:67_456]), director.finish())
    idle = joined(*[director.idle(frames) for frames in (1, 7, 0, 700)])

    assert len(idle["pose"]) == 708
    assert_no_jump({name: np.concatenate([spoken[name], idle[name]]) for name in FIELDS})
    blinks = (np.diff((idle["blink"][:, 0] > 0.5).astype(int)) == 1).sum()
    assert 5 <= blinks <= 16
    assert (np.ptp(idle["pose"][250:], axis=0) > 0.5).all()
    assert (idle["brow"][100:] < 0.05).all()
    speed = [np.abs(np.diff(rows["pose"], axis=0)).mean() for rows in (spoken, idle)]
    assert speed[1] < 0.6 * speed[0]


def test_an_idle_face_never_repeats_itself() -> None:
    pose = LiveDirector(PLAIN).idle(1500).pose[50:]

    for lag in range(100, 1000, 5):
        assert np.abs(pose[lag:] - pose[:-lag]).max() > 0.5


def test_idling_answers_the_sound_that_was_heard_first() -> None:
    ended, idled = LiveDirector(PLAIN), LiveDirector(PLAIN)
    for director in (ended, idled):
        director.feed(TALK.samples[:50_000])

    np.testing.assert_array_equal(idled.idle(7).pose, ended.finish().pose)


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    video = tmp_path / "head.mp4"
    video.touch()
    with pytest.raises(InputError, match="has not been followed yet"):
        LiveDirector(replace(PLAIN, pose=str(video)))
    with pytest.raises(InputError, match="-1 idle frames"):
        LiveDirector(PLAIN).idle(-1)


def test_silence_keeps_the_face_alive() -> None:
    rows = live(silence(20.0))

    assert rows["blink"].max() == 1
    assert (rows["brow"] == 0).all()
    assert np.ptp(rows["pose"], axis=0).max() > 0.3
