"""Natural speech that is measured on, and how well a mouth follows it.

`natural/` in the data holds sentences with lip sensors and real talking videos (its README says
whose). Nothing is ever trained on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from speech2face.errors import InputError
from speech2face.evaluation.tables import Cell
from speech2face.evaluation.video.sync import bootstrap_mean, correlation_at
from speech2face.media.sound.audio import read_speech
from speech2face.timing import MOTION_FPS, SPEECH_RATE

STEP = int(SPEECH_RATE / MOTION_FPS)
"""Samples a frame."""
LATE = 5
"""Frames by which the shifted row is moved: 200 ms."""
_SLACK = {"sensors": 2, "videos": 1}
"""Frames around the known lag in which the best is chosen."""
_MOODS = {"A": "anger", "J": "joy", "S": "sadness"}
_STRENGTHS = {"I": "strong", "M": "mild"}
_KNOWN_LAGS = {"a": 3, "b": 1, "c": 6}
"""Frames by which the sound of the videos comes after its lips: measured by the best common lag of
opening and width, as natural/README.md names them."""

Lips = Float[np.ndarray, "frames 2"]
"""Opening and width of a mouth at 25 frames a second, in any unit."""


@dataclass(frozen=True, kw_only=True)
class NaturalClip:
    """A sound and what the lips did, as sensors or the judge measured it."""

    name: str
    kind: str
    """"sensors" or "videos"."""
    group: str
    """The mood of a sentence; the name of a video."""
    sound: Path
    lips: Lips
    late: int = 0
    """Frames by which the sound comes after its lips."""

    def samples(self) -> Float[np.ndarray, " samples"]:
        """Read the sound."""
        return read_speech(self.sound).samples


def read_sensors(natural: Path) -> list[NaturalClip]:
    """Read the sentences with lip sensors.

    Raises:
        InputError: There are none.
    """
    clips = [_sensor_clip(path) for path in sorted((natural / "ema").glob("*.npz"))]
    if not clips:
        msg = f"{natural / 'ema'} holds no sensor files; expected NAME.npz and NAME.flac"
        raise InputError(msg)
    return clips


def _sensor_clip(path: Path) -> NaturalClip:
    with np.load(path) as stored:
        lips = np.stack([stored["aperture_mm"], stored["width_mm"]], 1)
        every = int(stored["rate"]) // int(MOTION_FPS)
    whole = len(lips) // every * every
    mood, strength = path.stem[5], path.stem[4]
    group = f"{_STRENGTHS.get(strength, '')} {_MOODS.get(mood, '')}".strip()
    return NaturalClip(
        name=path.stem, kind="sensors", group=group or "neutral", sound=path.with_suffix(".flac"),
        lips=lips[:whole].reshape(-1, every, 2).mean(1).astype(np.float64),
    )  # fmt: skip


def video_paths(natural: Path) -> list[Path]:
    """List the talking videos.

    Raises:
        InputError: There are none.
    """
    paths = sorted((natural / "video").glob("*.mp4"))
    if not paths:
        msg = f"{natural / 'video'} holds no videos; expected mp4 files of one talking person each"
        raise InputError(msg)
    return paths


def video_clip(path: Path, lips: Lips) -> NaturalClip:
    """Describe a talking video whose mouth the judge has measured."""
    return NaturalClip(
        name=path.stem, kind="videos", group=path.stem, sound=path, lips=lips,
        late=_KNOWN_LAGS.get(path.stem, 0),
    )  # fmt: skip


def loudness(samples: Float[np.ndarray, " samples"], frames: int) -> Lips:
    """Move a mouth by loudness alone: the baseline that hears no phones."""
    padded = np.pad(samples, (0, max(0, frames * STEP - len(samples))))[: frames * STEP]
    decibels = 10 * np.log10((padded.reshape(-1, STEP) ** 2).mean(1) + 1e-9)
    level = np.maximum(decibels - decibels.max(), -40) / 40
    return np.stack([level, level], 1)


@dataclass(frozen=True, kw_only=True)
class Followed:
    """How well one clip's lips were followed: opening, then width."""

    r: Float[np.ndarray, " 2"]
    """At the best lag near the known one."""
    curve: Float[np.ndarray, "lags 2"]
    """At all lags near the known one."""
    amplitude: Float[np.ndarray, " 2"]
    """Standard deviation over the real one's."""


def follow(clip: NaturalClip, said: Lips) -> Followed:
    """Compare the movement of a mouth with a clip's real one."""
    reach = _SLACK[clip.kind]
    lags = range(clip.late - reach, clip.late + reach + 1)
    curve = np.array([
        [correlation_at(said[:, part], clip.lips[:, part], lag) for part in (0, 1)] for lag in lags
    ])  # fmt: skip
    return Followed(
        r=curve.max(0), curve=curve,
        amplitude=said.std(0) / np.maximum(clip.lips.std(0), 1e-9),
    )  # fmt: skip


def rows(
    clips: Sequence[NaturalClip], ways: Mapping[str, Mapping[str, Lips]], *, by_group: str
) -> list[dict[str, Cell]]:
    """Summarise clips: a row for each way of moving the mouth, and groups of one of them.

    Args:
        clips: Of one kind.
        ways: What was said, by the name of the row, then of the clip.
        by_group: The way that is shown for every group too.
    """
    kind = clips[0].kind
    found: list[dict[str, Cell]] = []
    for way, said in ways.items():
        followed = {clip.name: follow(clip, said[clip.name]) for clip in clips}
        found.append({"on": kind, "row": way} | _row(list(followed.values())))
        if way == by_group:
            groups = dict.fromkeys(clip.group for clip in clips)
            found += [
                {"on": kind, "row": f"{way}, {group}"}
                | _row([followed[clip.name] for clip in clips if clip.group == group])
                for group in groups
            ]
    return found


def _row(followed: Sequence[Followed]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {"clips": len(followed)}
    common = np.mean([one.curve for one in followed], 0)
    lag = int(common.mean(1).argmax())
    for part, name in enumerate(("opening", "width")):
        interval = bootstrap_mean([float(one.curve[lag, part]) for one in followed])
        cells |= {
            f"r {name}": interval.mean,
            f"r {name} ±": (interval.high - interval.low) / 2,
            f"r {name}, own lag": float(np.mean([one.r[part] for one in followed])),
            f"amplitude {name}": float(np.median([one.amplitude[part] for one in followed])),
        }
    cells["lag"] = lag - len(common) // 2
    return cells


def with_sanity(
    clips: Sequence[NaturalClip], ours: Mapping[str, Lips], name: str
) -> dict[str, Mapping[str, Lips]]:
    """Put the rows beside ours that say what a figure is worth."""
    order = [clip.name for clip in clips]
    other = {one: order[(i + 1) % len(order)] for i, one in enumerate(order)}
    length = {clip.name: len(clip.lips) for clip in clips}
    return {
        name: ours,
        "loudness alone": {
            clip.name: loudness(clip.samples(), len(clip.lips)) for clip in clips
        },
        "wrong audio": {one: _as_long(ours[other[one]], length[one]) for one in order},
        f"ours, {LATE} frames late": {one: np.roll(ours[one], LATE, 0) for one in order},
    }  # fmt: skip


def _as_long(lips: Lips, frames: int) -> Lips:
    return np.pad(lips, ((0, max(0, frames - len(lips))), (0, 0)), mode="edge")[:frames]


NOTE = (
    "r: correlation with the real mouth at the best common lag within two frames (sensors) or one "
    "(videos, around the lag their README names); own lag: at the best such lag of each clip. ±: "
    "half of the 95 % bootstrap interval over clips. Amplitude: standard deviation over the real "
    "one's (sensors are in mm: compare within the column only). Late movements have a positive lag."
)
