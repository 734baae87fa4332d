import numpy as np
import pytest
from spoken import rest_face, stretch

from speech2face.models.mel import MelConfig
from speech2face.training.speech.augment import (
    AugmentConfig,
    Voices,
    coloured_noise,
    dirty,
    jitter_face,
    put_on_face,
    reverberate,
    speed_up,
)

NEVER = dict.fromkeys(
    ("speed", "noise", "room", "voice", "telephone", "colour", "bands", "face"), 0.0
)


def tone(hz: float, samples: int = 16_000) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(samples) / 16_000).astype(np.float32)


def loudest(samples: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * 16_000 / len(samples))


def test_faster_speech_is_shorter_and_higher():
    fast = speed_up(tone(200), 1.25)

    assert len(fast) == 12_800
    assert loudest(fast) == pytest.approx(250, abs=2)


def test_noise_has_unit_power():
    for seed in range(8):
        noise = coloured_noise(np.random.default_rng(seed), 8000)
        assert noise.std() == pytest.approx(1, abs=1e-3)


def test_a_room_rings_on_after_the_sound():
    click = np.zeros(8000, np.float32)
    click[100] = 1

    wet = reverberate(np.random.default_rng(0), click)

    assert wet[100] == pytest.approx(1, abs=0.05)
    assert np.abs(wet[:99]).max() < 1e-6
    assert 0.005 < np.abs(wet[200:1000]).max() < 0.5


def test_noise_is_as_loud_as_it_was_drawn():
    config = AugmentConfig(**{**NEVER, "noise": 1.0}, quietest_snr=10.0, loudest_snr=10.0)
    clean = 0.1 * tone(300)

    for seed in range(6):
        rng = np.random.default_rng(seed)
        sound = dirty(rng, config, clean, tone(777))
        gain = (sound @ clean) / (clean @ clean)
        rest = sound - gain * clean
        snr = 10 * np.log10(((gain * clean) ** 2).mean() / (rest**2).mean())
        assert 9 < snr < 21, "babble is drawn 10 dB lower at most"


def test_without_any_chance_a_sound_only_changes_its_gain():
    clean = 0.1 * tone(300)

    sound = dirty(np.random.default_rng(0), AugmentConfig(**NEVER), clean, clean)

    assert np.corrcoef(sound, clean)[0, 1] > 0.999


def test_other_voices_are_other_filters():
    rng = np.random.default_rng(0)
    same = Voices(MelConfig(), AugmentConfig(**NEVER)).draw(rng)
    other = Voices(MelConfig(), AugmentConfig(**{**NEVER, "voice": 1.0})).draw(rng)
    deaf = Voices(MelConfig(), AugmentConfig(**{**NEVER, "telephone": 1.0})).draw(rng)

    np.testing.assert_array_equal(same, Voices(MelConfig(), AugmentConfig()).own)
    assert (other != same).any()
    assert deaf[:, :80].any()
    assert not deaf[:, 101:].any(), "above 4 kHz"


def test_holes_and_microphones_change_some_bands_only():
    rng = np.random.default_rng(1)
    own = Voices(MelConfig(), AugmentConfig(**NEVER)).own

    holes = Voices(MelConfig(), AugmentConfig(**{**NEVER, "bands": 1.0})).draw(rng)
    colour = Voices(MelConfig(), AugmentConfig(**{**NEVER, "colour": 1.0})).draw(rng)

    changed = (holes != own).any(1)
    assert 2 <= changed.sum() <= 10
    ratio = colour.sum(1) / own.sum(1)
    assert 0.1 < ratio.min() < 1 < ratio.max() < 10


def test_a_wider_mouth_moves_wider():
    clip = stretch("a", "b")
    rest = rest_face()
    wide = rest.copy()
    wide[48:68, 0] *= 1.2
    sideways = np.zeros_like(clip.offsets)
    sideways[:, 54, 0] = 0.1

    moved = put_on_face(sideways, rest, wide)

    np.testing.assert_allclose(moved[:, 54, 0], 0.12, atol=1e-3)
    np.testing.assert_array_equal(put_on_face(clip.offsets, rest, rest), clip.offsets)


def test_jitter_stays_small():
    rest = rest_face()

    moved = jitter_face(np.random.default_rng(0), rest)

    assert 0 < np.abs(moved - rest).max() < 0.08
