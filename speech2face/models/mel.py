"""Log-mel spectra whose frames never see the future, and a loudness level that follows the speaker.

Frame m is the Hann-windowed stretch of 400 samples that ends with sample (m + 1) * 160, so the
spectrum of a sound can be computed chunk by chunk. Values agree with librosa and torchaudio (Slaney
filters, power spectrum) to 1e-4.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from speech2face.errors import InputError
from speech2face.timing import SPEECH_RATE

HOP = 160
"""Samples from frame to frame: 10 ms."""
WINDOW = 400
"""Samples that a frame sees: 25 ms."""
CONTEXT = WINDOW - HOP
"""Samples before a chunk that its first frame sees."""

_FLOOR = 1e-12
"""Added to the power before the logarithm, so that digital silence has one."""
_BEND, _BEND_MEL, _OCTAVES = 1000.0, 15.0, float(np.log(6.4) / 27)
"""Slaney's scale: linear up to 1000 Hz, which is 15; then 27 steps from 1000 to 6400 Hz."""


@dataclass(frozen=True, kw_only=True)
class MelConfig:
    """What the filters are."""

    bands: int = 80
    low: float = 50.0
    """Lower edge of the first band, Hz."""
    high: float = 7600.0
    """Upper edge of the last band, Hz."""

    def __post_init__(self) -> None:
        """Check what no type can.

        Raises:
            InputError: The edges are out of order or above half the sampling rate.
        """
        if not 0 <= self.low < self.high <= SPEECH_RATE / 2:
            msg = (
                f"mel bands must lie between 0 and {SPEECH_RATE // 2} Hz, low below high; "
                f"got {self.low} to {self.high}"
            )
            raise InputError(msg)


def hz_to_mel(frequency: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Convert Hz to the mel scale of Slaney's Auditory Toolbox (1998): linear below 1 kHz."""
    logarithmic = _BEND_MEL + np.log(np.maximum(frequency, _BEND) / _BEND) / _OCTAVES
    return np.where(frequency < _BEND, frequency * (_BEND_MEL / _BEND), logarithmic)


def mel_to_hz(mel: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Convert the Slaney mel scale back to Hz."""
    above = _BEND * np.exp((mel - _BEND_MEL) * _OCTAVES)
    return np.where(mel < _BEND_MEL, mel * (_BEND / _BEND_MEL), above)


def mel_filters(config: MelConfig, stretch: float = 1.0) -> Float[np.ndarray, "bands bins"]:
    """Make triangular filters of equal area over the bins of the power spectrum.

    Args:
        config: Number and range of the bands.
        stretch: Read the spectrum at frequencies divided by this: 1.1 makes a voice sound as if its
            pitch and formants were 10 % higher. Training uses it to invent speakers.
    """
    low, high = hz_to_mel(np.array([config.low, config.high]))
    edges = mel_to_hz(np.linspace(low, high, config.bands + 2)) / stretch
    bins = np.linspace(0, SPEECH_RATE / 2, WINDOW // 2 + 1)
    ramps = edges[:, None] - bins
    widths = np.diff(edges)[:, None]
    rising, falling = -ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]
    area = 2 / (edges[2:] - edges[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * area[:, None]).astype(np.float32)


class LogMel(nn.Module):
    """Natural logarithm of the mel power spectrum."""

    window: Tensor
    filters: Tensor

    def __init__(self, config: MelConfig) -> None:
        """Build the filters; nothing here is learnt or stored."""
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        filters = torch.from_numpy(mel_filters(config))
        self.register_buffer("filters", filters, persistent=False)

    def power(self, samples: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames bins"]:
        """Compute power spectra of a sound that is preceded by `CONTEXT` samples of its past."""
        frames = samples.unfold(1, WINDOW, HOP) * self.window
        return torch.fft.rfft(frames).abs().square()

    def forward(
        self, samples: Float[Tensor, "batch samples"]
    ) -> Float[Tensor, "batch frames bands"]:
        """Analyse a sound that is preceded by `CONTEXT` samples of its past (zeros at its start).

        Args:
            samples: In [-1, 1] at 16 kHz, `CONTEXT` + 160 n of them.

        Returns:
            n frames.
        """
        return torch.log(self.power(samples) @ self.filters.mT + _FLOOR)


def log_of_power(
    power: Float[Tensor, "*batch frames bins"], filters: Float[Tensor, "*voices bands bins"]
) -> Float[Tensor, "*batch frames bands"]:
    """Finish the spectrum with other filters than the network's own (training: other speakers)."""
    return torch.log(power @ filters.mT + _FLOOR)


class Level(nn.Module):
    """Follow how loud the speaker is, so that the network sees the same sound at any gain.

    The level is the highest recent energy: it rises at once and falls by a fixed rate. Being a
    maximum it needs no loop over frames, and turning the sound up by x dB raises it by x dB.
    """

    def __init__(self, *, fall: float = 1.5, smoothing: int = 5) -> None:
        """Choose how the level falls.

        Args:
            fall: dB a second.
            smoothing: Energies are averaged over this many frames, so that a click is no speaker.
        """
        super().__init__()
        self.fall: float = fall / 10 * float(np.log(10)) * HOP / SPEECH_RATE
        self.smoothing: int = smoothing

    def start(self, mel: Float[Tensor, "batch frames bands"]) -> Float[Tensor, "batch past"]:
        """Return the state before a sound's first frame: nothing heard but that frame's energy."""
        energy = _energy(mel[:, :1]).repeat(1, self.smoothing - 1)
        return torch.cat([energy, energy[:, :1]], 1)

    def forward(
        self, mel: Float[Tensor, "batch frames bands"], past: Float[Tensor, "batch past"]
    ) -> tuple[Float[Tensor, "batch frames"], Float[Tensor, "batch past"]]:
        """Return the level at each frame and the state after the last.

        Args:
            mel: Log-mel frames.
            past: Energies of the frames before and the last level.
        """
        energy = torch.cat([past[:, :-1], _energy(mel)], 1)
        smooth = energy.unfold(1, self.smoothing, 1).mean(-1)
        fallen = self.fall * torch.arange(1, smooth.shape[1] + 1, device=mel.device)
        highest = torch.cummax(torch.cat([past[:, -1:], smooth + fallen], 1), 1).values[:, 1:]
        level = highest - fallen
        return level, torch.cat([energy[:, 1 - self.smoothing :], level[:, -1:]], 1)


def _energy(mel: Float[Tensor, "batch frames bands"]) -> Float[Tensor, "batch frames"]:
    return torch.logsumexp(mel, -1)
