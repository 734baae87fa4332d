"""Where faces are in every frame of a video: followed within shots, looked for after cuts."""

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from speech2face.face.choose import choose
from speech2face.face.normalize import pose_of
from speech2face.face.track import FaceTracker
from speech2face.landmarks import MESH_POINTS
from speech2face.sources.shots import ShotCounter
from speech2face.types import Face

_SEARCH = 5
"""Frames between two searches for a face that is not there: it is then followed back to them."""
_NEAR = 1.0
"""A face that comes back is the same if it lies this near to where it was, in its own widths."""
_SAME = 0.5
"""Two faces that are nearer to each other, in their own widths, are one."""
_AWAY = 25
"""Frames after which a face that was lost is chosen anew, as in a new shot."""

Image = UInt8[np.ndarray, "height width 3"]
Chooses = Callable[[Image, list[Face]], Face | None]
"""Picks, of the faces of a frame, the one that is to be followed."""


@dataclass(frozen=True, kw_only=True)
class FaceTrack:
    """One face through a video, a row a frame. Meshes lie on disk: memory stays flat."""

    meshes: Float[np.ndarray, "frames 478 3"]
    """In pixels of the frame; without meaning where the face is not seen."""
    scores: Float[np.ndarray, " frames"]
    """How sure the tracker is of the face; 0 where it is not seen."""
    shots: Int[np.ndarray, " frames"]
    """Number of the frame's shot, from 0."""

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.scores)

    @property
    def seen(self) -> Bool[np.ndarray, " frames"]:
        """Whether the face is seen in each frame."""
        return self.scores > 0

    def runs(self) -> list[slice]:
        """Return the stretches of one shot in which the face is seen without a gap."""
        seen = self.seen
        starts = seen & ~np.r_[False, seen[:-1]] | seen & (np.diff(self.shots, prepend=-1) != 0)
        ends = seen & ~np.r_[seen[1:], False] | seen & (np.diff(self.shots, append=-1) != 0)
        return [
            slice(int(start), int(end) + 1)
            for start, end in zip(np.flatnonzero(starts), np.flatnonzero(ends), strict=True)
        ]


def track_face(
    frames: Iterable[Image],
    tracker: FaceTracker,
    select: str = "largest",
    ended: Callable[[int], None] = lambda _: None,
) -> FaceTrack:
    """Follow one face through a video.

    Args:
        frames: Upright sRGB, all of one size.
        tracker: Finds and follows.
        select: Which of several faces, as `face.choose.choose` understands it; asked anew in every
            shot, and in shots without such a face none is taken.
        ended: Called with the number of frames that are done.
    """
    (track,) = track_faces(frames, tracker, [chosen_by(select)], ended)
    return track


def chosen_by(select: str) -> Chooses:
    """Return what picks the face that `face.choose.choose` understands."""

    def chooses(_: Image, faces: list[Face]) -> Face | None:
        return choose(faces, select)

    return chooses


def track_faces(
    frames: Iterable[Image],
    tracker: FaceTracker,
    chosen: Sequence[Chooses],
    ended: Callable[[int], None] = lambda _: None,
) -> list[FaceTrack]:
    """Follow several faces through a video.

    Args:
        frames: As in `track_face`.
        tracker: As there.
        chosen: Pick the faces; asked anew in every shot. One face is given to the first of them
            that follows it: it is not seen by the others.
        ended: As in `track_face`.
    """
    finds = _Finds(tracker)
    followed = [_Followed(tracker, finds, chooses) for chooses in chosen]
    with ExitStack() as files:
        held = [files.enter_context(tempfile.TemporaryFile()) for _ in followed]
        for number, image in enumerate(frames, 1):
            for one, file in zip(followed, held, strict=True):
                one.feed(image)
                one.write(file)
            ended(number)
        tracks: list[FaceTrack] = []
        for one, file in zip(followed, held, strict=True):
            one.finish()
            one.write(file)
            file.flush()
            tracks.append(_track(one, file, tracks))
    return tracks


def _track(followed: "_Followed", file: Any, others: list[FaceTrack]) -> FaceTrack:  # noqa: ANN401
    count = len(followed.scores)
    shape = (count, MESH_POINTS, 3)
    meshes = np.memmap(file, np.float32, "r", shape=shape) if count else np.zeros(shape)
    scores = np.array(followed.scores, np.float32)
    for other in others:
        both = np.flatnonzero((scores > 0) & other.seen)
        for number in both.tolist():
            one, another = meshes[number, :, :2], other.meshes[number, :, :2]
            away = np.linalg.norm(one.mean(0) - another.mean(0))
            if away < _SAME * np.ptp(another[:, 0]):
                scores[number] = 0
    return FaceTrack(meshes=meshes, scores=scores, shots=np.array(followed.shots, np.int64))


class _Finds:
    """Finds the faces of a frame once, whoever asks for them."""

    def __init__(self, tracker: FaceTracker) -> None:
        self._tracker = tracker
        self._image: Image | None = None
        self._faces: list[Face] = []

    def __call__(self, image: Image) -> list[Face]:
        if image is not self._image:
            self._image, self._faces = image, self._tracker.find(image)
        return self._faces


class _Followed:
    """Follows the face; a few frames in which it is missing wait until it is looked for again."""

    def __init__(self, tracker: FaceTracker, finds: _Finds, chooses: Chooses) -> None:
        self._tracker, self._finds, self._chooses = tracker, finds, chooses
        self._count = ShotCounter()
        self._last: Face | None = None  # in the frame before, or before it was lost
        self._lost = 0  # frames since then
        self._waiting: deque[Image] = deque()
        self._meshes: list[Float[np.ndarray, "478 3"]] = []  # not written yet
        self.scores: list[float] = []
        self.shots: list[int] = []

    def feed(self, image: Image) -> None:
        """Take the next frame."""
        shot = self._count(image)
        new = not self.shots or shot != self.shots[-1]
        if new:
            self.finish()
            self._last, self._lost = None, 0
        self.shots.append(shot)
        if self._last is not None and not self._lost:
            face = self._tracker.follow(image, self._last)
            if face is not None:
                self._add(face)
                self._last = face
                return
        self._waiting.append(image)
        if not self._lost or len(self._waiting) >= _SEARCH:
            self._search()

    def finish(self) -> None:
        """Look a last time in this shot."""
        if self._waiting:
            self._search()
        self._give_up()

    def write(self, file: Any) -> None:  # noqa: ANN401 - what TemporaryFile returns
        """Append the meshes that are known to a file."""
        for mesh in self._meshes:
            file.write(np.ascontiguousarray(mesh, np.float32).data)
        self._meshes.clear()

    def _search(self) -> None:
        """Look for the face in the last frame, and follow it back through those that wait."""
        images = list(self._waiting)
        face = self._same(images[-1], self._finds(images[-1]))
        if face is None:
            self._lost += len(images)
            self._give_up()
            return
        found, earlier = [face], face
        for image in reversed(images[:-1]):
            back = self._tracker.follow(image, earlier)
            if back is None:
                break
            found.append(back)
            earlier = back
        self._waiting.clear()
        for _ in range(len(images) - len(found)):
            self._add(None)
        for one in reversed(found):
            self._add(one)
        self._last, self._lost = face, 0

    def _same(self, image: Image, faces: list[Face]) -> Face | None:
        """Return the face that was lost a moment ago, or the one that is to be chosen."""
        last = self._last
        if last is None or self._lost > _AWAY:
            return self._chooses(image, faces)
        middle, width = (last.box[:2] + last.box[2:]) / 2, last.box[2] - last.box[0]
        away = [float(np.linalg.norm((one.box[:2] + one.box[2:]) / 2 - middle)) for one in faces]
        near = [(way, one) for way, one in zip(away, faces, strict=True) if way < _NEAR * width]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    def _give_up(self) -> None:
        for _ in self._waiting:
            self._add(None)
        self._waiting.clear()

    def _add(self, face: Face | None) -> None:
        mesh = np.zeros((MESH_POINTS, 3), np.float32) if face is None else face.mesh
        self._meshes.append(mesh)
        self.scores.append(0.0 if face is None else face.score)


def turned(meshes: Float[np.ndarray, "frames 478 3"]) -> Float[np.ndarray, " frames"]:
    """Return by how many degrees each face is turned to a side."""
    return np.array([abs(pose_of(mesh)[0]) for mesh in meshes])
