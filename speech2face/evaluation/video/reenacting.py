"""How well a portrait is led by a video: for one of its own frames the video is the truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from speech2face.evaluation.tables import Cell, Table
from speech2face.evaluation.video.dubbing import trembling
from speech2face.evaluation.video.judge import Judge, JudgedTrack, judge_video
from speech2face.evaluation.video.sync import pearson
from speech2face.media.image import write_png
from speech2face.media.video.video import VideoReader

_SHUT = 0.6
"""Share of its usual opening below which an eye is shut."""
_SLACK = 1
"""Frames by which a blink may be early or late."""


@dataclass(frozen=True, kw_only=True)
class Reenactment:
    """One video led by itself, judged."""

    name: str
    group: str
    """Where the video is from."""
    made: JudgedTrack
    real: JudgedTrack


def reenact_videos(
    videos: Sequence[tuple[str, Path]],
    reenact: Callable[[Path, Path, Path, float], None],
    judge: Judge,
    folder: Path,
) -> list[Reenactment]:
    """Lead the calmest frame of each video by the video, where that is not there yet.

    Args:
        videos: The group and the file of each.
        reenact: Takes portrait, driving video, output, and the second of the video that the
            portrait is from.
        judge: Judges both.
        folder: Where portraits and videos are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Reenactment] = []
    for group, video in videos:
        name = f"{video.parent.name}_{video.stem}"
        portrait, output = folder / f"{name}.png", folder / f"{name}.mp4"
        real = judge_video(judge, video)
        anchor = calmest(real)
        if not portrait.exists():
            write_png(portrait, _frame(video, anchor))
        if not output.exists():
            reenact(portrait, video, output, anchor / float(real.fps))
        made = judge_video(judge, output)
        found.append(Reenactment(name=name, group=group, made=made, real=real))
    return found


def calmest(track: JudgedTrack) -> int:
    """Return the frame with closed lips, open eyes and the head as it is most of the time."""
    pose = track.pose_against()
    away = np.abs(pose - np.median(pose, axis=0)).sum(1) / 5
    eyes = track.eye_opening.mean(1)
    closed = np.maximum(1 - eyes / max(float(np.median(eyes)), 1e-6), 0)
    return int(np.argmin(away + 10 * track.mouth_opening + 5 * closed))


def _frame(video: Path, number: int) -> np.ndarray:
    return next(iter(VideoReader(video).since(number)))


def reenacting_table(found: Sequence[Reenactment]) -> Table:
    """Summarise, a row a group."""
    groups = dict.fromkeys(one.group for one in found)
    rows: list[dict[str, Cell]] = []
    for group in groups:
        cells = [_cells(one) for one in found if one.group == group]
        names = cells[0].keys()
        rows.append(
            {"videos": group, "clips": len(cells)}
            | {name: float(np.nanmean([cell[name] for cell in cells])) for name in names}
        )
    note = (
        "Each video leads its own calmest frame; the judge compares the result with the video. r: "
        "correlation over its frames. Blinks: share of the video's blinks that are there within a "
        "frame (- where there is none). Jitter: trembling of the lips over the video's own."
    )
    return Table(
        name="reenact", title="Reenactment: a frame of a video led by the video", rows=rows,
        note=note,
    )  # fmt: skip


def _cells(one: Reenactment) -> dict[str, float]:
    length = min(len(one.made), len(one.real))
    made, real = one.made.pose_against()[:length], one.real.pose_against()[:length]
    axes = {
        f"r {name}": pearson(made[:, axis], real[:, axis])
        for axis, name in enumerate(("yaw", "pitch", "roll"))
    }

    def along(name: str) -> tuple[np.ndarray, np.ndarray]:
        return getattr(one.made, name)[:length], getattr(one.real, name)[:length]

    opening, width = along("mouth_opening"), along("mouth_width")
    return axes | {
        "r lips": pearson(*opening), "r width": pearson(*width),
        "amplitude lips": float(opening[0].std() / max(float(opening[1].std()), 1e-6)),
        "blinks": _blinks_met(*along("eye_opening")),
        "landmarks, %": 100 * float(_apart(one, length)),
        "jitter": trembling(one.made) / max(trembling(one.real), 1e-6),
    }  # fmt: skip


def _apart(one: Reenactment, length: int) -> float:
    made, real = one.made.points[:length, :, :2], one.real.points[:length, :, :2]
    size = np.linalg.norm(real[:, 45] - real[:, 36], axis=-1).mean()
    return float(np.linalg.norm(made - real, axis=-1).mean() / size)


def _blinks_met(made: Float[np.ndarray, "frames 2"], real: Float[np.ndarray, "frames 2"]) -> float:
    """Return the share of the real blinks at which the made eyes are shut too."""
    shut_made, shut_real = (eyes.mean(1) < _SHUT * np.median(eyes.mean(1)) for eyes in (made, real))
    starts = np.flatnonzero(shut_real & ~np.r_[False, shut_real[:-1]])
    if not len(starts):
        return float("nan")
    met = [shut_made[max(0, start - _SLACK) : start + _SLACK + 2].any() for start in starts]
    return float(np.mean(met))
