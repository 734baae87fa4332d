"""What the face-mesh teacher sees in portraits and videos: the labels that the tracker learns from.

They are computed once and kept in a folder, so a training run that is started again begins at once:
`portraits.npz` for all portraits and one file for each video clip.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.errors import InputError
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.media.output import atomic_output
from speech2face.media.video.video import VideoReader
from speech2face.synthesis.held_out import GRID_STRANGERS, is_stranger
from speech2face.synthesis.neutral import read_picture

_SURE = 0.9
"""Presence below which the teacher's mesh is not taught."""
_WIDEST_YAW = 60.0
"""Degrees: beyond it the far half of the teacher's mesh is a guess."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A picture with one labelled face."""

    image: UInt8[np.ndarray, "height width 3"]
    mesh: Float[np.ndarray, "478 3"]
    """The teacher's, in pixels of `image`."""
    group: str
    """"portrait", or the speaker's name."""


def label_folder(data: Path, labels: Path, task: Path) -> None:
    """Let the teacher look at everything that has no labels yet.

    Args:
        data: Holds `portraits/*.jpg` and `grid/<speaker>/<clip>.mp4`.
        labels: Where the labels are kept.
        task: The teacher's task file.

    Raises:
        InputError: `data` holds neither portraits nor clips.
        MediaError: A clip cannot be read.
    """  # noqa: DOC502 VideoReader raises it
    portraits = sorted((data / "portraits").glob("*.jpg"))
    clips = sorted((data / "grid").glob("*/*.mp4"))
    if not portraits and not clips:
        msg = f"{data} holds neither portraits/*.jpg nor grid/*/*.mp4; give the data folder"
        raise InputError(msg)
    teacher = FaceMeshTeacher(task)
    (labels / "grid").mkdir(parents=True, exist_ok=True)
    if portraits and not (labels / "portraits.npz").exists():
        _label_portraits(portraits, labels / "portraits.npz", teacher)
    for clip in clips:
        target = labels / "grid" / f"{clip.parent.name}_{clip.stem}.npz"
        if not target.exists():
            _label_clip(clip, target, teacher)


def portrait_samples(data: Path, labels: Path, *, held_out: bool) -> list[Sample]:
    """Read the portraits with a sure and not too turned face.

    Args:
        data: Holds `portraits/*.jpg`.
        labels: Where `label_folder` kept the labels.
        held_out: Those whose number ends in 9, or all others.
    """
    with np.load(labels / "portraits.npz") as file:
        rows = list(zip(file["names"], file["mesh"], file["presence"], strict=True))
    samples = []
    for name, mesh, presence in rows:
        is_held_out = is_stranger(Path(str(name)).stem)
        if is_held_out == held_out and presence > _SURE and abs(rough_yaw(mesh)) < _WIDEST_YAW:
            image = read_picture(data / "portraits" / str(name))
            samples.append(Sample(image=image, mesh=mesh, group="portrait"))
    return samples


def clip_samples(data: Path, labels: Path, *, frames: int, held_out: bool) -> list[Sample]:
    """Read frames of the clips, spread over what their lids and lips do.

    Args:
        data: Holds `grid/<speaker>/<clip>.mp4`.
        labels: Where `label_folder` kept the labels.
        frames: How many for each speaker.
        held_out: The speakers that training never sees, or all others.
    """
    clips: dict[str, list[Path]] = {}
    for path in sorted((labels / "grid").glob("*.npz")):
        speaker = path.stem.partition("_")[0]
        if (speaker in GRID_STRANGERS) == held_out:
            clips.setdefault(speaker, []).append(path)
    samples = []
    for speaker, paths in clips.items():
        each = max(2, frames // len(paths))
        for path in paths[:: max(1, len(paths) * each // frames)]:
            clip = data / "grid" / speaker / f"{path.stem.partition('_')[2]}.mp4"
            samples += _clip_samples(clip, path, speaker, each)
    return samples


def rough_yaw(mesh: Float[np.ndarray, "478 3"]) -> float:
    """Estimate the yaw in degrees from the depth of the outer eye corners."""
    axis = mesh[263] - mesh[33]
    return float(np.rad2deg(np.arctan2(-axis[2], np.hypot(axis[0], axis[1]))))


def _label_portraits(portraits: list[Path], target: Path, teacher: FaceMeshTeacher) -> None:
    rows = []
    for path in portraits:
        image = read_picture(path)
        teacher.reset()
        # The second look starts from the mesh of the first: a better region.
        found = teacher(image) and teacher(image)
        if found is not None:
            rows.append((path.name, found.mesh, found.presence, found.blendshapes))
    names, meshes, presences, blend = zip(*rows, strict=True)
    _store(
        target,
        names=np.array(names),
        mesh=np.stack(meshes),
        presence=np.array(presences),
        blend=np.stack(blend),
    )


def _label_clip(clip: Path, target: Path, teacher: FaceMeshTeacher) -> None:
    teacher.reset()
    seen = [teacher(frame) for frame in VideoReader(clip)]
    lost = np.full((478, 3), np.nan, np.float32)
    _store(
        target,
        mesh=np.stack([lost if face is None else face.mesh for face in seen]),
        blend=np.stack([np.full(52, np.nan) if f is None else f.blendshapes for f in seen]),
        presence=np.array([0.0 if face is None else face.presence for face in seen]),
    )


def _store(target: Path, **arrays: np.ndarray) -> None:
    """Write labels under their name only when they are whole: a name that exists is believed."""
    with atomic_output(target, overwrite=True) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _clip_samples(clip: Path, labels: Path, speaker: str, count: int) -> list[Sample]:
    with np.load(labels) as file:
        meshes, presence = file["mesh"], file["presence"]
    usable = np.flatnonzero((presence > _SURE) & np.isfinite(meshes).all((1, 2)))
    if not len(usable):
        return []
    chosen = set(usable[_spread(_look(meshes[usable]), count)].tolist())
    samples = []
    for index, frame in enumerate(VideoReader(clip)):
        if index in chosen:
            mesh = meshes[index].astype(np.float32)
            low = np.clip(mesh[:, :2].min(0) - 60, 0, None).astype(int)
            high = (mesh[:, :2].max(0) + 60).astype(int)
            image = np.ascontiguousarray(frame[low[1] : high[1], low[0] : high[0]])
            moved = mesh - np.array([*low, 0], np.float32)
            samples.append(Sample(image=image, mesh=moved, group=speaker))
    return samples


def _look(meshes: Float[np.ndarray, "frames 478 3"]) -> Float[np.ndarray, "frames 4"]:
    """Measure lips and lids: what the frames of a clip differ in."""

    def gap(upper: int, lower: int) -> np.ndarray:
        return np.linalg.norm(meshes[:, lower, :2] - meshes[:, upper, :2], axis=-1)

    measures = np.stack([gap(13, 14), gap(78, 308), gap(159, 145), gap(386, 374)], 1)
    return measures / (measures.std(0) + 0.5)


def _spread(values: Float[np.ndarray, "frames measures"], count: int) -> list[int]:
    """Choose rows far from each other, greedily (Gonzalez 1985), beginning with the most usual."""
    chosen = [int(np.linalg.norm(values - np.median(values, 0), axis=1).argmin())]
    distance = np.linalg.norm(values - values[chosen[0]], axis=1)
    while len(chosen) < min(count, len(values)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(values - values[chosen[-1]], axis=1))
    return chosen
