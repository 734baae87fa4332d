import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from babble import babble, silence

from speech2face.controls import prosody
from speech2face.controls.prosody import RATE, analyse
from speech2face.types import Speech

DATA = os.environ.get("SPEECH2FACE_DATA")


@pytest.mark.parametrize("hertz", [70, 110, 180, 260, 350])
def test_the_pitch_of_a_voice_is_measured_within_one_percent(hertz: int) -> None:
    time = np.arange(16_000) / 16_000
    voice = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 10))
    samples = (0.1 * voice + 0.003 * np.random.default_rng(0).standard_normal(16_000)).astype("f4")

    _, pitch = prosody._loudness_and_pitch(samples)

    np.testing.assert_allclose(pitch[5:-5], hertz, rtol=0.01)


def test_noise_has_a_loudness_but_no_pitch() -> None:
    noise = np.random.default_rng(0).standard_normal(32_000).astype("f4") * 0.1

    energy, pitch = prosody._loudness_and_pitch(noise)

    # 100 Hz to 4 kHz is a little less than half of the band: 3 dB below -20 dB.
    np.testing.assert_allclose(energy[5:-5].mean(), -23.2, atol=0.5)
    assert (pitch > 0).mean() < 0.02


def test_blocks_leave_no_trace_in_the_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = babble(9.0).samples
    whole = prosody._loudness_and_pitch(samples)
    monkeypatch.setattr(prosody, "_BLOCK", 37)

    pieces = prosody._loudness_and_pitch(samples)

    np.testing.assert_allclose(pieces, whole, rtol=1e-4, atol=1e-3)


def test_phrases_are_found_between_pauses() -> None:
    phrases = analyse(babble(10.4)).phrases

    np.testing.assert_allclose(phrases[:, 0], [0.0, 2.6, 5.2, 7.8], atol=0.12)
    np.testing.assert_allclose(phrases[:, 1], [2.0, 4.6, 7.2, 9.8], atol=0.12)


def test_accents_lie_on_the_loud_syllables_and_apart() -> None:
    speech = babble(26.0)
    found = analyse(speech).accents
    stress = np.random.default_rng(0).uniform(0.3, 1.0, 130)  # as babble draws them

    of_accents = stress[(found[:, 0] / 0.2).astype(int)]

    assert 13 <= len(found) <= 52
    assert of_accents.mean() > stress.mean() + 0.1
    assert np.diff(found[:, 0]).min() >= 0.36
    assert ((found[:, 1] > 0) & (found[:, 1] <= 1)).all()


def test_a_falling_voice_gives_a_falling_melody() -> None:
    heard = analyse(babble(2.0))

    assert heard.pitch[5:20].mean() > heard.pitch[-25:-10].mean() + 2


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.5, 3.0])
def test_silence_has_no_speech_however_short_it_is(seconds: float) -> None:
    heard = analyse(silence(seconds))

    assert not heard.speaking.any()
    assert len(heard.phrases) == len(heard.accents) == 0
    assert (heard.pitch == 0).all()
    assert (heard.energy == -100).all()


def test_a_tenth_of_a_second_of_voice_is_speech() -> None:
    assert analyse(Speech(samples=babble(0.15).samples[800:2400])).speaking.any()


def test_memory_does_not_grow_with_the_sound_but_for_a_few_numbers_a_step() -> None:
    speech = Speech(samples=np.tile(babble(20.0).samples, 15))
    analyse(babble(1.0))  # what libraries keep once
    tracemalloc.start()
    analyse(Speech(samples=speech.samples[: 16_000 * 30]))
    _, short = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    analyse(speech)
    _, long = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    steps = (300 - 30) * RATE
    assert long - short < steps * 8 * 16


@pytest.mark.skipif(DATA is None, reason="SPEECH2FACE_DATA is not set")
def test_an_address_of_1961_is_heard_as_phrases_of_a_man() -> None:
    soundfile = pytest.importorskip("soundfile")
    path = Path(str(DATA)) / "speech" / "jfk.flac"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    from scipy.signal import resample_poly

    speech = Speech(samples=resample_poly(samples.mean(1), 16_000, rate).astype(np.float32))
    heard = analyse(speech)

    assert 4 <= len(heard.phrases) <= 9
    assert 0.4 < heard.speaking.mean() < 0.8
    assert 5 <= len(heard.accents) <= 16
