"""Finished videos of natural speech: lips against sensors and real videos, shapes of the mouth.

The portraits of the talking videos are their own first frames, so that a person is compared with
themselves; sentences with sensors drive held-out portraits in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from speech2face import landmarks
from speech2face.evaluation.natural import (
    NOTE,
    Lips,
    NaturalClip,
    read_sensors,
    rows,
    video_clip,
    video_paths,
    with_sanity,
)
from speech2face.evaluation.speech.natural import lips_of
from speech2face.evaluation.tables import Cell, Table
from speech2face.evaluation.video.judge import JudgedTrack
from speech2face.evaluation.video.studio import Studio
from speech2face.media.image import write_png
from speech2face.media.video.video import VideoReader

SHAPES = (
    "jawOpen", "mouthPucker", "mouthUpperUp", "mouthSmile", "mouthLowerDown", "mouthFunnel",
    "mouthPress", "mouthStretch",
)  # fmt: skip
"""Blendshapes of the judge by which mouths are compared."""
_PARTED = 0.05
"""Opening from which there is something to see between the lips, in eye distances."""
_CHEEKS = (50, 280)
"""Mesh points in the middle of the cheeks."""
_BRIGHT, _DARK = 95, 5
"""Percentiles of the brightness between the lips."""


@dataclass(frozen=True, kw_only=True)
class TalkingPair:
    """A real talking video, and its first frame driven by its sound."""

    clip: NaturalClip
    real: Path
    output: Path
    real_track: JudgedTrack
    track: JudgedTrack


def sensor_rows(
    studio: Studio, natural: Path, portraits: Sequence[Path], count: int
) -> list[dict[str, Cell]]:
    """Drive portraits by sentences with sensors and compare the mouths of the videos.

    Args:
        studio: Makes and judges the videos.
        natural: The folder natural/ of the data.
        portraits: Are driven in turn.
        count: Sentences, spread evenly over all.
    """
    clips = read_sensors(natural)
    clips = [clips[i] for i in np.linspace(0, len(clips) - 1, min(count, len(clips))).astype(int)]
    said: dict[str, Lips] = {
        clip.name: lips_of(studio.track(studio.video(portrait, clip.sound)))
        for clip, portrait in zip(clips, cycle(portraits), strict=False)
    }
    return rows(clips, with_sanity(clips, said, "output"), by_group="")


def talking_pairs(studio: Studio, natural: Path) -> list[TalkingPair]:
    """Drive the first frame of each talking video by its sound."""
    found: list[TalkingPair] = []
    for path in video_paths(natural):
        portrait = studio.folder / f"first-frame-{path.stem}.png"
        if not portrait.exists():
            studio.folder.mkdir(parents=True, exist_ok=True)
            write_png(portrait, next(iter(VideoReader(path))))
        output = studio.video(portrait, path)
        real, track = studio.track(path), studio.track(output)
        clip = video_clip(path, lips_of(real))
        found.append(TalkingPair(clip=clip, real=path, output=output, real_track=real, track=track))
    return found


def sync_table(sensors: list[dict[str, Cell]], pairs: Sequence[TalkingPair]) -> Table:
    """Compare mouths: the rows of the sensors, then those of the talking videos."""
    clips = [pair.clip for pair in pairs]
    said = {pair.clip.name: lips_of(pair.track) for pair in pairs}
    found = sensors + rows(clips, with_sanity(clips, said, "output"), by_group="output")
    return Table(name="natural", title="Finished videos of natural speech", rows=found, note=NOTE)


def mouth_table(pairs: Sequence[TalkingPair]) -> Table:
    """Compare how much each shape of the mouth is used, and the light between the lips."""
    found: list[dict[str, Cell]] = []
    for shape in SHAPES:
        real = [float(pair.real_track.score(shape).std()) for pair in pairs]
        ours = [float(pair.track.score(shape).std()) for pair in pairs]
        found.append(_compared(f"{shape}, standard deviation", real, ours))
    for name, measure in (
        ("opening, mean", lambda track: float(track.mouth_opening.mean())),
        ("opening, standard deviation", lambda track: float(track.mouth_opening.std())),
        ("width, standard deviation", lambda track: float(track.mouth_width.std())),
    ):
        found.append(
            _compared(name, [measure(pair.real_track) for pair in pairs],
                      [measure(pair.track) for pair in pairs])
        )  # fmt: skip
    real_light = np.array([light(pair.real, pair.real_track) for pair in pairs])
    our_light = np.array([light(pair.output, pair.track) for pair in pairs])
    for part, name in enumerate(("brightest 5 %", "median", "darkest 5 %")):
        found.append(
            _compared(f"light between the lips, {name}", real_light[:, part], our_light[:, part])
        )
    note = (
        "Medians over the talking videos; ours are their own first frames driven by their sound. "
        "Light: where the lips are parted, over the brightness of the cheeks."
    )
    return Table(name="natural_mouth", title="Shapes of the mouth", rows=found, note=note)


def _compared(
    name: str, real: Sequence[float] | np.ndarray, ours: Sequence[float] | np.ndarray
) -> dict[str, Cell]:
    here, there = float(np.nanmedian(real)), float(np.nanmedian(ours))
    return {"what": name, "real": here, "ours": there, "ours / real": there / max(here, 1e-9)}


def light(video: Path, track: JudgedTrack) -> Float[np.ndarray, " 3"]:
    """Measure the light between parted lips over that of the cheeks: bright, median, dark.

    Args:
        video: Its frames.
        track: What the judge saw in them.
    """
    ring = np.concatenate([landmarks.UPPER_LIP_INNER, landmarks.LOWER_LIP_INNER[-2:0:-1]])
    found: list[np.ndarray] = []
    for frame, mesh, opening in zip(
        VideoReader(video), track.meshes, track.mouth_opening, strict=False
    ):
        if opening < _PARTED:
            continue
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        mask = np.zeros(grey.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(mesh[ring, :2]).astype(np.int32)], 1)
        inside = grey[mask > 0]
        cheek = np.mean([_patch(grey, mesh[point, :2]) for point in _CHEEKS])
        if inside.size and cheek > 0:
            found.append(np.percentile(inside, [_BRIGHT, 50, _DARK]) / cheek)
    return np.mean(found, 0) if found else np.full(3, np.nan)


def _patch(grey: Float[np.ndarray, "height width"], at: Float[np.ndarray, " 2"]) -> float:
    x, y = (int(value) for value in at)
    patch = grey[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5]
    return float(patch.mean()) if patch.size else 0.0
