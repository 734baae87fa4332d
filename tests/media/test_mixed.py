"""Sounds of several speakers become one."""

from fractions import Fraction

import numpy as np

from speech2face.media.sound.audio import open_sound
from speech2face.media.sound.mixed import MixedSound, Placed

FPS = Fraction(25)


def test_sounds_begin_when_they_are_told_to_and_are_added() -> None:
    half = np.full(8000, 0.5, np.float32)
    parts = [
        Placed(sound=open_sound((half, 16_000)), start=Fraction(0)),
        Placed(sound=open_sound((half, 16_000)), start=Fraction(1, 4)),
    ]

    mixed = MixedSound(parts, FPS)
    heard = np.concatenate([mixed.of_frame(number) for number in range(25)])

    assert parts[1].end == Fraction(3, 4)
    np.testing.assert_allclose(heard[:4000], 0.5, atol=1e-3)
    np.testing.assert_allclose(heard[4000:8000], 1.0, atol=1e-3)
    np.testing.assert_allclose(heard[8000:12_000], 0.5, atol=1e-3)
    assert not heard[12_000:].any()


def test_sounds_of_different_rates_and_channels_have_the_finest_of_both() -> None:
    low = open_sound((np.full(800, 0.25, np.float32), 8000))
    stereo = open_sound((np.full((1600, 2), 0.25, np.float32), 16_000))

    mixed = MixedSound(
        [Placed(sound=low, start=Fraction(0)), Placed(sound=stereo, start=Fraction(0))], FPS
    )
    heard = np.concatenate([mixed.of_frame(number) for number in range(2)])

    assert (mixed.format.rate, mixed.format.channels) == (16_000, 2)
    assert heard.shape == (1280, 2)
    np.testing.assert_allclose(heard[200:1000], 0.5, atol=0.02)
