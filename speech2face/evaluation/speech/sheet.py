"""Real lips, ours, and ours with the real landmarks, side by side, frame by frame.

Three rows tell two faults apart: where the third row is wrong, the drawing is; where the second
alone is wrong, the lips were read wrongly from the sound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face import landmarks, timing
from speech2face.errors import InputError
from speech2face.evaluation.sheets import around, grid, tile
from speech2face.face.choose import prepare_view
from speech2face.face.view import View
from speech2face.jobs.avatar import Parts
from speech2face.media.image import write_png
from speech2face.media.video.encode import VideoWriter
from speech2face.media.video.video import VideoReader
from speech2face.stages.landmarks2latents import landmarks2latents
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.speech.data import Stretch
from speech2face.types import ControlTrack, LandmarkTrack, Speech

ROWS = ("real", "from sound", "from truth")
"""The recording, drawn from its sound, drawn from its own landmarks."""
_SIDE = 256
"""Pixels of the square that is drawn."""
_TILE, _ACROSS = 120, 15
"""Pixels of a frame in the sheet, and frames beside each other."""
_MARGIN = 1.7
"""Side of what is shown over the spread of the lips."""

Frames = UInt8[np.ndarray, "frames size size 3"]


@dataclass(frozen=True, kw_only=True)
class Triple:
    """One clip three times, cut alike."""

    rows: tuple[Frames, Frames, Frames]
    """In the order of `ROWS`."""
    portrait: View
    """The recording's first frame, of which the drawn ones are made."""


def choose(clips: Sequence[Stretch], count: int) -> list[Stretch]:
    """Take clips of all speakers in turn, spread over each one's.

    Args:
        clips: Held-out ones.
        count: How many at most.
    """
    people = sorted({clip.speaker for clip in clips})
    share = -(-count // max(1, len(people)))
    own = [[clip for clip in clips if clip.speaker == who] for who in people]
    spread = [
        [theirs[round(i * (len(theirs) - 1) / max(1, share - 1))] for i in range(share)]
        for theirs in own
    ]
    turns = [clip for turn in zip(*spread, strict=True) for clip in turn]
    return list({clip.name: clip for clip in turns}.values())[:count]


def render(parts: Parts, stage: Speech2Landmarks, clip: Stretch, video: Path) -> Triple:
    """Draw a clip from its sound and from its real landmarks, on its own first frame.

    Args:
        parts: Whose tracker and generator are used.
        stage: Whose landmarks the second row shows.
        clip: The prepared clip.
        video: Its recording.

    Raises:
        InputError: The recording has another number of frames than the prepared clip.
    """
    recorded = list(VideoReader(video))
    if abs(len(recorded) - len(clip)) > 1:
        msg = (
            f"{video} has {len(recorded)} frames, the prepared {clip.name} {len(clip)}; expected "
            "the same; prepare the corpus again"
        )
        raise InputError(msg)
    portrait = prepare_view(recorded[0], parts.tracker, size=_SIDE, force=True)
    rest = portrait.likeness.rest
    said = stage(Speech(samples=clip.samples), rest).points[: len(clip)]
    state = parts.generator.encode([portrait])
    drawn = []
    for points in (said, rest + clip.offsets):
        track = LandmarkTrack(points=points.astype(np.float32), fps=timing.MOTION_FPS)
        calm = ControlTrack.neutral(len(clip), timing.MOTION_FPS)
        latents = landmarks2latents(parts.generator, state, portrait, track, calm)
        chunks = [
            parts.generator.render(state, latents.values[first : first + 16])
            for first in range(0, len(clip), 16)
        ]
        drawn.append(np.concatenate(chunks))
    real = np.stack([
        cv2.warpAffine(frame, portrait.to_crop, (_SIDE, _SIDE), flags=cv2.INTER_AREA)
        for frame in recorded[: len(clip)]
    ])  # fmt: skip
    return Triple(rows=(real.astype(np.uint8), drawn[0], drawn[1]), portrait=portrait)


def sheet(triple: Triple) -> UInt8[np.ndarray, "tall wide 3"]:
    """Lay all frames out around the mouth: bands of three rows, time from left to right."""
    lips = _lips(triple.portrait)
    bands = []
    for first in range(0, len(triple.rows[0]), _ACROSS):
        for name, frames in zip(ROWS, triple.rows, strict=True):
            band = [
                tile(around(frame, lips, _MARGIN), f"{name} {index}", _TILE)
                for index, frame in enumerate(frames[first : first + _ACROSS], first)
            ]
            blank = [np.zeros_like(band[0])] * (_ACROSS - len(band))
            bands.append(grid([*band, *blank], _ACROSS))
    return np.concatenate(bands)


def _lips(portrait: View) -> Float[np.ndarray, "points 2"]:
    """Return the lips, in pixels of the crop."""
    return landmarks.from_mesh(portrait.mesh)[landmarks.MOUTH, :2]


def write_sheets(
    parts: Parts,
    stage: Speech2Landmarks,
    clips: Sequence[Stretch],
    data: Path,
    out: Path,
) -> list[Path]:
    """Write for every clip a PNG of all frames and an MP4 of the three side by side, with sound.

    Args:
        parts: Tracker and generator.
        stage: What is looked at.
        clips: Held-out clips.
        data: The folder that holds grid/.
        out: Where they go.

    Returns:
        The PNGs.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for clip in clips:
        speaker, stem = clip.name.split("_", 1)
        video = data / "grid" / speaker / f"{stem}.mp4"
        triple = render(parts, stage, clip, video)
        path = out / f"{clip.name}.png"
        write_png(path, sheet(triple), overwrite=True)
        written.append(path)
        with VideoWriter(
            out / f"{clip.name}.mp4", size=(3 * _SIDE, _SIDE), fps=Fraction(timing.MOTION_FPS),
            sound=video, overwrite=True, tags={},
        ) as writer:  # fmt: skip
            for frames in zip(*triple.rows, strict=True):
                writer.write(np.concatenate(frames, 1))
    return written
