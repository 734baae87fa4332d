"""A video of somebody who talks, for tests: the example's portrait, animated by the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from clips import ffmpeg

from speech2face import landmarks
from speech2face.__main__ import main
from speech2face.face.normalize import normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from speech2face.face.track import FaceTracker

EXAMPLES = Path(__file__).parents[1] / "examples"


def talking_video(folder: Path, *, seconds: float = 4.4, fps: str = "25") -> Path:
    """Make the example's portrait say the first seconds of the example's speech."""
    sound, video = folder / "said.wav", folder / "talking.mp4"
    ffmpeg("-i", str(EXAMPLES / "speech.wav"), "-t", str(seconds), str(sound))
    status = main([
        "animate", str(EXAMPLES / "portrait.png"), str(sound), "-o", str(video), "--crop",
        "--size", "192", "--fps", fps, "--pose", "still", "--progress", "none",
    ])  # fmt: skip
    assert status == 0
    return video


def with_late_sound(video: Path, seconds: float) -> Path:
    """Copy a video with its sound moved later."""
    late = video.with_name(f"late_{video.name}")
    ffmpeg(
        "-i", str(video), "-itsoffset", str(seconds), "-i", str(video), "-map", "0:v", "-map",
        "1:a", "-c:v", "copy", "-c:a", "pcm_s16le", "-f", "mov", str(late),
    )  # fmt: skip
    return late


def without_sound(video: Path) -> Path:
    """Copy a video without its sound."""
    silent = video.with_name(f"silent_{video.name}")
    ffmpeg("-i", str(video), "-an", "-c:v", "copy", str(silent))
    return silent


def mouth_openings(tracker: FaceTracker, frames: Sequence[np.ndarray]) -> np.ndarray:
    """Follow the face of a video; return how far its mouth is open in each frame."""
    face, found = None, []
    for frame in frames:
        face = tracker.follow(frame, face)
        assert face is not None
        found.append(landmarks.mouth_opening(normalize(face.mesh)))
    return np.array(found)
