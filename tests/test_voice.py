import numpy as np
import pytest

from speech2face.stages.voice import Gate, voice_activity
from speech2face.types import Speech


def syllables(seconds: float) -> np.ndarray:
    """Make something voiced: harmonics of 120 Hz under four formant-like bumps, four a second."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    tone = sum(
        np.sin(2 * np.pi * 120 * n * time) * np.exp(-((n - 5) ** 2) / 40) for n in range(1, 30)
    )
    return (0.05 * tone * (0.4 + 0.6 * np.abs(np.sin(2 * np.pi * 2 * time)))).astype(np.float32)


def recording(noise: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    silence = np.zeros(32_000, np.float32)
    sound = np.concatenate([silence, syllables(3), silence, syllables(2), silence])
    return (sound + noise * rng.standard_normal(len(sound))).astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.02], ids=["clean", "hiss", "10 dB"])
def test_speech_is_told_from_silence(noise: float):
    activity = voice_activity(Speech(samples=recording(noise)))

    spoken = np.zeros(len(activity), bool)
    spoken[50:125] = spoken[175:225] = True
    edge = np.convolve(np.abs(np.diff(spoken, prepend=False)), np.ones(9), "same") > 0
    right = (activity > 0.5) == spoken
    assert right[~edge].mean() > 0.95


@pytest.mark.parametrize("gain", [0.1, 3.0])
def test_activity_does_not_depend_on_gain(gain: float):
    quiet, loud = (
        voice_activity(Speech(samples=recording(1e-3) * np.float32(g))) for g in (1, gain)
    )

    np.testing.assert_allclose(loud, quiet, atol=0.02)


def test_digital_silence_and_plain_noise_hold_no_speech():
    noise = np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * 0.1

    assert not voice_activity(Speech(samples=np.zeros(48_000, np.float32))).any()
    assert voice_activity(Speech(samples=noise)).max() < 0.3


@pytest.mark.parametrize("samples", [0, 1, 639, 640, 641, 16_000])
def test_there_is_one_value_for_every_frame_begun(samples: int):
    activity = voice_activity(Speech(samples=np.full(samples, 0.1, np.float32)))

    assert len(activity) == max(1, -(-samples // 640))


def test_a_long_sound_is_heard_as_its_parts_are():
    sound = np.tile(recording(1e-3), 6)
    assert len(sound) > 60 * 16_000, "longer than a block"

    activity = voice_activity(Speech(samples=sound))

    frames = len(activity) // 6
    np.testing.assert_allclose(
        activity[frames + 3 : 2 * frames - 3], activity[5 * frames + 3 : 6 * frames - 3], atol=0.05
    )


def test_the_gate_opens_fast_and_closes_gently():
    weights = Gate()(np.repeat([-6.0, 6.0, -6.0], 25))

    assert weights[24] < 0.01
    assert weights[27] > 0.9
    assert 0.3 < weights[52] < 0.9
    assert weights[74] < 0.01
    assert np.abs(np.diff(weights[50:])).max() < 0.3


def test_the_gate_remembers_between_calls():
    logits = np.random.default_rng(0).normal(size=40) * 3
    one, other = Gate(), Gate()

    whole = one(logits)
    parts = np.concatenate([other(logits[:7]), other(logits[7:8]), other(logits[8:])])

    np.testing.assert_allclose(parts, whole)
