from fractions import Fraction

import numpy as np
import pytest
from drawn_face import track

from speech2face.evaluation.material import Word
from speech2face.evaluation.video import video_metrics as vm

FPS = Fraction(25)
WORDS = (
    Word(text="sil", start=0.0, end=1.0),
    Word(text="bin", start=1.0, end=1.4),
    Word(text="red", start=1.4, end=2.0),
    Word(text="sil", start=2.0, end=3.0),
)


def test_pauses_keep_away_from_words():
    pauses = vm.pauses_of_words(WORDS, 75, FPS)

    assert pauses[:21].all()
    assert not pauses[22:53].any()
    assert pauses[53:].all()


def test_lips_that_move_a_tenth_as_much_in_pauses_give_a_tenth():
    pauses = vm.pauses_of_words(WORDS, 75, FPS)
    wiggle = np.where(np.arange(75) % 2, 0.01, 0.0) * np.where(pauses, 0.1, 1)

    quiet, loud = vm.silence_ratio(track(0.1 + wiggle), pauses)

    assert quiet / loud == pytest.approx(0.1, rel=0.15)
    # The drawn mouth narrows by half of what it opens.
    assert loud == pytest.approx(0.01 * 25 * np.hypot(1, 0.5), rel=0.05)


def test_without_a_pause_there_is_no_ratio():
    assert vm.silence_ratio(track(np.zeros(5)), np.zeros(5, bool)) is None


def blinking(times: list[float], frames: int = 100, half: float = 0.12):
    seconds = np.arange(frames) / 25
    eyes = np.ones(frames)
    for time in times:
        eyes = np.minimum(eyes, np.clip(np.abs(seconds - time) / half, 0.05, 1))
    return track(np.zeros(frames), eyes=eyes)


def test_blinks_are_found_at_their_times():
    found = vm.find_blinks(blinking([0.6, 1.53, 3.0]))

    assert [blink.time for blink in found] == pytest.approx([0.6, 1.53, 3.0], abs=0.041)
    assert [blink.duration for blink in found] == pytest.approx([0.18] * 3, abs=0.02)
    assert all(blink.depth > 0.8 for blink in found)


def test_a_flicker_inside_a_blink_does_not_make_it_two():
    eyes = np.ones(50)
    eyes[20:26] = 0.6, 0.7, 0.9, 0.9, 0.7, 0.6

    assert len(vm.find_blinks(track(np.zeros(50), eyes=eyes))) == 1


def test_open_eyes_and_narrowed_eyes_do_not_blink():
    assert vm.find_blinks(track(np.zeros(50), eyes=0.4)) == []
    assert vm.find_blinks(track(np.zeros(50), eyes=np.linspace(1, 0.8, 50))) == []


def test_a_clip_may_begin_and_end_with_shut_eyes():
    eyes = np.ones(50)
    eyes[:5] = eyes[-5:] = 0.1

    found = vm.find_blinks(track(np.zeros(50), eyes=eyes))

    assert [round(blink.time, 1) for blink in found] == [0.0, 1.8]


def test_blink_errors_are_signed_and_uninvited_blinks_counted():
    found = vm.find_blinks(blinking([0.64, 2.0, 3.0]))

    late, extra = vm.blink_errors(found, [0.6, 2.0], FPS)

    assert late == pytest.approx([1, 0], abs=1)
    assert late[0] > late[1]
    assert extra == 1


def test_a_blink_that_is_missing_is_infinitely_late():
    late, extra = vm.blink_errors([], [0.6], FPS)

    assert late == [float("inf")]
    assert extra == 0


def test_a_head_that_turns_smoothly_does_not_tremble():
    frames = np.arange(50)
    smooth = np.stack([5 * np.sin(frames / 15), 0 * frames, 0 * frames], -1)
    shaky = smooth + np.random.default_rng(0).normal(0, 0.5, smooth.shape)

    calm, trembling = (vm.jitter(track(np.zeros(50), pose=pose)) for pose in (smooth, shaky))

    assert trembling > 10 * calm


def test_the_head_range_is_in_degrees():
    pose = np.stack([np.linspace(-6, 6, 101), np.zeros(101), np.linspace(0, 3, 101)], -1)

    found = vm.head_range(track(np.zeros(101), pose=pose))

    np.testing.assert_allclose(found, [10.8, 0, 2.7], atol=0.2)


TO_CROP = np.array([[1, 0, -10], [0, 1, -5]], float)


def test_an_untouched_picture_has_no_seam():
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)

    found = vm.seam([image, image], image, TO_CROP, 20)

    assert (found.outside, found.step, found.step_mean) == (0, 0, 0)


def test_a_brighter_crop_has_a_seam_of_that_step():
    image = np.full((40, 50, 3), 100, np.uint8)
    frame = image.copy()
    frame[5:25, 10:30] += 7

    found = vm.seam([image, frame], image, TO_CROP, 20)

    assert (found.outside, found.step) == (0, 7)
    assert found.step_mean == pytest.approx(3.5)


def test_a_change_that_fades_before_the_border_has_no_seam_and_one_outside_is_told():
    image = np.full((40, 50, 3), 100, np.uint8)
    faded, leaking = image.copy(), image.copy()
    faded[8:22, 13:27] += 50
    leaking[0, 0] = 103

    assert vm.seam([faded], image, TO_CROP, 20).step == 0
    assert vm.seam([leaking], image, TO_CROP, 20).outside == 3


def test_a_crop_as_large_as_the_picture_cannot_leave_a_seam():
    image = np.zeros((20, 20, 3), np.uint8)

    found = vm.seam([image + 9], image, np.eye(2, 3), 20)

    assert (found.outside, found.step) == (0, 0)


def test_closures_are_hit_only_when_the_lips_meet_at_the_word():
    opening = np.full(75, 0.1)
    opening[[24, 60, 61, 62, 63]] = 0.0
    late = np.roll(opening, 6)

    assert vm.closure_hits(track(opening), WORDS) == (1, 1)
    assert vm.closure_hits(track(late), WORDS) == (0, 1)
