import librosa
import numpy as np
import pytest
import torch

from speech2face.errors import InputError
from speech2face.media.torchaudio_compat import ensure_torchaudio
from speech2face.models.mel import (
    CONTEXT,
    HOP,
    WINDOW,
    Level,
    LogMel,
    MelConfig,
    hz_to_mel,
    log_of_power,
    mel_filters,
    mel_to_hz,
)


def sound(seconds: float = 1.0, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(int(seconds * 16_000)) / 16_000
    tone = 0.3 * torch.sin(2 * torch.pi * 220 * time) * (1 + torch.sin(2 * torch.pi * 3 * time))
    return (tone + 0.01 * torch.randn(len(time), generator=generator))[None]


def heard(samples: torch.Tensor, config: MelConfig | None = None) -> torch.Tensor:
    padded = torch.nn.functional.pad(samples, (CONTEXT, 0))
    return LogMel(config or MelConfig())(padded)


def test_the_spectrum_agrees_with_librosa():
    samples = sound()

    ours = heard(samples)[0].numpy()
    theirs = librosa.feature.melspectrogram(
        y=np.pad(samples[0].numpy(), (CONTEXT, 0)), sr=16_000, n_fft=WINDOW, hop_length=HOP,
        center=False, n_mels=80, fmin=50, fmax=7600,
    )  # fmt: skip

    np.testing.assert_allclose(ours, np.log(theirs.T + 1e-12), atol=1e-4)


def test_the_spectrum_agrees_with_torchaudio():
    transforms = ensure_torchaudio().transforms
    mel = transforms.MelSpectrogram(
        16_000, n_fft=WINDOW, hop_length=HOP, center=False, n_mels=80, f_min=50, f_max=7600,
        norm="slaney", mel_scale="slaney",
    )  # fmt: skip
    samples = sound(seed=1)

    theirs = mel(torch.nn.functional.pad(samples, (CONTEXT, 0)))

    torch.testing.assert_close(heard(samples), torch.log(theirs + 1e-12).mT, atol=1e-4, rtol=0)


def test_a_sound_in_pieces_has_the_same_spectrum():
    padded = torch.nn.functional.pad(sound(), (CONTEXT, 0))
    mel = LogMel(MelConfig())

    pieces = [mel(padded[:, at : at + 640 + CONTEXT]) for at in range(0, 16_000, 640)]

    torch.testing.assert_close(torch.cat(pieces, 1), mel(padded), atol=1e-5, rtol=0)


def test_no_frame_hears_what_comes_after_it():
    early, late = sound(), sound()
    late[:, 8000:] = 0

    changed = (heard(early) - heard(late)).abs().amax((0, 2)) > 0

    assert changed.nonzero().min() == 8000 // HOP


def test_the_mel_scale_and_its_inverse_cancel():
    frequencies = np.array([20.0, 999, 1000, 1001, 7000])

    np.testing.assert_allclose(mel_to_hz(hz_to_mel(frequencies)), frequencies)
    np.testing.assert_allclose(hz_to_mel(frequencies), librosa.hz_to_mel(frequencies), rtol=1e-9)


def test_stretched_filters_hear_a_lower_tone_as_a_higher_one():
    time = torch.arange(4000) / 16_000
    low, high = (torch.sin(2 * torch.pi * hz * time)[None] for hz in (1000, 1200))
    mel = LogMel(MelConfig())
    stretched = torch.from_numpy(mel_filters(MelConfig(), 1.2))

    as_high = log_of_power(mel.power(low), stretched)

    assert as_high[0, 5].argmax() == mel(high)[0, 5].argmax()
    assert mel(low)[0, 5].argmax() < mel(high)[0, 5].argmax()


def test_filters_outside_the_spectrum_are_refused():
    with pytest.raises(InputError, match="9000"):
        MelConfig(high=9000.0)


def test_the_level_moves_with_the_gain():
    level = Level()
    quiet, loud = heard(sound()), heard(sound() * 10)

    one, _ = level(quiet, level.start(quiet))
    other, _ = level(loud, level.start(loud))

    torch.testing.assert_close(
        other - one, torch.full_like(one, float(np.log(100))), atol=1e-3, rtol=0
    )


def test_the_level_falls_slowly_in_silence_and_rises_at_once():
    level = Level(fall=1.5)
    mel = torch.full((1, 400, 80), -20.0)
    mel[:, 100:200] = 0

    found, _ = level(mel, level.start(mel))

    assert found[0, 104] - found[0, 99] > 19.9
    decibels = float(found[0, 200] - found[0, 399]) * 10 / np.log(10)
    assert decibels == pytest.approx(1.5 * 1.99, abs=0.1)


def test_the_level_does_not_care_how_a_sound_is_cut():
    level = Level()
    mel = heard(sound(2.0))

    whole, _ = level(mel, level.start(mel))
    first, state = level(mel[:, :70], level.start(mel))
    second, state = level(mel[:, 70:71], state)
    third, _ = level(mel[:, 71:], state)

    torch.testing.assert_close(torch.cat([first, second, third], 1), whole, atol=1e-5, rtol=0)
