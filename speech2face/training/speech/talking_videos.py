"""Turn anybody's talking videos into what Speech2Landmarks learns from: `speech2face prepare`.

Our own tracker follows the largest face, so nothing but the video is needed. What can be used are
stretches in which the face is seen from the front without a break; pose and size are taken out, the
sound is resampled, and picture and sound are laid on each other by what the shipped network expects
of the sound. The pieces have the schema of every other corpus (`speech_data.Stretch`).
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from speech2face import landmarks
from speech2face.errors import NoFaceError
from speech2face.face.normalize import pose_of
from speech2face.face.rig import load_rig
from speech2face.face.track import FaceTracker
from speech2face.media.sound.audio import read_speech
from speech2face.media.video.video import VideoReader
from speech2face.signals import resample
from speech2face.timing import MOTION_FPS
from speech2face.training.speech.data import (
    STEP,
    UNKNOWN,
    Stretch,
    closed_rest,
    fitted,
    normalize_tracks,
    write_stretch,
)

CORPUS = "own"
"""Name of the corpus, which is its folder too."""

_PIECE = 250
"""Frames at 25 fps in a piece, at most: 10 s."""
_SHORTEST = 50
"""Frames of a stretch that is worth keeping: 2 s."""
_TURNED = 30.0
"""Degrees of yaw beyond which the far half of the lips is a guess."""
_JUMP = 0.5
"""Way of a face from frame to frame, in eye distances, beyond which it is another shot."""
_FAST = 40
"""Frames a second from which every second frame is enough."""

Meshes = Float[np.ndarray, "frames 478 3"]
Follow = Callable[[int, int], None]
"""Told how many frames of how many have been looked at."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What became of a video; stored beside its pieces, last, so that it says they are whole."""

    video: str
    size: int
    """Bytes of the file."""
    speaker: str
    pieces: int
    seconds: float
    """Of speech in the pieces."""
    left_out: float
    """Seconds without a face, turned away, or too short to keep."""
    late: float
    """Frames of 40 ms by which the sound came late and was moved."""


def identity(video: Path) -> str:
    """Name a video's files: its stem, and a few digits that tell two of the same name apart."""
    stem = re.sub(r"[^\w-]+", "_", video.stem)[:60] or "video"
    return f"{stem}-{hashlib.sha1(os.fsencode(video.resolve())).hexdigest()[:8]}"  # noqa: S324


def known(video: Path, out: Path) -> Prepared | None:
    """Return what is known of a video that has been prepared already and is the same still."""
    path = out / CORPUS / f"{identity(video)}.json"
    if not path.is_file() or not video.is_file():
        return None
    try:
        facts = Prepared(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return None
    return facts if facts.size == video.stat().st_size else None


def prepare_video(
    video: Path,
    out: Path,
    tracker: FaceTracker,
    *,
    speaker: str | None = None,
    lateness: Callable[[list[Stretch]], float] | None = None,
    follow: Follow | None = None,
) -> Prepared:
    """Prepare one video.

    Args:
        video: Somebody who talks; of several faces the largest is followed.
        out: Folder of the prepared corpora.
        tracker: Finds the face.
        speaker: Who talks; without it every video is a person of its own.
        lateness: Measures by how many frames the sound of pieces is late.
        follow: Hears how far it is.

    Returns:
        What became of it; its pieces lie in `out`/own.

    Raises:
        NoFaceError: For no two seconds on end there is a face seen from the front.
        MediaError: Picture or sound cannot be decoded, or one of them is missing.
    """  # noqa: DOC502 the readers raise the last
    samples = read_speech(video).samples
    meshes, fps = follow_face(video, tracker, follow)
    runs = usable_runs(meshes)
    if not runs:
        msg = (
            f"{video} shows no face from the front for {_SHORTEST / 25:g} s on end in "
            f"{len(meshes) / float(fps):.1f} s; expected one talking person who faces the camera"
        )
        raise NoFaceError(msg)
    name, who = identity(video), speaker or identity(video)
    pieces = _pieces(meshes, fps, runs, samples, name, f"own-{who}")
    late = 0.0 if lateness is None else lateness(pieces)
    pieces = [moved_in_time(piece, late) for piece in pieces]
    for old in (out / CORPUS).glob(f"{name}_*.npz"):
        old.unlink()
    for piece in pieces:
        write_stretch(out / CORPUS, piece)
    seconds = sum(len(piece) for piece in pieces) / 25
    facts = Prepared(
        video=str(video), size=video.stat().st_size, speaker=f"own-{who}", pieces=len(pieces),
        seconds=seconds, left_out=max(0.0, round(len(meshes) / float(fps) - seconds, 2)),
        late=round(late, 2),
    )  # fmt: skip
    path = out / CORPUS / f"{name}.json"
    path.write_text(json.dumps(asdict(facts), indent=2) + "\n", encoding="utf-8")
    return facts


def follow_face(
    video: Path, tracker: FaceTracker, follow: Follow | None = None
) -> tuple[Meshes, Fraction]:
    """Track the largest face of a video; frames without one are NaN.

    Returns:
        The meshes in pixels, and how many of them there are a second.
    """
    reader = VideoReader(video)
    stride = math.ceil(reader.fps / _FAST)
    meshes: list[np.ndarray] = []
    face = None
    for index, frame in enumerate(reader):
        if index % stride == 0:
            face = tracker.follow(frame, face)
            meshes.append(np.full((478, 3), np.nan, np.float32) if face is None else face.mesh)
        if follow is not None:
            follow(index + 1, max(reader.frames, index + 1))
    return np.array(meshes, np.float32).reshape(-1, 478, 3), reader.fps / stride


def usable_runs(meshes: Meshes) -> list[tuple[int, int]]:
    """Find the runs of frames in which a face is seen from the front without a cut.

    Returns:
        First frame and the one after the last of every run.
    """
    # A lost face has no yaw, and a comparison with NaN is false: so it is not good.
    yaws = [pose_of(mesh)[0] if np.isfinite(mesh).all() else np.nan for mesh in meshes]
    good = np.abs(np.array(yaws)) <= _TURNED
    middles = landmarks.from_mesh(meshes)[:, landmarks.NOSE_BRIDGE]
    unit = landmarks.eye_distance(landmarks.from_mesh(meshes))
    way = np.linalg.norm(np.diff(middles, axis=0), axis=-1) / unit[1:]
    size = np.abs(np.diff(np.log(unit)))
    # A comparison with NaN is false: beside a lost frame there is a break anyway.
    cut = np.concatenate([[False], (way > _JUMP) | (size > _JUMP)])
    runs: list[tuple[int, int]] = []
    first: int | None = None
    for frame in range(len(meshes) + 1):
        ends = frame == len(meshes) or not good[frame] or cut[frame]
        if ends and first is not None:
            runs.append((first, frame))
            first = None
        if frame < len(meshes) and good[frame] and first is None:
            first = frame
    return [(start, end) for start, end in runs if end - start >= _SHORTEST]


def _pieces(
    meshes: Meshes,
    fps: Fraction,
    runs: list[tuple[int, int]],
    samples: Float[np.ndarray, " samples"],
    name: str,
    speaker: str,
) -> list[Stretch]:
    """Cut the runs into pieces at 25 frames a second, on one resting face."""
    tracks = normalize_tracks([meshes[first:last] for first, last in runs], load_rig().neutral)
    rest = closed_rest(np.concatenate(tracks))
    pieces = []
    for (first, _), track in zip(runs, tracks, strict=True):
        # The run begins between two frames of the motion's rate: from the first whole one on.
        start = math.ceil(first / fps * MOTION_FPS)
        ahead = float(start / MOTION_FPS * fps) - first
        frames = math.floor((len(track) - 1 - ahead) / float(fps / MOTION_FPS)) + 1
        even = resample(_from(track, ahead), fps, MOTION_FPS, frames)
        sound = fitted(samples[start * STEP :], frames)
        # Pieces of equal length: none is a scrap.
        cuts = np.linspace(0, frames, math.ceil(frames / _PIECE) + 1).astype(int)
        for low, high in pairwise(cuts):
            blank = np.full(high - low, UNKNOWN, np.int8)
            pieces.append(
                Stretch(
                    name=f"{name}_{start + low:06d}", speaker=speaker,
                    samples=sound[low * STEP : high * STEP],
                    offsets=(even[low:high] - rest).astype(np.float32), rest=rest,
                    speech=blank, phones=blank.copy(),
                )
            )  # fmt: skip
    return pieces


def _from(track: Float[np.ndarray, "frames 70 3"], ahead: float) -> np.ndarray:
    """Begin a track a part of a frame later."""
    if ahead == 0:
        return track
    return track[:-1] * np.float32(1 - ahead) + track[1:] * np.float32(ahead)


def moved_in_time(piece: Stretch, late: float) -> Stretch:
    """Return lips to the sound that is `late` frames late: they are moved, the sound stays."""
    if not late:
        return piece
    at = np.clip(np.arange(len(piece)) - late, 0, len(piece) - 1)
    left = np.floor(at).astype(int)
    right = np.minimum(left + 1, len(piece) - 1)
    part = (at - left)[:, None, None].astype(np.float32)
    moved = piece.offsets[left] * (1 - part) + piece.offsets[right] * part
    return Stretch(**{**vars(piece), "offsets": moved})
