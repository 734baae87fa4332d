"""How much a face lives beside its words: head, brows, cheeks and lids, in figures of one video.

The ranges of real people were measured with the same judge on 16 talking videos of public speeches,
interviews and self-recordings; the videos belong to others and are not part of this repository.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from speech2face.evaluation.tables import Cell, Table
from speech2face.evaluation.video.judge import JudgedTrack
from speech2face.evaluation.video.video_metrics import find_blinks, jitter

REAL: Mapping[str, tuple[float, float, float]] = {
    "yaw, deg": (3.8, 2.0, 6.2),
    "pitch, deg": (3.5, 1.7, 5.0),
    "roll, deg": (3.7, 1.3, 5.2),
    "yaw speed, deg/s": (9.5, 5.4, 18.0),
    "pitch speed, deg/s": (11.0, 8.4, 19.0),
    "roll speed, deg/s": (6.4, 3.4, 8.3),
    "inner brow raise": (0.16, 0.06, 0.24),
    "brow lowering": (0.08, 0.0, 0.14),
    "smile": (0.14, 0.08, 0.25),
    "mouth width": (0.052, 0.034, 0.064),
    "mouth opening": (0.054, 0.046, 0.062),
    "mouth opening, mean": (0.090, 0.079, 0.101),
    "blinks a minute": (23.0, 8.0, 54.0),
}
"""Median, 20th and 80th percentile over the 16 videos of real people; see `life_of`."""


def life_of(track: JudgedTrack) -> dict[str, float]:
    """Measure one video.

    Returns:
        Standard deviations over the clip of the head's angles, the judge's blendshapes (0 to 1)
        and the mouth's shape (over the outer-eye distance); mean speeds; blinks a minute; and the
        trembling of the rigid points (`video_metrics.jitter`, in thousandths).
    """
    fps, pose = float(track.fps), track.pose_against(0)
    speed = np.abs(np.diff(pose, axis=0)).mean(0) * fps
    names = ("yaw", "pitch", "roll")
    found = {f"{name}, deg": float(pose[:, i].std()) for i, name in enumerate(names)}
    found |= {f"{name} speed, deg/s": float(speed[i]) for i, name in enumerate(names)}
    scores = {"inner brow raise": "browInnerUp", "brow lowering": "browDown", "smile": "mouthSmile"}
    found |= {name: float(track.score(score).std()) for name, score in scores.items()}
    found["mouth width"] = float(track.mouth_width.std())
    found["mouth opening"] = float(track.mouth_opening.std())
    found["mouth opening, mean"] = float(track.mouth_opening.mean())
    found["blinks a minute"] = 60.0 * len(find_blinks(track)) * fps / len(track)
    found["trembling, 1e-3"] = 1e3 * jitter(track)
    return found


def life_table(groups: Mapping[str, Sequence[JudgedTrack]]) -> Table:
    """List the medians of groups of videos beside the range of real people.

    Args:
        groups: Videos by the name of their column.
    """
    lives = {name: [life_of(track) for track in tracks] for name, tracks in groups.items()}
    rows: list[dict[str, Cell]] = []
    for measure in dict.fromkeys(key for group in lives.values() for key in group[0]):
        row: dict[str, Cell] = {"measure": measure}
        if measure in REAL:
            middle, low, high = REAL[measure]
            row |= {"real": middle, "real 20-80 %": f"{low:g} to {high:g}"}
        for name, group in lives.items():
            values = [life[measure] for life in group]
            row[name] = float(np.median(values))
            if len(values) > 1:
                low, high = np.percentile(values, [20, 80])
                row[f"{name} 20-80 %"] = f"{low:.3g} to {high:.3g}"
        rows.append(row)
    note = (
        "Medians over videos, as the judge sees them. Angles, blendshapes and mouth: standard "
        "deviation over a clip; speeds: mean. Real: 16 talking videos of other people."
    )
    return Table(name="life", title="Life", rows=rows, note=note)
