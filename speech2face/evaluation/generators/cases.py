"""What generators are compared on: a source picture, tracked motion, and the frames to be drawn.

*real*: held-out GRID clips; the first frame is the source, nine later frames (three runs of three)
drive. *animated*: held-out portraits moved by the warp generator, which is the truth there by
definition. *heads*: rendered heads of held-out identities with their exact meshes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from speech2face.errors import InputError
from speech2face.evaluation.material import GridClip
from speech2face.face.track import FaceTracker
from speech2face.face.view import View, cut_view
from speech2face.generators.warp.generator import WarpGenerator
from speech2face.generators.warp.latents import unpack
from speech2face.media.image import read_image
from speech2face.media.video.video import VideoReader
from speech2face.motion.follow import motion_of
from speech2face.motion.motion import Motion
from speech2face.synthesis.pairs import read_identity
from speech2face.training.tracker.animate import draw_latents
from speech2face.types import Face

SIZE = 256
"""Side of the crops that are compared."""
RUN = 3
"""Consecutive frames that belong together: as many as a second difference needs."""
_RUNS = (0.25, 0.5, 0.75)
"""Where in a clip they lie."""
_FPS = Fraction(25)
_MOST_HEAD_FRAMES = 9


@dataclass(frozen=True, kw_only=True)
class Case:
    """One source and the frames that generators must make of it."""

    name: str
    group: str
    """Which protocol it belongs to: real, animated or heads."""
    portrait: View
    """The source; its crop is what generators get."""
    meshes: Float[np.ndarray, "frames 478 3"]
    """The driving frames' meshes in pixels of the source's picture."""
    motion: Motion
    """The same motion as latents of the warp generator."""
    truth: UInt8[np.ndarray, "frames size size 3"]
    mask: Bool[np.ndarray, "size size"]
    """Where the crop shows the picture and not its continued edge."""


def real_cases(clips: Sequence[GridClip], tracker: FaceTracker, cache: Path) -> Iterator[Case]:
    """Read held-out recordings; what was tracked once is kept in `cache`."""
    for clip in clips:
        path = cache / "real" / f"{clip.name}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            frames, meshes = _tracked(clip.video, tracker)
            partial = path.with_suffix(".part.npz")
            np.savez_compressed(partial, frames=frames, meshes=meshes)
            partial.replace(path)
        with np.load(path) as file:
            frames, meshes = file["frames"], file["meshes"]
        portrait = cut_view(frames[0], _face(meshes[0]), SIZE)
        driving = meshes[0] + meshes[2:] - meshes[1]
        yield Case(
            name=clip.name, group="real", portrait=portrait, meshes=driving,
            motion=motion_of(driving, portrait, _FPS),
            truth=np.stack([_cut(portrait, frame) for frame in frames[1:]]),
            mask=_inside(portrait),
        )  # fmt: skip


def _tracked(video: Path, tracker: FaceTracker) -> tuple[np.ndarray, np.ndarray]:
    """Return the first frame and the driving ones, and their meshes.

    The first frame has two meshes: the portrait's own, looked at with care, and one as a video's
    frames are followed, so that the tracker's two habits do not look like motion.

    Raises:
        InputError: No face was found, or it was lost.
    """
    every = list(VideoReader(video))
    starts = [round(share * len(every)) - RUN // 2 for share in _RUNS]
    # Some recordings begin with grey frames.
    finds = ((index, tracker.find(every[index])) for index in range(starts[0]))
    source, first = next(((index, faces[0]) for index, faces in finds if faces), (0, None))
    chosen = [source, *(start + step for start in starts for step in range(RUN))]
    frames = [every[index] for index in chosen]
    faces = [first, *_follow(tracker, frames, first)]
    if any(face is None for face in faces):
        msg = f"the tracker lost the face of {video}; leave that clip out"
        raise InputError(msg)
    return np.stack(frames), np.stack([face.mesh for face in faces if face is not None])


def _follow(
    tracker: FaceTracker, frames: Sequence[np.ndarray], last: Face | None
) -> Iterator[Face | None]:
    for frame in frames:
        found = tracker.follow(frame, last) if last is not None else None
        # A second look from where the first ended: frames far apart are followed as well.
        last = tracker.follow(frame, found) if found is not None else None
        yield last


def animated_cases(
    portraits: Sequence[Path], tracker: FaceTracker, cache: Path, frames: int = 9
) -> Iterator[Case]:
    """Animate held-out portraits with the warp generator; deterministic by the portrait's name."""
    generator = WarpGenerator(torch.device("cpu"))
    for path in portraits:
        kept = cache / "animated" / f"{path.stem}.npy"
        image = read_image(path)
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            face = next(iter(tracker.find(image)), None)
            if face is None:
                continue
            np.save(kept, face.mesh)
        portrait = cut_view(image, _face(np.load(kept)), SIZE)
        seed = int("".join(filter(str.isdigit, path.stem)) or 0)
        values = draw_latents(generator.rig, frames, np.random.default_rng(seed))
        state, motion = generator.encode([portrait]), unpack(values, _FPS)
        posed = to_picture(state.points.meshes(motion), portrait)
        yield Case(
            name=path.stem, group="animated", portrait=portrait, meshes=posed,
            motion=motion,
            truth=generator.render(state, values), mask=_inside(portrait),
        )  # fmt: skip


def to_picture(
    meshes: Float[np.ndarray, "*frames 478 3"], portrait: View
) -> Float[np.ndarray, "*frames 478 3"]:
    """Turn meshes in pixels of a portrait's crop into pixels of its picture."""
    inverse = cv2.invertAffineTransform(portrait.to_crop)
    scale = float(np.hypot(*inverse[:, 0]))
    flat = meshes[..., :2] @ inverse[:, :2].T + inverse[:, 2]
    return np.concatenate([flat, meshes[..., 2:] * scale], -1).astype(np.float32)


def to_crop(
    meshes: Float[np.ndarray, "*frames 478 3"], portrait: View
) -> Float[np.ndarray, "*frames 478 3"]:
    """Turn meshes in pixels of a portrait's picture into pixels of its crop."""
    scale = float(np.hypot(*portrait.to_crop[:, 0]))
    flat = meshes[..., :2] @ portrait.to_crop[:, :2].T + portrait.to_crop[:, 2]
    return np.concatenate([flat, meshes[..., 2:] * scale], -1).astype(np.float32)


def head_cases(files: Sequence[Path]) -> Iterator[Case]:
    """Read rendered heads: the first frame is the source, the others are to be drawn."""
    for path in files:
        sample = read_identity(path)
        frames = sample.frames[: _MOST_HEAD_FRAMES + 1]
        meshes = sample.meshes[: _MOST_HEAD_FRAMES + 1].astype(np.float32)
        size = frames.shape[1]
        portrait = View(
            image=frames[0], face=_face(meshes[0]), crop=frames[0],
            to_crop=np.eye(2, 3, dtype=np.float32),
        )  # fmt: skip
        yield Case(
            name=path.stem, group="heads", portrait=portrait, meshes=meshes[1:],
            motion=motion_of(meshes[1:], portrait, _FPS), truth=frames[1:],
            mask=np.ones((size, size), bool),
        )  # fmt: skip


def _face(mesh: Float[np.ndarray, "478 3"]) -> Face:
    box = np.concatenate([mesh[:, :2].min(0), mesh[:, :2].max(0)]).astype(np.float32)
    return Face(mesh=mesh.astype(np.float32), box=box, score=1.0)


def _cut(portrait: View, frame: np.ndarray) -> UInt8[np.ndarray, "size size 3"]:
    """Cut the portrait's square out of another frame of its video."""
    return cut_view(frame, portrait.face, len(portrait.crop)).crop


def _inside(portrait: View) -> Bool[np.ndarray, "size size"]:
    white = np.full(portrait.image.shape[:2], 255, np.uint8)
    size = len(portrait.crop)
    seen = cv2.warpAffine(white, portrait.to_crop, (size, size), flags=cv2.INTER_LINEAR)
    return seen > 254  # noqa: PLR2004 - entirely inside


def still(case: Case) -> UInt8[np.ndarray, "frames size size 3"]:
    """Return the source repeated: what a generator must beat."""
    return np.repeat(case.portrait.crop[None], len(case.truth), 0)
