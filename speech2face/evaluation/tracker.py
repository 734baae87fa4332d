"""Measure the face tracker against its teacher on people whom training never saw.

Two rows stand beside it: a mean face placed by the detector's five points (what a tracker must
beat), and the teacher itself on the mirrored picture (how well the teacher agrees with itself).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.detect import Detection, detect_faces
from speech2face.face.mirror import MIRROR
from speech2face.face.normalize import pose_of
from speech2face.face.regions import LEFT_EYE_POINTS, MOUTH_POINTS
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.face.track import FaceTracker
from speech2face.geometry import fit_similarity
from speech2face.landmarks import eye_opening, from_mesh, mouth_opening
from speech2face.media.video.video import VideoReader
from speech2face.synthesis.held_out import GRID_STRANGERS
from speech2face.training.tracker.labels import (
    Sample,
    clip_samples,
    portrait_samples,
)

_DETECTOR_POINTS = np.array([468, 473, 4, 61, 291])
"""The mesh points of MTCNN's eyes, nose tip and mouth corners."""
_LIDS = np.concatenate([LEFT_EYE_POINTS[:16], MIRROR[LEFT_EYE_POINTS[:16]]])
_GROUPS = {
    "all": np.arange(478),
    "lips": MOUTH_POINTS,
    "lids": _LIDS,
    "irises": np.arange(468, 478),
}
_CLIPS = 4
"""Clips of each held-out speaker that are followed frame by frame."""

Measure = Callable[[UInt8[np.ndarray, "height width 3"]], np.ndarray | None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one method makes of one set of pictures."""

    name: str
    errors: Float[np.ndarray, "pictures measures"]
    """Per picture: mean error of each group, then of mouth opening, eye opening and pose."""
    missed: int
    """Pictures in which it found no face."""

    def text(self) -> str:
        """Write the row of a Markdown table."""
        mean = self.errors.mean(0) if len(self.errors) else np.full(7, np.nan)
        percent = " | ".join(f"{100 * value:.2f}" for value in mean[:4])
        tail = f"{mean[4]:.4f} | {mean[5]:.4f} | {mean[6]:.2f}"
        pictures = len(self.errors) + self.missed
        return f"| {self.name} | {percent} | {tail} | {self.missed} of {pictures} |"


def evaluate(data: Path, labels: Path, task: Path) -> str:
    """Measure the shipped tracker on the held-out portraits and speakers.

    Args:
        data: Holds `portraits/` and `grid/`.
        labels: The teacher's labels of both.
        task: The teacher's task file.

    Returns:
        Markdown: a table for the portraits, and one for the videos.
    """
    tracker = FaceTracker.from_pretrained()
    mean = _mean_face(portrait_samples(data, labels, held_out=False))
    teacher = FaceMeshTeacher(task)
    methods: dict[str, Measure] = {
        "mean face on the detector's points": lambda image: _placed(mean, image),
        "tracker": lambda image: _largest(tracker, image),
        "teacher, mirrored picture": lambda image: _mirrored(teacher, image),
    }
    parts = []
    still = {
        "Held-out portraits": portrait_samples(data, labels, held_out=True),
        "Held-out speakers, single frames": clip_samples(data, labels, frames=60, held_out=True),
    }
    for title, samples in still.items():
        rows = [_row(name, method, samples) for name, method in methods.items()]
        parts.append(_table(title, rows))
    followed = _followed(tracker, data, labels)
    parts.append(_table("Held-out speakers, followed through whole clips", [followed]))
    return "\n\n".join(parts)


def compare(
    found: Float[np.ndarray, "478 3"], truth: Float[np.ndarray, "478 3"]
) -> Float[np.ndarray, " measures"]:
    """Measure one mesh against another.

    Returns:
        Mean distance in the picture of all points, lips, lids and irises over the outer-eye
        distance; absolute differences of mouth opening (inner-lip gap over outer-eye distance) and
        eye opening (aspect ratio); mean absolute difference of yaw, pitch and roll in degrees.
    """
    unit = np.linalg.norm(truth[263] - truth[33])
    distance = np.linalg.norm(found[:, :2] - truth[:, :2], axis=1) / unit
    groups = [distance[points].mean() for points in _GROUPS.values()]
    ours, theirs = from_mesh(found), from_mesh(truth)
    mouth = abs(float(mouth_opening(ours) - mouth_opening(theirs)))
    eyes = float(np.abs(eye_opening(ours) - eye_opening(theirs)).mean())
    pose = float(np.abs(pose_of(found) - pose_of(truth)).mean())
    return np.array([*groups, mouth, eyes, pose])


def _row(name: str, method: Measure, samples: list[Sample]) -> Row:
    found = [(method(sample.image), sample.mesh) for sample in samples]
    errors = [compare(mesh, truth) for mesh, truth in found if mesh is not None]
    return Row(name=name, errors=np.array(errors).reshape(-1, 7), missed=len(samples) - len(errors))


def _table(title: str, rows: list[Row]) -> str:
    head = (
        f"**{title}**\n\n"
        "| | all % | lips % | lids % | irises % | mouth opening | eye opening | pose ° | missed |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(row.text() for row in rows)


def _followed(tracker: FaceTracker, data: Path, labels: Path) -> Row:
    errors, missed = [], 0
    for clip, meshes in _held_out_clips(data, labels):
        face = None
        for frame, truth in zip(VideoReader(clip), meshes, strict=False):
            face = tracker.follow(frame, face)
            if face is None:
                missed += 1
            elif np.isfinite(truth).all():
                errors.append(compare(face.mesh, truth))
    return Row(name="tracker, following", errors=np.array(errors).reshape(-1, 7), missed=missed)


def _held_out_clips(data: Path, labels: Path) -> Iterator[tuple[Path, np.ndarray]]:
    for speaker in GRID_STRANGERS:
        for path in sorted((labels / "grid").glob(f"{speaker}_*.npz"))[:_CLIPS]:
            with np.load(path) as file:
                yield data / "grid" / speaker / f"{path.stem.partition('_')[2]}.mp4", file["mesh"]


def _largest(tracker: FaceTracker, image: np.ndarray) -> np.ndarray | None:
    faces = tracker.find(image)
    return faces[0].mesh if faces else None


def _mirrored(teacher: FaceMeshTeacher, image: np.ndarray) -> np.ndarray | None:
    turned = np.ascontiguousarray(image[:, ::-1])
    teacher.reset()
    seen = teacher(turned) and teacher(turned)
    if seen is None:
        return None
    mesh = seen.mesh[MIRROR].copy()
    mesh[:, 0] = image.shape[1] - 1 - mesh[:, 0]
    return mesh


def _mean_face(samples: list[Sample]) -> Float[np.ndarray, "478 3"]:
    """Average meshes, each brought onto the first by its detector points."""
    first = samples[0].mesh
    return np.mean([_onto(sample.mesh, first[_DETECTOR_POINTS]) for sample in samples], 0)


def _placed(mean: Float[np.ndarray, "478 3"], image: np.ndarray) -> np.ndarray | None:
    detections: list[Detection] = detect_faces(image)
    return _onto(mean, detections[0].points) if detections else None


def _onto(mesh: np.ndarray, five: np.ndarray) -> np.ndarray:
    """Move a mesh in the picture's plane so that its five points fall on those given."""
    scale, rotation, shift = fit_similarity(
        mesh[_DETECTOR_POINTS, :2].astype(np.float64), five[:, :2].astype(np.float64)
    )
    flat = scale * mesh[:, :2] @ rotation.T + shift
    return np.concatenate([flat, scale * mesh[:, 2:]], 1).astype(np.float32)
