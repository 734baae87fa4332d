"""How well a video is dubbed: the new mouth is there, the old one is gone, all else is as before.

GRID has the truth: a clip dubbed with the sound of another clip of the same speaker should move its
mouth as that other clip's real mouth does, and know no more of its own old mouth than any two
sentences know of each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech2face.evaluation.material import GridClip
from speech2face.evaluation.tables import Cell, Table
from speech2face.evaluation.video.judge import Judge, JudgedTrack, judge_video
from speech2face.evaluation.video.sync import bootstrap_mean, match
from speech2face.media.video.video import VideoReader

_QUIET = 20
"""Percentile of the lips' trembling over a clip: what is left of it where they stand still."""
_LOW, _REACHED = 0.15, 0.25
"""Share of a mouth's range below which the real one is closed, and the output has met it."""
_SLACK = 2
"""Frames."""


@dataclass(frozen=True, kw_only=True)
class Dubbing:
    """One dubbed clip, judged."""

    name: str
    dubbed: JudgedTrack
    old: JudgedTrack
    """The video before."""
    new: JudgedTrack
    """The recording that the sound is from."""
    outside: float
    """Mean difference in grey levels above the eyes, after encoding."""


def pairs_of(clips: Sequence[GridClip]) -> list[tuple[GridClip, GridClip]]:
    """Pair each clip with the next one of the same speaker, whose sound it is to say."""
    speakers = dict.fromkeys(clip.speaker for clip in clips)
    found: list[tuple[GridClip, GridClip]] = []
    for speaker in speakers:
        own = [clip for clip in clips if clip.speaker == speaker]
        found += [(own[i], own[(i + 1) % len(own)]) for i in range(len(own)) if len(own) > 1]
    return found


def dub_clips(
    pairs: Sequence[tuple[GridClip, GridClip]],
    dub: Callable[[Path, Path, Path], None],
    judge: Judge,
    folder: Path,
) -> list[Dubbing]:
    """Dub clips that are not there yet, and judge them."""
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[Path, JudgedTrack] = {}

    def judged(path: Path) -> JudgedTrack:
        if path not in known:
            known[path] = judge_video(judge, path)
        return known[path]

    found: list[Dubbing] = []
    for video, sound in pairs:
        output = folder / f"{video.name}_says_{sound.video.stem}.mp4"
        if not output.exists():
            dub(video.video, sound.video, output)
        found.append(
            Dubbing(
                name=output.stem, dubbed=judged(output), old=judged(video.video),
                new=judged(sound.video), outside=_outside(video.video, output, judged(video.video)),
            )
        )  # fmt: skip
    return found


def _outside(before: Path, after: Path, track: JudgedTrack) -> float:
    """Return the mean difference of what lies above the eyes."""
    eyes = int(track.meshes[:, [105, 334], 1].min())
    changes = [
        np.abs(old[:eyes].astype(np.int16) - new[:eyes]).mean()
        for old, new in zip(VideoReader(before), VideoReader(after), strict=False)
    ]
    return float(np.mean(changes))


def dubbing_table(found: Sequence[Dubbing]) -> Table:
    """Summarise dubbed clips, and the rows that say what the figures are worth."""
    rows = [
        {"row": "dubbed", "clips": len(found)}
        | _followed([(one.dubbed, one.new, one.old) for one in found])
        | _kept(found),
        {"row": "the video before (wrong audio)", "clips": len(found)}
        | _followed([(one.old, one.new, one.old) for one in found]),
        {"row": "two unrelated sentences", "clips": len(found)}
        | _followed([(one.new, one.old, one.old) for one in found]),
    ]
    note = (
        "r: correlation of the mouth's opening, at the best lag within a frame, with the real "
        "mouth of the new sound, and with the mouth that the video had before, which must be as "
        "little as between two sentences. Closures: of those of the new sound's real mouth, how "
        "many are met within 2 frames. Pose and lids: against the video before. Jitter: trembling "
        "of the lips over the old ones'. Above the brows: grey levels after encoding."
    )
    return Table(name="dub", title="Dubbing: clips that say another clip", rows=rows, note=note)


def _followed(
    tracks: Sequence[tuple[JudgedTrack, JudgedTrack, JudgedTrack]],
) -> dict[str, Cell]:
    new = bootstrap_mean([match(out.mouth_opening, new.mouth_opening).r for out, new, _ in tracks])
    old = bootstrap_mean([match(out.mouth_opening, old.mouth_opening).r for out, _, old in tracks])
    amplitude = [match(out.mouth_opening, new.mouth_opening).amplitude for out, new, _ in tracks]
    met = [_closures(out, new) for out, new, _ in tracks]
    return {
        "r new": new.mean, "r new ±": (new.high - new.low) / 2, "r old": old.mean,
        "r old ±": (old.high - old.low) / 2, "amplitude": float(np.median(amplitude)),
        "closures": float(np.nanmean(met)) if met else None,
    }  # fmt: skip


def _closures(output: JudgedTrack, real: JudgedTrack) -> float:
    """Return the share of the real mouth's closures between words that are met."""
    said, true = output.mouth_opening, real.mouth_opening
    length = min(len(said), len(true))
    said, true = said[:length], true[:length]
    low = np.percentile(true, 5) + _LOW * np.ptp(true)
    starts = [i for i in range(1, length - 1) if true[i] <= min(true[i - 1], true[i + 1], low)]
    if not starts:
        return float("nan")
    limit = np.percentile(said, 5) + _REACHED * np.ptp(said)
    met = [said[max(0, i - _SLACK) : i + _SLACK + 1].min() <= limit for i in starts]
    return float(np.mean(met))


def _kept(found: Sequence[Dubbing]) -> dict[str, Cell]:
    poses, lids, jitter = [], [], []
    for one in found:
        length = min(len(one.dubbed), len(one.old))
        pose = one.dubbed.pose_against()[:length] - one.old.pose_against()[:length]
        poses.append(np.abs(pose).mean())
        lids.append(np.abs(one.dubbed.eye_opening[:length] - one.old.eye_opening[:length]).mean())
        jitter.append(trembling(one.dubbed) / max(trembling(one.old), 1e-6))
    return {
        "pose, degrees": float(np.mean(poses)), "lids": float(np.mean(lids)),
        "jitter": float(np.median(jitter)),
        "above the brows": float(np.mean([one.outside for one in found])),
    }  # fmt: skip


def trembling(track: JudgedTrack) -> float:
    """Return how far lips are from between the frames before and after, in quiet frames."""
    points = track.points
    away = points[1:-1, 48:68, :2] - (points[:-2, 48:68, :2] + points[2:, 48:68, :2]) / 2
    size = np.linalg.norm(away, axis=-1).mean(1)
    return float(np.percentile(size, _QUIET))
