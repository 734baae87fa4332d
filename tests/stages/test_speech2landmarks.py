from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from spoken import TINY_LIPS as TINY

from speech2face import landmarks
from speech2face.checkpoints.store import write_weights
from speech2face.errors import InputError
from speech2face.face.rig import load_rig
from speech2face.models.speech2landmarks import Speech2LandmarksNetwork
from speech2face.stages.speech2landmarks import (
    STEP,
    Speech2Landmarks,
    SpeechStream,
    meet_lips,
)
from speech2face.types import Speech

LATE = (TINY.delay + 1) * STEP
"""Samples from the beginning of a frame until it is known."""


@pytest.fixture(scope="module")
def stage() -> Speech2Landmarks:
    torch.manual_seed(0)
    return Speech2Landmarks(Speech2LandmarksNetwork(TINY).eval())


@pytest.fixture(scope="module")
def shipped() -> Speech2Landmarks:
    return Speech2Landmarks.from_pretrained()


@pytest.fixture(scope="module")
def rest() -> np.ndarray:
    return landmarks.from_mesh(load_rig().neutral).astype(np.float32)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(samples) * 0.1).astype(np.float32)


def vowels(seconds: float) -> np.ndarray:
    """Make a voice that says "a-a-a", as a formant synthesiser would."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    formants = ((700, 110), (1200, 120), (2600, 200))
    sound = np.zeros(len(time))
    for n in range(1, 40):
        strength = sum(1 / (1 + ((130 * n - f) / w) ** 2) for f, w in formants)
        sound += strength / n**0.5 * np.sin(2 * np.pi * 130 * n * time)
    return (0.1 * sound * np.clip(np.sin(2 * np.pi * 2 * time) + 0.3, 0, 1)).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 639, 640, 641, 6400, 16_001])
def test_there_is_one_frame_for_every_640_samples_begun(
    stage: Speech2Landmarks, rest: np.ndarray, samples: int
):
    track = stage(Speech(samples=noise(samples)), rest)

    assert len(track) == -(-samples // STEP)
    assert track.fps == 25


@pytest.mark.parametrize("piece", [100, 640, 1000, 7777])
def test_streaming_gives_what_the_whole_sound_gives(
    stage: Speech2Landmarks, rest: np.ndarray, piece: int
):
    sound = noise(30_000)

    whole = stage(Speech(samples=sound), rest).points
    pieces = (sound[at : at + piece] for at in range(0, len(sound), piece))
    streamed = np.concatenate(list(stage.stream(pieces, rest)))

    np.testing.assert_allclose(streamed, whole, atol=1e-4)


def test_blocks_of_a_long_sound_leave_no_seam(stage: Speech2Landmarks, rest: np.ndarray):
    sound = noise(26 * 16_000)

    blocks = stage(Speech(samples=sound), rest).points
    stream = SpeechStream(stage.network, rest)
    small = np.concatenate([stream.feed(sound[:5000]), stream.feed(sound[5000:]), stream.finish()])

    np.testing.assert_allclose(small, blocks, atol=1e-4)


def test_a_frame_is_known_its_delay_after_it_begins(stage: Speech2Landmarks, rest: np.ndarray):
    stream = SpeechStream(stage.network, rest)

    assert len(stream.feed(noise(LATE - 1))) == 0
    assert len(stream.feed(noise(1))) == 1
    assert len(stream.feed(noise(640))) == 1
    assert len(stream.finish()) == TINY.delay


def test_no_frame_answers_to_sound_further_ahead(stage: Speech2Landmarks, rest: np.ndarray):
    one = noise(20 * 640)
    other = one.copy()
    other[10 * 640 + LATE :] = 0

    first, second = (stage(Speech(samples=sound), rest).points for sound in (one, other))

    np.testing.assert_array_equal(first[:11], second[:11])
    assert (first[11:] != second[11:]).any()


def test_the_shipped_weights_look_240_ms_ahead(shipped: Speech2Landmarks):
    assert shipped.network.config.delay * 40 == 240


def test_the_shipped_mouth_opens_for_vowels_and_rests_in_silence(
    shipped: Speech2Landmarks, rest: np.ndarray
):
    pause = np.zeros(32_000, np.float32)
    sound = np.concatenate([pause, vowels(3), pause])

    points = shipped(Speech(samples=sound), rest).points

    opening = landmarks.mouth_opening(points)
    assert opening[50:125].max() > opening[:40].max() + 0.04
    np.testing.assert_allclose(points[:45], np.broadcast_to(rest, points[:45].shape), atol=0.01)
    np.testing.assert_allclose(points[150:], np.broadcast_to(rest, points[150:].shape), atol=0.01)


def test_the_shipped_weights_reproduce_their_golden_opening(
    shipped: Speech2Landmarks, rest: np.ndarray
):
    points = shipped(Speech(samples=vowels(1)), rest).points

    # Every third frame, as the weights gave it.
    golden = [0.0892, 0.1066, 0.0519, 0.001, 0.1036, 0.1122, 0.0797, 0.0012, 0.0176]
    np.testing.assert_allclose(landmarks.mouth_opening(points)[::3], golden, atol=1e-3)


def test_noise_alone_hardly_moves_the_shipped_mouth(shipped: Speech2Landmarks, rest: np.ndarray):
    for gain in (0.001, 1.0):
        points = shipped(Speech(samples=noise(80_000) * np.float32(gain)), rest).points

        assert np.abs(points - rest)[:, landmarks.MOUTH].mean() < 0.01


@pytest.mark.parametrize("gain", [0.1, 10.0])
def test_the_shipped_network_does_not_care_about_gain(
    shipped: Speech2Landmarks, rest: np.ndarray, gain: float
):
    # For as long as a voice of usual loudness is expected, quiet ones are heard as quiet.
    sound = np.concatenate([noise(32_000) * np.float32(0.01), vowels(2)])

    plain, changed = (
        shipped(Speech(samples=sound * np.float32(g)), rest).points for g in (1, gain)
    )

    assert np.abs(changed - plain)[50:].mean() < 0.15 * np.abs(plain - rest)[50:].mean()


def test_the_shipped_network_leaves_the_upper_face_alone(
    shipped: Speech2Landmarks, rest: np.ndarray
):
    points = shipped(Speech(samples=vowels(1)), rest).points

    np.testing.assert_array_equal(points[:, 17:48], np.broadcast_to(rest[17:48], (25, 31, 3)))


def test_emotion_has_no_effect_yet(shipped: Speech2Landmarks, rest: np.ndarray):
    sound = Speech(samples=vowels(1))

    happy = shipped(sound, rest, np.eye(8, dtype=np.float32)[1]).points

    np.testing.assert_array_equal(happy, shipped(sound, rest).points)


def test_lips_meet_where_a_closure_is_heard_and_only_there(rest: np.ndarray):
    open_mouth = np.zeros((4, 70, 3), np.float32)
    open_mouth[:, 55:60, 1] = open_mouth[:, 65:68, 1] = 0.1

    met = meet_lips(open_mouth, np.array([0.0, 0.05, 0.2, 0.9], np.float32))

    opening = landmarks.mouth_opening(rest + met)
    np.testing.assert_allclose(opening, [0.1, 0.1, 0.05, 0], atol=0.01)
    np.testing.assert_array_equal(met[:, 17:48], 0)


def test_lips_that_are_pressed_together_stay_so():
    pressed = np.zeros((1, 70, 3), np.float32)
    pressed[:, 65:68, 1] = -0.02

    np.testing.assert_array_equal(meet_lips(pressed, np.ones(1, np.float32)), pressed)


def test_weights_of_a_file_are_loaded(tmp_path: Path, stage: Speech2Landmarks, rest: np.ndarray):
    path = tmp_path / "tiny.safetensors"
    write_weights(path, stage.network.state_dict(), asdict(TINY))

    again = Speech2Landmarks.from_file(path)

    sound = Speech(samples=noise(6400))
    np.testing.assert_array_equal(again(sound, rest).points, stage(sound, rest).points)


def test_a_sound_without_samples_is_refused(stage: Speech2Landmarks, rest: np.ndarray):
    with pytest.raises(InputError, match="no samples"):
        stage(Speech(samples=np.zeros(0, np.float32)), rest)


def test_a_face_that_is_not_finite_is_refused(stage: Speech2Landmarks, rest: np.ndarray):
    with pytest.raises(InputError, match="not finite"):
        stage(Speech(samples=noise(640)), np.full_like(rest, np.nan))
