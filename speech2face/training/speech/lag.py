"""How late each clip's picture is against its sound, measured without the network that is trained.

Recordings put picture and sound together to a frame or so, and not alike from clip to clip: GRID's
differ by about one frame either way. A network that learns from them learns a blur. Here a ridge
regression from loudness-normalized spectra (0.32 s to both sides) to the mouth opening, fitted to
the other clips, says where in the sound a clip's movement would belong, and the best
cross-correlation says how late it is. Being fitted to all clips alike, it knows differences between
clips only: what all have in common is left in. Doubtful clips are taken to be in time.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from rich.progress import track

from speech2face import landmarks
from speech2face.models.mel import CONTEXT, LogMel, MelConfig
from speech2face.training.speech.data import Stretch, read_stretch, write_stretch

_BANDS = 40
_REACH = 8
"""Frames of 40 ms to either side that the regression hears."""
_RIDGE = 100.0
_SEARCHED = 5
"""Lags searched, frames to either side."""
_SURE = 0.5
"""Correlation at the best lag from which a lag is believed."""
_MOST = 2.0
"""Frames from which on a lag is a mistake of the estimate."""
_LIMIT = 1.3
"""Frames: more is not corrected."""
_BELIEVED = 0.8
"""Part of the measured lag that is taken out: the measure trembles by about a third of a frame."""


def in_time(stretch: Stretch) -> Stretch:
    """Move a stretch's lips to where its sound is: earlier by its measured lag."""
    if not stretch.late:
        return stretch
    offsets = at_times(stretch.offsets, np.arange(len(stretch)) + stretch.late)
    return replace(stretch, offsets=offsets, late=0.0)


def at_times(
    offsets: Float[np.ndarray, "frames 70 3"], times: Float[np.ndarray, " wanted"]
) -> Float[np.ndarray, "wanted 70 3"]:
    """Read movements between frames, linearly; the ends are held.

    Args:
        offsets: Movements.
        times: Frames, whole or not.
    """
    at = np.clip(times, 0, len(offsets) - 1)
    left = np.floor(at).astype(int)
    right = np.minimum(left + 1, len(offsets) - 1)
    part = (at - left)[:, None, None].astype(np.float32)
    return offsets[left] * (1 - part) + offsets[right] * part


def measure_lags(
    stretches: list[Stretch], *, folds: int = 5, seed: int = 0
) -> Float[np.ndarray, " stretches"]:
    """Measure by how many frames each stretch's lips are late.

    Args:
        stretches: One corpus; every person counts by the root of how many stretches there are.
        folds: A stretch is measured by a regression that was fitted to the other folds.
        seed: Decides the folds.
    """
    heard = [_describe(one) for one in track(stretches, description="hear")]
    shown = [landmarks.mouth_opening(one.rest + one.offsets) for one in stretches]
    count = Counter(one.speaker for one in stretches)
    weight = [count[one.speaker] ** -0.5 for one in stretches]
    sums = [(w * f.T @ f, w * f.T @ y) for w, f, y in zip(weight, heard, shown, strict=True)]
    fold = np.random.default_rng(seed).permutation(len(stretches)) % folds
    late = np.zeros(len(stretches))
    for number in range(folds):
        learnt = [sums[i] for i in np.flatnonzero(fold != number)]
        if not learnt:
            continue
        left = sum((one for one, _ in learnt), np.eye(heard[0].shape[1]) * _RIDGE)
        line = np.linalg.solve(left, sum(one for _, one in learnt))
        for i in np.flatnonzero(fold == number):
            late[i] = lag_of(shown[i], heard[i] @ line)
    return late


def lag_of(shown: Float[np.ndarray, " frames"], said: Float[np.ndarray, " frames"]) -> float:
    """Return by how many frames `shown` is later than `said`; 0 where it cannot be told."""
    lags = range(-_SEARCHED, _SEARCHED + 1)
    if len(shown) < 4 * _SEARCHED or min(shown.std(), said.std()) < 1e-6:  # noqa: PLR2004
        return 0.0
    found = np.array([_correlation(shown, said, lag) for lag in lags])
    best = int(found.argmax())
    if found[best] < _SURE or not 0 < best < len(found) - 1:
        return 0.0
    before, here, after = found[best - 1 : best + 2]
    lag = best - _SEARCHED + 0.5 * (before - after) / (before - 2 * here + after)
    return float(np.clip(lag, -_LIMIT, _LIMIT) * _BELIEVED) if abs(lag) < _MOST else 0.0


def _correlation(shown: np.ndarray, said: np.ndarray, lag: int) -> float:
    one = shown[max(0, lag) : len(shown) + min(0, lag)]
    other = said[max(0, -lag) : len(said) - max(0, lag)]
    return float(np.corrcoef(one, other)[0, 1])


def _describe(stretch: Stretch) -> Float[np.ndarray, "frames features"]:
    """Return the spectra of `_REACH` frames to either side of each frame, in halves of 20 ms."""
    samples = np.concatenate([np.zeros(CONTEXT, np.float32), stretch.samples])
    mel = LogMel(MelConfig(bands=_BANDS))(torch.from_numpy(samples)[None])[0].numpy()
    level = np.logaddexp.reduce(mel, 1).max()
    halves = np.maximum(mel - level, -14) / 4 + 1.5
    frames = halves.reshape(len(stretch), 2, 2, _BANDS).mean(2).reshape(len(stretch), -1)
    padded = np.pad(frames, ((_REACH, _REACH), (0, 0)), mode="edge")
    around = [padded[i : i + len(frames)] for i in range(2 * _REACH + 1)]
    return np.concatenate([*around, np.ones((len(frames), 1))], 1)


def store_lags(folder: Path) -> int:
    """Measure a prepared corpus and write every stretch again, with its lag.

    The movements stay as they were tracked; training moves them by `in_time` when it reads them.

    Returns:
        How many stretches are not in time.
    """
    paths = sorted(folder.glob("*.npz"))
    stretches = [read_stretch(path) for path in paths]
    late = measure_lags(stretches)
    for stretch, lag in zip(stretches, late, strict=True):
        write_stretch(folder, replace(stretch, late=float(lag)))
    return int((late != 0).sum())
