import numpy as np
import pytest
from babble import babble, silence

from speech2face.controls.hearing import FRAME, Ear, Heard, RunningQuantiles, RunningSpread
from speech2face.controls.prosody import analyse
from speech2face.types import Speech


def hear(speech: Speech, ear: Ear | None = None) -> list[Heard]:
    ear = ear or Ear()
    pieces = speech.samples[: len(speech.samples) // FRAME * FRAME].reshape(-1, FRAME)
    return [ear.listen(piece, frame / 25) for frame, piece in enumerate(pieces)]


def test_running_quantiles_are_those_of_what_was_counted() -> None:
    values = np.random.default_rng(0).normal(-30.0, 6.0, 2000)
    running = RunningQuantiles(-100.0, 0.0, 0.5, memory=1e6)
    for value in values:
        running.add(value)

    found = [running.quantile(share) for share in (0.08, 0.5, 0.95)]

    np.testing.assert_allclose(found, np.quantile(values, [0.08, 0.5, 0.95]), atol=0.3)


def test_running_quantiles_forget() -> None:
    running = RunningQuantiles(-100.0, 0.0, 0.5, memory=50.0)
    for value in [-60.0] * 500 + [-20.0] * 200:
        running.add(value)

    assert abs(running.quantile(0.08) + 20.0) < 0.5


def test_a_running_spread_is_that_of_what_was_counted() -> None:
    values = np.random.default_rng(0).normal(2.0, 0.7, 3000)
    running = RunningSpread(0.0, 1.0, memory=1e9)
    for value in values:
        running.add(value)

    assert abs(running.mean - values.mean()) < 0.01
    assert abs(running.deviation - values.std()) < 0.01


@pytest.mark.parametrize("level", [0.1, 1.0, 4.0])
def test_phrases_are_known_soon_after_they_begin_and_end_at_any_level(level: float) -> None:
    talk = babble(7.8, noise=3e-4)
    heard = hear(Speech(samples=level * talk.samples))
    phrases = analyse(talk).phrases

    times = [(frame / 25, found.started, found.ended) for frame, found in enumerate(heard)]
    starts = [(known, start) for known, start, _ in times if start is not None]
    ends = [(known, end) for known, _, end in times if end is not None]

    np.testing.assert_allclose([start for _, start in starts], phrases[:, 0], atol=0.1)
    np.testing.assert_allclose([end for _, end in ends], phrases[: len(ends), 1], atol=0.12)
    assert max(known - start for known, start in starts) <= 0.12
    assert max(known - end for known, end in ends) <= 0.28


def test_accents_lie_on_loud_syllables_apart_and_known_within_a_quarter_of_a_second() -> None:
    heard = hear(babble(26.0))
    stress = np.random.default_rng(0).uniform(0.3, 1.0, 130)  # as babble draws them
    known, times, strength = np.array(
        [(frame / 25, *accent) for frame, found in enumerate(heard) for accent in found.accents]
    ).T

    assert 13 <= len(times) <= 52
    assert stress[(times / 0.2).astype(int)].mean() > stress.mean() + 0.1
    assert np.diff(times).min() >= 0.36
    assert ((strength >= 0.4) & (strength <= 1)).all()
    assert (known - times).max() <= 0.24


def test_a_falling_voice_gives_a_falling_melody() -> None:
    melody = np.array([found.melody for found in hear(babble(7.2))])

    assert melody[133:140].mean() > melody[165:175].mean() + 2  # the phrase from 5.2 s to 7.2 s


def test_nobody_is_heard_in_silence_and_in_noise() -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(16_000 * 10).astype(np.float32)

    assert all(found.talking == found.melody == 0 for found in hear(silence(3.0)))
    assert np.mean([found.talking for found in hear(Speech(samples=noise))[125:]]) < 0.02


def test_rest_ends_a_phrase_and_changes_nothing_that_is_usual() -> None:
    ear = Ear()
    hear(babble(2.0), ear)
    floor = ear._floor.quantile(0.08)

    ended = [ear.rest(2.0 + frame / 25).ended for frame in range(500)]

    assert [end for end in ended if end] == pytest.approx([2.0], abs=0.1)
    assert ear._floor.quantile(0.08) == floor
