"""A face that is two gray levels, and a judge that reads them: truth for the metrics.

The upper half of a picture is as bright as the eyes are open, the lower half as the mouth is. The
metrics are tested with it through real encoded videos; the real judge needs a file of its own.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from speech2face.evaluation.video.judge import JudgedTrack
from speech2face.face.teacher import BLENDSHAPES, TeacherFace
from speech2face.geometry import rotation_matrix
from speech2face.landmarks import LEFT_EYE, MESH_TO_LANDMARKS, RIGHT_EYE
from speech2face.media.video.encode import VideoWriter

WIDEST = 0.4
"""Mouth opening in eye distances at full brightness."""
EYE_DISTANCE = 100.0
"""Pixels."""
FPS = Fraction(25)
Values = np.ndarray | Sequence[float] | Sequence[Sequence[float]] | float


def mesh(opening: float = 0, eyes: float = 1, pose: tuple[float, float, float] = (0, 0, 0)):
    """Build a face of known mouth opening, which narrows it, and eye aspect ratio (0.3 * eyes)."""
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (478, 3))
    gap = 0.3 * 0.3 * eyes / 2
    for eye, x in ((LEFT_EYE, -0.5), (RIGHT_EYE, 0.2)):
        points[MESH_TO_LANDMARKS[eye]] = [
            (x, 0, 0), (x + 0.1, -gap, 0), (x + 0.2, -gap, 0),
            (x + 0.3, 0, 0), (x + 0.2, gap, 0), (x + 0.1, gap, 0),
        ]  # fmt: skip
    corner = 0.2 - opening / 4
    points[[61, 291]] = (-corner, 0.6, 0), (corner, 0.6, 0)
    for upper, lower, x in ((82, 87, -0.1), (13, 14, 0), (312, 317, 0.1)):
        points[upper] = x, 0.6 - opening / 2, 0
        points[lower] = x, 0.6 + opening / 2, 0
    turned = points @ rotation_matrix(np.array(pose, float)).T
    return (turned * EYE_DISTANCE + 150).astype(np.float32)


def track(
    opening: Values, eyes: Values = 1.0, pose: Values = (0, 0, 0), fps: Fraction = FPS,
    **scores: Values,
) -> JudgedTrack:  # fmt: skip
    """Build what a judge would see; `scores` are blendshapes by name."""
    opening = np.asarray(opening, float)
    eyes = np.broadcast_to(eyes, opening.shape)
    poses = np.broadcast_to(pose, (len(opening), 3))
    blendshapes = np.full((len(opening), len(BLENDSHAPES)), 0.05, np.float32)
    for name, values in scores.items():
        for index, channel in enumerate(BLENDSHAPES):
            if channel in {name, f"{name}Left", f"{name}Right"}:
                blendshapes[:, index] = values
    return JudgedTrack(
        meshes=np.stack([mesh(*row) for row in zip(opening, eyes, poses, strict=True)]),
        blendshapes=blendshapes,
        found=np.ones(len(opening), bool),
        fps=fps,
    )


def draw(opening: float, eyes: float = 1):
    """Draw the face."""
    image = np.empty((64, 96, 3), np.uint8)
    image[:32] = round(255 * eyes)
    image[32:] = round(255 * opening / WIDEST)
    return image


def film(path: Path, opening: Values, eyes: Values = 1.0, fps: Fraction = FPS) -> Path:
    """Write a video of the drawn face."""
    eyes = np.broadcast_to(eyes, np.shape(opening))
    with VideoWriter(path, size=(96, 64), fps=fps, sound=None, overwrite=True, tags={}) as writer:
        for values in zip(opening, eyes, strict=True):
            writer.write(draw(*values))
    return path


class DrawnJudge:
    """Reads the drawn face; a picture that is all black shows none."""

    def reset(self) -> None:
        """Nothing is remembered."""

    def __call__(self, image: np.ndarray) -> TeacherFace | None:
        if image.max() < 16:
            return None
        eyes, opening = image[4:28].mean() / 255, image[36:60].mean() / 255 * WIDEST
        return TeacherFace(
            mesh=mesh(opening, eyes), presence=1.0, blendshapes=np.zeros(52, np.float32)
        )
