"""Small made-up corpora of speech for tests of the training."""

from pathlib import Path

import numpy as np

from speech2face import landmarks
from speech2face.face.rig import load_rig
from speech2face.models.hearing import HearingConfig
from speech2face.models.speech2landmarks import Speech2LandmarksConfig
from speech2face.training.speech.data import STEP, Stretch, write_stretch

TINY_HEARING = HearingConfig(width=16, heads=2, layers=2, ahead=(2, 1), behind=6)
TINY_LIPS = Speech2LandmarksConfig(
    hearing=TINY_HEARING, channels=8, hidden=12, condition=4, members=1
)
"""Answers 80 ms late: two steps."""
TINY_LIPS_TOML = """[network]
members = 1
channels = 8
hidden = 12
condition = 4
[network.hearing]
width = 16
heads = 2
layers = 2
ahead = [2, 1]
behind = 6
"""


def rest_face() -> np.ndarray:
    """Return the rig's resting landmarks."""
    return landmarks.from_mesh(load_rig().neutral).astype(np.float32)


def stretch(name: str, speaker: str, frames: int = 75, seed: int = 0) -> Stretch:
    """Make a clip whose lower lip falls as loud as its tone is."""
    rng = np.random.default_rng(seed)
    loudness = np.clip(np.convolve(rng.standard_normal(frames), np.ones(5) / 2, "same"), 0, 1)
    loudness[:8] = loudness[-8:] = 0
    time = np.arange(frames * STEP) / 16_000
    envelope = np.repeat(loudness, STEP)
    tone = 0.3 * envelope * np.sin(2 * np.pi * (200 + 30 * seed) * time)
    samples = (tone + 1e-3 * rng.standard_normal(len(time))).astype(np.float32)
    offsets = np.zeros((frames, 70, 3), np.float32)
    offsets[:, 65:68, 1] = offsets[:, 55:60, 1] = 0.12 * loudness[:, None]
    offsets[:, 6:11, 1] = 0.08 * loudness[:, None]
    spoken = (loudness > 0).astype(np.int8)
    return Stretch(
        name=name, speaker=speaker, samples=samples, offsets=offsets, rest=rest_face(),
        speech=spoken, phones=spoken * 13,
    )  # fmt: skip


def corpora(folder: Path) -> Path:
    """Write a prepared folder: three people of "grid", one other corpus, and faces."""
    for number in range(24):
        person = f"grid-s{(1, 2, 31)[number % 3]}"
        write_stretch(folder / "grid", stretch(f"s{number % 3}_{number:02d}", person, seed=number))
    for number in range(3):
        write_stretch(folder / "other", stretch(f"other_{number}", "other", 120, seed=number))
    rng = np.random.default_rng(0)
    faces = rest_face() + 0.02 * rng.standard_normal((6, 70, 3))
    np.save(folder / "faces.npy", faces.astype(np.float32))
    return folder
