"""How much worse lips are read through noise, a telephone, or a badly set microphone."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.signal import resample_poly

from speech2face.evaluation.speech.scores import correlation, opening
from speech2face.evaluation.tables import Cell, Table
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.speech.data import Stretch
from speech2face.types import Speech

Samples = Float[np.ndarray, " samples"]


def noisy(samples: Samples, snr: float, seed: int = 0) -> Samples:
    """Add white noise, `snr` dB below the sound."""
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    level = np.sqrt((samples**2).mean()) * 10 ** (-snr / 20)
    return (samples + noise * level).astype(np.float32)


def telephone(samples: Samples) -> Samples:
    """Take the sound down to 8 kHz and back."""
    back = resample_poly(resample_poly(samples, 1, 2), 2, 1)
    return back[: len(samples)].astype(np.float32)


CONDITIONS: dict[str, Callable[[Samples], Samples]] = {
    "as recorded": lambda samples: samples,
    "20 dB quieter": lambda samples: samples * np.float32(0.1),
    "20 dB louder": lambda samples: samples * np.float32(10),
    "white noise, 20 dB": lambda samples: noisy(samples, 20.0),
    "white noise, 10 dB": lambda samples: noisy(samples, 10.0),
    "by way of 8 kHz": telephone,
}


def conditions_table(clips: list[Stretch], stage: Speech2Landmarks) -> Table:
    """Score held-out clips under each condition.

    Args:
        clips: Held-out clips.
        stage: What is scored.
    """
    first: dict[str, Float[np.ndarray, "frames 70 3"]] = {}
    rows: list[dict[str, Cell]] = []
    for name, change in CONDITIONS.items():
        correlations, changes, sizes = [], [], []
        for clip in clips:
            points = stage(Speech(samples=change(clip.samples)), clip.rest).points[: len(clip)]
            said = points - clip.rest
            clean = first.setdefault(clip.name, said)
            real = opening(clip, clip.offsets)
            correlations.append(correlation(real, opening(clip, said), 0))
            changes.append(np.abs(said - clean).mean())
            sizes.append(np.abs(clean).mean())
        rows.append(
            {
                "sound": name,
                "r": float(np.mean(correlations)),
                "change of the movement, %": 100 * float(np.mean(changes) / np.mean(sizes)),
            }
        )
    return Table(
        name="speech2landmarks_conditions",
        title="Speech2Landmarks under other conditions",
        rows=rows,
        note="All held-out clips. Change: mean difference to the movement for the sound as "
        "recorded, of that movement's mean size.",
    )  # fmt: skip
