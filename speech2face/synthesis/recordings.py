"""Pairs from recordings of people speaking: GRID's clips, one fixed square a clip.

GRID (Cooke, Barker, Cunningham, Shao 2006): 3-second clips, 360 x 288 px, 25 frames a second. The
square is the one that `face.portrait` cuts from the first frame; of 75 frames those are kept that
differ most: first, widest and tightest mouth, shut eyes, then whatever adds most.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from speech2face import landmarks
from speech2face.errors import InputError, MediaError
from speech2face.face.normalize import normalize, pose_of
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.face.view import cut_view
from speech2face.media.video.video import VideoReader
from speech2face.synthesis.held_out import GRID_STEPS
from speech2face.synthesis.pairs import FRAME_SIZE, IdentityFrames
from speech2face.types import Face

FRAMES = 8
"""Frames kept of a clip."""
_GREY = 6.0
"""Some recordings begin with grey frames: the least standard deviation of a frame's colour."""

Track = Callable[[UInt8[np.ndarray, "frames height width 3"]], Float[np.ndarray, "frames 478 3"]]
"""Follows the face through a clip; NaN where there is none."""


class Recordings:
    """Makes pairs from the clips of a folder with one sub-folder a speaker."""

    kind = "grid"

    def __init__(self, data: Path, seed: int = 0, tracks: Path | None = None) -> None:
        """Look for clips.

        Args:
            data: The folder that holds `grid/`, and `models/*.task` where meshes are to be tracked.
            seed: Unused: a clip's frames are chosen by what they show.
            tracks: Meshes that were tracked already: SPEAKER_CLIP.npz with `mesh` in pixels.

        Raises:
            InputError: There are no clips.
        """
        del seed
        self._clips = {
            f"{path.parent.name}_{path.stem}": path
            for path in sorted((data / "grid").glob("*/*.mp4"))
        }
        if not self._clips:
            msg = (
                f"{data / 'grid'} holds no clips (SPEAKER/*.mp4); expected the GRID corpus; "
                "give the folder above it"
            )
            raise InputError(msg)
        self._tracks = tracks
        self._models = data / "models"
        self._teacher: FaceMeshTeacher | None = None
        speakers: dict[str, list[str]] = {}
        for name in self._clips:
            speakers.setdefault(name.partition("_")[0], []).append(name)
        self._held_out = {
            name
            for speaker, step in GRID_STEPS.items()
            for name in speakers.get(speaker, [])[::step]
        }

    def names(self, count: int | None = None) -> list[str]:
        """Name the clips, the speakers in turn, so that the first ones are many people."""
        speakers: dict[str, list[str]] = {}
        for name in self._clips:
            speakers.setdefault(name.partition("_")[0], []).append(name)
        order = sorted(
            (index, speaker, name)
            for speaker, names in speakers.items()
            for index, name in enumerate(names)
        )
        return [name for _, _, name in order][:count]

    def make(self, name: str) -> IdentityFrames | None:
        """Cut a clip's frames; None where its face is lost."""
        frames = np.stack(list(VideoReader(self._clips[name])))
        meshes = self._track(name, frames)
        try:
            return frames_of_clip(
                frames, meshes, identity=name.partition("_")[0], held_out=name in self._held_out
            )
        except InputError:
            return None

    def _track(self, name: str, frames: np.ndarray) -> Float[np.ndarray, "frames 478 3"]:
        if self._tracks is not None:
            path = self._tracks / f"{name}.npz"
            try:
                with np.load(path) as file:
                    return file["mesh"]
            except (OSError, KeyError, ValueError) as error:
                msg = (
                    f"{path} holds no tracked meshes ({error}); expected an npz file with `mesh`; "
                    "leave the tracks out to track anew"
                )
                raise InputError(msg) from error
        if self._teacher is None:
            tasks = sorted(self._models.glob("*.task"))
            if not tasks:
                msg = (
                    f"{self._models} holds no face landmarker (*.task), which finds the meshes; "
                    "put one there, or give the meshes"
                )
                raise MediaError(msg)
            self._teacher = FaceMeshTeacher(tasks[0])
        self._teacher.reset()
        faces = [self._teacher(frame) for frame in frames]
        lost = np.full((landmarks.MESH_POINTS, 3), np.nan, np.float32)
        return np.stack([lost if face is None else face.mesh for face in faces])


def frames_of_clip(
    frames: UInt8[np.ndarray, "frames height width 3"],
    meshes: Float[np.ndarray, "frames 478 3"],
    *,
    identity: str,
    held_out: bool,
    count: int = FRAMES,
) -> IdentityFrames:
    """Cut the frames of a clip that differ most, all by the same square.

    Args:
        frames: Of the clip.
        meshes: In pixels of the frames; NaN where there is no face.
        identity: Who speaks.
        held_out: Whether nothing may be trained on it.
        count: Frames to keep.

    Raises:
        InputError: The face is lost in too many frames.
    """
    length = min(len(frames), len(meshes))
    usable = np.isfinite(meshes[:length]).all((1, 2)) & (
        frames[:length, ::8, ::8].std((1, 2, 3)) > _GREY
    )
    kept = np.flatnonzero(usable)
    if len(kept) < max(count, length // 2):
        msg = (
            f"the face is seen in {len(kept)} of {length} frames; expected half of them and "
            f"{count} or more; leave that clip out"
        )
        raise InputError(msg)
    chosen = kept[choose_frames(meshes[kept], count)]
    portrait = cut_view(frames[chosen[0]], _face(meshes[chosen[0]]), FRAME_SIZE)
    crops = [cut_view(frames[index], portrait.face, FRAME_SIZE).crop for index in chosen]
    placed = [replace(portrait, face=_face(meshes[index])).mesh for index in chosen]
    return IdentityFrames(
        kind=Recordings.kind,
        identity=identity,
        held_out=held_out,
        frames=np.stack(crops),
        meshes=np.stack(placed),
        pose=np.stack([pose_of(mesh) for mesh in placed]).astype(np.float32),
    )


def choose_frames(
    meshes: Float[np.ndarray, "frames 478 3"], count: int
) -> Int[np.ndarray, " chosen"]:
    """Choose the first frame, extremes of mouth and lids, then by farthest-point sampling.

    Args:
        meshes: One a frame, none missing.
        count: How many; the result is in this order, not in that of time.
    """
    points = np.stack([normalize(mesh) for mesh in meshes])
    opening = landmarks.mouth_opening(points)
    lids = landmarks.eye_opening(points).mean(1)
    chosen = list(
        dict.fromkeys([0, int(opening.argmax()), int(lids.argmin()), int(opening.argmin())])
    )[:count]
    # Lips in all directions, and lids; brows and the head hardly move in this corpus.
    mouth = points[:, landmarks.MOUTH, :2].reshape(len(points), -1)
    seen = np.concatenate([mouth, lids[:, None]], 1)
    while len(chosen) < count:
        gaps = np.linalg.norm(seen[:, None] - seen[None, chosen], axis=-1).min(1)
        chosen.append(int(gaps.argmax()))
    return np.array(chosen)


def _face(mesh: Float[np.ndarray, "478 3"]) -> Face:
    box = np.concatenate([mesh[:, :2].min(0), mesh[:, :2].max(0)]).astype(np.float32)
    return Face(mesh=mesh.astype(np.float32), box=box, score=1.0)
