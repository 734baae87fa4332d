"""The judge: an independent tracker looks at a finished video, frame by frame.

It is the face-mesh teacher, which shares no code and no weights with the rig that drew the video.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, UInt8

from speech2face import landmarks
from speech2face.errors import NoFaceError
from speech2face.face.teacher import BLENDSHAPES, TeacherFace
from speech2face.geometry import fit_similarity, rotation_angles
from speech2face.media.video.video import VideoReader


@runtime_checkable
class Judge(Protocol):
    """Whoever follows one face from picture to picture; the face-mesh teacher does."""

    def reset(self) -> None:
        """Forget the last face."""
        ...

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> TeacherFace | None:
        """Find the face in the next picture."""
        ...


@dataclass(frozen=True, kw_only=True)
class JudgedTrack:
    """What the judge saw in a video, one row a frame."""

    meshes: Float[np.ndarray, "frames 478 3"]
    """In pixels of the video; where no face was found, interpolated from the neighbours."""
    blendshapes: Float[np.ndarray, "frames 52"]
    """Scores of `teacher.BLENDSHAPES`, 0 to 1."""
    found: Bool[np.ndarray, " frames"]
    """Whether a face was found."""
    fps: Fraction

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.meshes)

    @property
    def points(self) -> Float[np.ndarray, "frames 70 3"]:
        """The 68 + 2 landmarks, in pixels of the video."""
        return landmarks.from_mesh(self.meshes)

    @property
    def mouth_opening(self) -> Float[np.ndarray, " frames"]:
        """The inner-lip gap over the outer-eye distance."""
        return landmarks.mouth_opening(self.points)

    @property
    def mouth_width(self) -> Float[np.ndarray, " frames"]:
        """The distance of the mouth corners over the outer-eye distance."""
        points = self.points
        corners = points[:, landmarks.MOUTH][:, [0, 6]]
        return np.linalg.norm(corners[:, 1] - corners[:, 0], axis=-1) / landmarks.eye_distance(
            points
        )

    @property
    def eye_opening(self) -> Float[np.ndarray, "frames 2"]:
        """The eye aspect ratio, left and right as seen."""
        return landmarks.eye_opening(self.points)

    def score(self, name: str) -> Float[np.ndarray, " frames"]:
        """Return a blendshape's score; of a pair that differs by side, the mean of both."""
        names = [name] if name in BLENDSHAPES else [f"{name}Left", f"{name}Right"]
        return self.blendshapes[:, [BLENDSHAPES.index(each) for each in names]].mean(1)

    def pose_against(self, frame: int = 0) -> Float[np.ndarray, "frames 3"]:
        """Measure how the head is turned against one frame: yaw, pitch, roll in degrees."""
        rigid = self.meshes[:, landmarks.RIGID].astype(np.float64)
        rotations = [fit_similarity(rigid[frame], points)[1] for points in rigid]
        return rotation_angles(np.stack(rotations))


def judge_frames(
    judge: Judge, frames: Iterable[UInt8[np.ndarray, "height width 3"]], fps: Fraction
) -> JudgedTrack:
    """Look at frames in order.

    Args:
        judge: It is reset first.
        frames: RGB.
        fps: Their rate.

    Raises:
        NoFaceError: No frame shows a face.
    """
    judge.reset()
    faces = [judge(frame) for frame in frames]
    found = np.array([face is not None for face in faces], bool)
    if not found.any():
        msg = f"the judge finds no face in any of {len(faces)} frames; give a video of one face"
        raise NoFaceError(msg)
    meshes = np.stack([face.mesh for face in faces if face is not None])
    scores = np.stack([face.blendshapes for face in faces if face is not None])
    return JudgedTrack(
        meshes=_fill(meshes, found), blendshapes=_fill(scores, found), found=found, fps=fps
    )


def judge_video(judge: Judge, path: Path) -> JudgedTrack:
    """Look at a video file; see `judge_frames`."""
    reader = VideoReader(path)
    return judge_frames(judge, reader, reader.fps)


def _fill(
    rows: Float[np.ndarray, " seen *rest"], found: Bool[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames *rest"]:
    """Spread the rows of the frames that were found, interpolating linearly between them."""
    where = np.flatnonzero(found)
    position = np.interp(np.arange(len(found)), where, np.arange(len(where)))
    left = np.floor(position).astype(np.int64)
    right = np.minimum(left + 1, len(rows) - 1)
    weight = (position - left).astype(rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))
    return rows[left] * (1 - weight) + rows[right] * weight
