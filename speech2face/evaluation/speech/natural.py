"""The rows of Speech2Landmarks on natural speech; see `evaluation.natural`."""

from pathlib import Path

import numpy as np

from speech2face import landmarks
from speech2face.evaluation.natural import (
    NOTE,
    Lips,
    NaturalClip,
    read_sensors,
    rows,
    video_clip,
    video_paths,
    with_sanity,
)
from speech2face.evaluation.tables import Table
from speech2face.evaluation.video.judge import Judge, JudgedTrack, judge_video
from speech2face.face.rig import load_rig
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.types import Speech


def natural_table(natural: Path, stage: Speech2Landmarks, judge: Judge | None) -> Table:
    """Score landmarks on sentences with lip sensors and, with a judge, on talking videos.

    Args:
        natural: The folder natural/ of the data.
        stage: What is scored.
        judge: Measures the mouths of the videos; None leaves them out.
    """
    found = _rows(read_sensors(natural), stage)
    if judge is not None:
        clips = [
            video_clip(path, lips_of(judge_video(judge, path))) for path in video_paths(natural)
        ]
        found += _rows(clips, stage)
    return Table(
        name="speech2landmarks_natural", title="Speech2Landmarks on natural speech", rows=found,
        note=NOTE,
    )  # fmt: skip


def lips_of(track: JudgedTrack) -> Lips:
    """Read opening and width of a judged video."""
    return np.stack([track.mouth_opening, track.mouth_width], 1)


def _rows(
    clips: list[NaturalClip], stage: Speech2Landmarks
) -> list[dict[str, str | float | int | None]]:
    said = {clip.name: _speak(stage, clip) for clip in clips}
    name = "speech2landmarks"
    return rows(clips, with_sanity(clips, said, name), by_group=name)


def _speak(stage: Speech2Landmarks, clip: NaturalClip) -> Lips:
    """Run the stage on the rig's resting face; nobody's face is known for the sensors."""
    rest = landmarks.from_mesh(load_rig().neutral).astype(np.float32)
    points = stage(Speech(samples=clip.samples()), rest).points
    left, right = landmarks.LIP_CORNERS[0]
    width = np.linalg.norm((points[:, right] - points[:, left])[:, :2], axis=-1)
    return np.stack([landmarks.mouth_opening(points), width / landmarks.eye_distance(points)], 1)
