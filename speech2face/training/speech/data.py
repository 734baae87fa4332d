"""Turn corpora into what Speech2Landmarks learns from: sound, and how the lips move with it.

One schema for all: an npz file a stretch of speech, written by `write_stretch`, read by
`read_stretch`. GRID's videos are tracked by the face-mesh teacher; FACEGOOD's blendshapes move the
rig; `synthetic_speech` adds spoken text with a model of coarticulation.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, Int8
from rich.progress import track

from speech2face import landmarks, timing
from speech2face.errors import InputError
from speech2face.face.normalize import normalize, pose_of
from speech2face.face.rig import Rig, load_rig
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.geometry import fit_similarity
from speech2face.media.image import read_image
from speech2face.media.sound.audio import read_speech
from speech2face.signals import resample
from speech2face.training.speech.align import read_words
from speech2face.training.tracker.mesh_tracks import track_video

STEP = timing.samples_at(1, timing.MOTION_FPS)
"""Samples a frame of motion."""
UNKNOWN = -1
"""Where nobody says whether there is speech, or which phone."""

_CLOSED_PART = 0.16
"""The part of a clip's frames, those with the least open mouth, whose mean is its rest."""

TEACHER = "face_landmarker_v2_with_blendshapes.task"
"""In the folder models/ of the data."""
_FRONTAL = 25.0
"""Degrees of yaw up to which a portrait's rest landmarks are trusted."""
_SHUT = 0.03
"""Mouth opening up to which a portrait's mouth counts as resting."""


_FACEGOOD_FPS = Fraction(30)
_FACEGOOD_LATE = 0.6
"""Frames at 30 fps by which these lips follow their sound later than GRID's do: the correlation of
energy and opening peaks 20 ms later. Taken out, so that all corpora agree."""
_FACEGOOD_PIECE = 250
"""Frames at 25 fps in a piece of a take: 10 s."""

FACEGOOD_CHANNELS: dict[str, dict[str, float]] = {
    "mouth_stretch_c": {"jawOpen": 1.0},
    "mouth_oh_c": {"mouthFunnel": 0.6, "jawOpen": 0.25},
    "mouth_oo_c": {"mouthPucker": 0.9, "mouthFunnel": 0.2},
    "mouth_funnel_dl": {"mouthFunnel": 0.25},
    "mouth_funnel_dr": {"mouthFunnel": 0.25},
    "mouth_funnel_ul": {"mouthFunnel": 0.25},
    "mouth_funnel_ur": {"mouthFunnel": 0.25},
    "mouth_pucker_l": {"mouthPucker": 0.5},
    "mouth_pucker_r": {"mouthPucker": 0.5},
    "mouth_lowerLipDepress_l": {"mouthLowerDown_L": 1.0},
    "mouth_lowerLipDepress_r": {"mouthLowerDown_R": 1.0},
    "mouth_upperLipRaise_l": {"mouthUpperUp_L": 1.0},
    "mouth_upperLipRaise_r": {"mouthUpperUp_R": 1.0},
    "mouth_suck_dl": {"mouthRollLower": 0.5},
    "mouth_suck_dr": {"mouthRollLower": 0.5},
    "mouth_suck_ul": {"mouthRollUpper": 0.5},
    "mouth_suck_ur": {"mouthRollUpper": 0.5},
    "mouth_press_l": {"mouthPress_L": 1.0},
    "mouth_press_r": {"mouthPress_R": 1.0},
    "mouth_lipCornerPull_l": {"mouthSmile_L": 1.0},
    "mouth_lipCornerPull_r": {"mouthSmile_R": 1.0},
    "mouth_lipStretch_l": {"mouthStretch_L": 1.0},
    "mouth_lipStretch_r": {"mouthStretch_R": 1.0},
    "mouth_chinRaise_u": {"mouthShrugLower": 1.0},
}
"""What FACEGOOD's moving channels are on the rig, by name; our reading, checked by eye."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Speech of one person with the movement of that person's landmarks at 25 frames a second."""

    name: str
    speaker: str
    samples: Float[np.ndarray, " samples"]
    """16 kHz mono in [-1, 1], 640 for every frame."""
    offsets: Float[np.ndarray, "frames 70 3"]
    """Normalized landmarks less `rest`."""
    rest: Float[np.ndarray, "70 3"]
    """Normalized landmarks of the closed mouth."""
    speech: Int8[np.ndarray, " frames"]
    """1 in speech, 0 in silence, `UNKNOWN`."""
    phones: Int8[np.ndarray, " frames"]
    """Index into `models.speech2landmarks.PHONE_CLASSES`, or `UNKNOWN`."""
    late: float = 0.0
    """Frames by which the movements follow the sound too late; see `lag`."""

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.offsets)


def write_stretch(folder: Path, stretch: Stretch) -> Path:
    """Write a stretch as `folder`/NAME.npz: sound as 16-bit integers, movement as half floats."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stretch.name}.npz"
    np.savez_compressed(
        path,
        speaker=stretch.speaker,
        samples=np.round(np.clip(stretch.samples, -1, 1) * 32767).astype(np.int16),
        offsets=stretch.offsets.astype(np.float16),
        rest=stretch.rest.astype(np.float32),
        speech=stretch.speech,
        phones=stretch.phones,
        late=np.float32(stretch.late),
    )
    return path


def read_stretch(path: Path) -> Stretch:
    """Read what `write_stretch` wrote.

    Raises:
        InputError: The file is not one of a prepared corpus.
    """
    try:
        with np.load(path) as stored:
            return Stretch(
                name=path.stem,
                speaker=str(stored["speaker"]),
                samples=stored["samples"].astype(np.float32) / 32767,
                offsets=stored["offsets"].astype(np.float32),
                rest=stored["rest"],
                speech=stored["speech"],
                phones=stored["phones"],
                late=float(stored["late"]) if "late" in stored else 0.0,
            )
    except (OSError, KeyError, ValueError) as error:
        msg = f"{path} is not a prepared stretch of speech ({error}); prepare the corpus again"
        raise InputError(msg) from error


def normalize_tracks(
    tracks: list[Float[np.ndarray, "_ 478 3"]], neutral: Float[np.ndarray, "478 3"]
) -> list[Float[np.ndarray, "_ 70 3"]]:
    """Take pose and scale out of one speaker's meshes and keep the 70 landmarks.

    Every mesh is laid on the speaker's own mean by the points that move with the skull; the mean
    itself is made frontal by laying it on the rig's neutral face.

    Args:
        tracks: The speaker's clips, in pixels.
        neutral: The rig's neutral face.

    Returns:
        Normalized landmarks, one track a clip.
    """
    rigid = landmarks.RIGID
    frontal = neutral.astype(np.float64)
    laid = _lay_all(tracks, frontal, rigid)
    own = np.mean([meshes.mean(0) for meshes in laid], 0)
    reference = _lay(own, frontal, rigid)
    laid = _lay_all(tracks, reference, rigid)
    origin = landmarks.MESH_TO_LANDMARKS[landmarks.NOSE_BRIDGE]
    unit = float(landmarks.eye_distance(landmarks.from_mesh(reference)))
    return [
        (landmarks.from_mesh(meshes - reference[origin]) / unit).astype(np.float32)
        for meshes in laid
    ]


def _lay_all(
    tracks: list[Float[np.ndarray, "_ 478 3"]], reference: np.ndarray, rigid: np.ndarray
) -> list[np.ndarray]:
    return [np.stack([_lay(mesh, reference, rigid) for mesh in meshes]) for meshes in tracks]


def _lay(mesh: np.ndarray, reference: np.ndarray, rigid: np.ndarray) -> np.ndarray:
    scale, rotation, shift = fit_similarity(mesh[rigid].astype(np.float64), reference[rigid])
    return scale * mesh @ rotation.T + shift


def closed_rest(points: Float[np.ndarray, "frames 70 3"]) -> Float[np.ndarray, "70 3"]:
    """Average the frames of a clip in which the mouth is least open."""
    count = max(1, round(len(points) * _CLOSED_PART))
    return points[np.argsort(landmarks.mouth_opening(points))[:count]].mean(0)


def read_align(path: Path, frames: int) -> Int8[np.ndarray, " frames"]:
    """Read from a GRID .align file in which frames a word is spoken.

    Returns:
        1 in words, 0 in silence; all `UNKNOWN` where there is no such file.
    """
    if not path.is_file():
        return np.full(frames, UNKNOWN, np.int8)
    speech = np.zeros(frames, np.int8)
    for first, last, word in read_words(path):
        if word not in {"sil", "sp"}:
            speech[round(first * 25) : round(last * 25)] = 1
    return speech_around(speech > 0)


def speech_around(spoken: Bool[np.ndarray, " frames"]) -> Int8[np.ndarray, " frames"]:
    """Mark speech from three frames before a word, when lips begin to move, to two after it."""
    marked = np.zeros(len(spoken), np.int8)
    for frame in np.flatnonzero(spoken):
        marked[max(0, frame - 3) : frame + 3] = 1
    return marked


def prepare_grid(data: Path, out: Path, teacher: Path, rig: Rig) -> int:
    """Track GRID's videos with the teacher and write one stretch a clip.

    Tracking resumes: a clip whose meshes lie in `out`/meshes is not tracked again.

    Args:
        data: GRID: a folder a speaker, with mp4 and align files.
        out: Where the prepared corpus goes.
        teacher: The face landmarker task file.
        rig: Whose neutral face is frontal.

    Returns:
        How many stretches there are.
    """
    clips = sorted(data.glob("*/*.mp4"))
    for clip in track(clips, description="track GRID"):
        meshes = out / "meshes" / f"{clip.parent.name}_{clip.stem}.npz"
        if not meshes.is_file():
            track_video(clip, meshes, teacher)
    count = 0
    for speaker in sorted({clip.parent.name for clip in clips}):
        own = [clip for clip in clips if clip.parent.name == speaker]
        tracks = {}
        for clip in own:
            with np.load(out / "meshes" / f"{speaker}_{clip.stem}.npz") as stored:
                mesh = stored["mesh"]
            # A clip in which the face was lost somewhere teaches nothing certain.
            if len(mesh) and np.isfinite(mesh).all():
                tracks[clip] = mesh
        normal = normalize_tracks(list(tracks.values()), rig.neutral)
        for clip, points in track(zip(tracks, normal, strict=True), total=len(tracks)):
            write_stretch(out / "grid", _grid_stretch(clip, points))
            count += 1
    return count


def _grid_stretch(clip: Path, points: Float[np.ndarray, "frames 70 3"]) -> Stretch:
    rest = closed_rest(points)
    return Stretch(
        name=f"{clip.parent.name}_{clip.stem}",
        speaker=f"grid-{clip.parent.name}",
        samples=fitted(read_speech(clip).samples, len(points)),
        offsets=points - rest,
        rest=rest,
        speech=read_align(clip.with_suffix(".align"), len(points)),
        phones=np.full(len(points), UNKNOWN, np.int8),
    )


def fitted(samples: Float[np.ndarray, " samples"], frames: int) -> Float[np.ndarray, " fitted"]:
    """Cut or pad a sound with zeros to exactly `frames` frames."""
    padded = np.pad(samples, (0, max(0, frames * STEP - len(samples))))
    return padded[: frames * STEP].astype(np.float32)


def prepare_facegood(data: Path, out: Path, rig: Rig, opening: float) -> int:
    """Move the rig by FACEGOOD's blendshapes and write pieces of ten seconds.

    Args:
        data: FACEGOOD: flac files, `blendshapes_*.npy` and `names.txt`.
        out: Where the prepared corpus goes.
        rig: What is moved.
        opening: Standard deviation of the mouth opening to scale to, since the artist's unit is not
            the rig's.

    Returns:
        How many pieces there are.
    """
    names = (data / "names.txt").read_text(encoding="utf-8").split()
    to_rig = np.zeros((len(names), len(rig.names)))
    for channel, parts in FACEGOOD_CHANNELS.items():
        for part, weight in parts.items():
            to_rig[names.index(channel), rig.index(part)] += weight
    moves = landmarks.from_mesh(rig.deltas.astype(np.float64))
    takes = {
        path.stem: _facegood_offsets(data, path, to_rig, moves)
        for path in sorted(data.glob("*.flac"))
    }
    rest = landmarks.from_mesh(rig.neutral.astype(np.float64))
    spread = np.concatenate([landmarks.mouth_opening(rest + take) for take in takes.values()]).std()
    count = 0
    for stem, take in track(takes.items(), description="FACEGOOD"):
        sound = fitted(read_speech(data / f"{stem}.flac").samples, len(take))
        for first in range(0, len(take) - STEP // 10, _FACEGOOD_PIECE):
            piece = take[first : first + _FACEGOOD_PIECE] * (opening / spread)
            blank: Int[np.ndarray, " frames"] = np.full(len(piece), UNKNOWN, np.int8)
            stretch = Stretch(
                name=f"{stem}_{first:05d}",
                speaker="facegood",
                samples=sound[first * STEP : (first + len(piece)) * STEP],
                offsets=piece,
                rest=rest,
                speech=blank,
                phones=blank,
            )
            write_stretch(out / "facegood", stretch)
            count += 1
    return count


def _facegood_offsets(data: Path, sound: Path, to_rig: np.ndarray, moves: np.ndarray) -> np.ndarray:
    shapes = np.load(data / f"blendshapes_{sound.stem}.npy").astype(np.float64)
    frames = int(len(shapes) * timing.MOTION_FPS / _FACEGOOD_FPS)
    late = np.arange(len(shapes)) + _FACEGOOD_LATE
    left = np.minimum(late.astype(int), len(shapes) - 1)
    right = np.minimum(left + 1, len(shapes) - 1)
    shapes = shapes[left] + (shapes[right] - shapes[left]) * (late % 1)[:, None]
    even = resample(shapes, _FACEGOOD_FPS, timing.MOTION_FPS, frames)
    return np.einsum("fk,kpd->fpd", even @ to_rig, moves)


def prepare_faces(data: Path, out: Path) -> int:
    """Write the rest landmarks of the portraits as `out`/faces.npy, for the network to get used to.

    Portraits whose number ends in 9 are held out for tests of the whole program; turned heads and
    open mouths are left out, because they are not at rest.

    Args:
        data: Holds portraits/ and models/.
        out: Folder of the prepared corpora.

    Returns:
        How many faces there are.
    """
    teacher = FaceMeshTeacher(data / "models" / TEACHER)
    faces = []
    for path in track(sorted((data / "portraits").glob("*.jpg")), description="portraits"):
        teacher.reset()
        found = None if path.stem.endswith("9") else teacher(read_image(path))
        if found is None or abs(pose_of(found.mesh)[0]) > _FRONTAL:
            continue
        points = normalize(found.mesh)
        if landmarks.mouth_opening(points) < _SHUT:
            faces.append(points)
    np.save(out / "faces.npy", np.stack(faces).astype(np.float32))
    return len(faces)


def prepare_grid_only(data: Path, out: Path) -> Rig:
    """Prepare GRID below `data`, which is all that the evaluation needs."""
    rig = load_rig()
    prepare_grid(data / "grid", out, data / "models" / TEACHER, rig)
    return rig


def prepare(data: Path, out: Path) -> None:
    """Prepare all corpora below `data` as the recipe expects them."""
    rig = prepare_grid_only(data, out)
    real = [read_stretch(path) for path in sorted((out / "grid").glob("*.npz"))]
    opening = np.mean([landmarks.mouth_opening(one.rest + one.offsets).std() for one in real])
    prepare_facegood(data / "facegood", out, rig, float(opening))
