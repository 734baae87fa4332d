"""From drawn frames to the comparison's tables, each figure with its 95 % interval over clips.

Landmarks and identity are judged by networks that neither drove nor drew: the face-mesh teacher
(our own tracker measured the motion) and an identity network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from speech2face import landmarks
from speech2face.evaluation.generators import picture_measures
from speech2face.evaluation.generators.cases import RUN, Case
from speech2face.evaluation.generators.identity import IdentityJudge, cosine
from speech2face.evaluation.generators.rows import Frames
from speech2face.evaluation.tables import Cell, Table
from speech2face.evaluation.video.judge import Judge
from speech2face.evaluation.video.sync import bootstrap_mean

COLUMNS: Final[Mapping[str, int]] = {
    "L1": -1, "PSNR": 1, "SSIM": 1, "mouth L1": -1, "eyes L1": -1, "landmarks %": -1, "lips %": -1,
    "lids %": -1, "identity cosine": 1, "identity distance": -1, "jitter x1000": 0, "sharpness": 0,
    "found %": 1,
}  # fmt: skip
"""The figures; 1: more is better, -1: less is better, 0: as the truth is best."""

Scores = Mapping[str, float]
"""One value a column; a column that could not be measured is absent."""

_MOUTH, _EYES = 1.5, 1.3
"""The boxes of the mouth's and the eyes' columns over what their landmarks span."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the judges see in frames."""

    meshes: Float[np.ndarray, "frames 478 3"]
    """NaN where no face was found."""
    people: Float[np.ndarray, "frames 128"] | None
    """Descriptions of who it is; None without an identity network."""


class Bench:
    """Scores frames of a case; what belongs to the truth alone is computed once."""

    def __init__(self, judge: Judge, identity: IdentityJudge | None) -> None:
        """Take the judges."""
        self._judge, self._identity = judge, identity
        self._case: Case | None = None

    def __call__(self, case: Case, frames: Frames) -> Scores:
        """Measure frames against the case's truth and source."""
        if self._case is not case:
            self._case = case
            self._source = self._see(case, case.portrait.crop[None])
            self._truth = self._see(case, case.truth)
            self._boxes = self._areas(case)
        seen = self._see(case, frames)
        return {
            **self._picture_scores(case, frames),
            **self._landmark_scores(case, seen),
            **self._identity_scores(seen),
        }

    def _see(self, case: Case, frames: Frames) -> Seen:
        self._judge.reset()
        self._judge(case.portrait.crop)
        faces = [self._judge(frame) for frame in frames]
        lost = np.full((landmarks.MESH_POINTS, 3), np.nan, np.float32)
        meshes = np.stack([lost if face is None else face.mesh for face in faces])
        if self._identity is None:
            return Seen(meshes=meshes, people=None)
        people = np.full((len(frames), 128), np.nan, np.float32)
        found = np.isfinite(meshes).all((1, 2))
        if found.any():
            people[found] = self._identity(frames[found], meshes[found])
        return Seen(meshes=meshes, people=people)

    def _areas(self, case: Case) -> list[dict[str, np.ndarray]]:
        """Mark face, mouth and eyes of every true frame."""
        size, areas = case.truth.shape[1], []
        for mesh in self._truth.meshes:
            if not np.isfinite(mesh).all():
                areas.append({})
                continue
            points = landmarks.from_mesh(mesh)[:, :2].astype(np.float64)
            eyes = np.concatenate([points[landmarks.LEFT_EYE], points[landmarks.RIGHT_EYE]])
            areas.append({
                "mouth": picture_measures.box_mask(points[landmarks.MOUTH], size, _MOUTH),
                "eyes": picture_measures.box_mask(eyes, size, _EYES),
                "face": picture_measures.box_mask(mesh[:, :2].astype(np.float64), size, 1.0),
            })  # fmt: skip
        return areas

    def _picture_scores(self, case: Case, frames: Frames) -> Scores:
        rows: list[dict[str, float]] = []
        for frame, truth, areas in zip(frames, case.truth, self._boxes, strict=True):
            row = {
                "L1": picture_measures.l1(frame, truth, case.mask),
                "PSNR": picture_measures.psnr(frame, truth, case.mask),
                "SSIM": picture_measures.ssim(frame, truth, case.mask),
            }
            if areas:
                face = areas["face"] & case.mask
                fine = picture_measures.detail(truth, face)
                row["mouth L1"] = picture_measures.l1(frame, truth, areas["mouth"])
                row["eyes L1"] = picture_measures.l1(frame, truth, areas["eyes"])
                row["sharpness"] = picture_measures.detail(frame, face) / max(fine, 1e-9)
            rows.append(row)
        return _means(rows)

    def _landmark_scores(self, case: Case, seen: Seen) -> Scores:
        found = np.isfinite(seen.meshes).all((1, 2))
        scores = {"found %": 100 * float(found.mean())}
        both = found & np.isfinite(self._truth.meshes).all((1, 2))
        if both.any():
            drawn, true = (landmarks.from_mesh(m[both]) for m in (seen.meshes, self._truth.meshes))
            unit = landmarks.eye_distance(true)[:, None]
            error = 100 * np.linalg.norm((drawn - true)[..., :2], axis=-1) / unit
            lids = np.r_[landmarks.LEFT_EYE, landmarks.RIGHT_EYE]
            scores["landmarks %"] = float(error[:, : landmarks.IRISES.start].mean())
            scores["lips %"] = float(error[:, landmarks.MOUTH].mean())
            scores["lids %"] = float(error[:, lids].mean())
        if case.group == "real" and found.all():
            scores["jitter x1000"] = _jitter(seen.meshes)
        return scores

    def _identity_scores(self, seen: Seen) -> Scores:
        if seen.people is None or self._source.people is None:
            return {}
        source = self._source.people[0]
        known = np.isfinite(seen.people).all(1)
        if not (known.any() and np.isfinite(source).all()):
            return {}
        people = seen.people[known]
        return {
            "identity cosine": float(cosine(people, source[None]).mean()),
            "identity distance": float(np.linalg.norm(people - source, axis=1).mean()),
        }


def _jitter(meshes: Float[np.ndarray, "frames 478 3"]) -> float:
    """Measure trembling within runs of three: root mean square second difference, x1000."""
    rigid = meshes[:, landmarks.RIGID, :2]
    unit = np.median(landmarks.eye_distance(landmarks.from_mesh(meshes)))
    runs = rigid[: len(rigid) // RUN * RUN].reshape(-1, RUN, *rigid.shape[1:])
    return 1000 * float(np.sqrt((np.diff(runs, 2, axis=1) ** 2).sum(-1).mean()) / unit)


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def score_table(
    group: str, scores: Mapping[str, Sequence[Scores]], note: str, *, plain: bool = False
) -> Table:
    """Return each row's means with their intervals over clips.

    Args:
        group: The protocol.
        scores: For each row, one entry a clip, all rows in the same order of clips.
        note: Stands under the table.
        plain: Mean and bounds as numbers in columns of their own (JSON), not as one text.
    """
    rows: list[dict[str, Cell]] = []
    for name, clips in scores.items():
        row: dict[str, Cell] = {"row": name, "clips": len(clips)}
        for column in COLUMNS:
            values = [clip[column] for clip in clips if column in clip]
            if values:
                row |= _cells(column, values, plain=plain)
        rows.append(row)
    return Table(name=f"generators-{group}", title=f"Generators, {group}", rows=rows, note=note)


def _cells(column: str, values: Sequence[float], *, plain: bool) -> dict[str, Cell]:
    interval = bootstrap_mean(values)
    if plain:
        return {
            column: interval.mean,
            f"{column} low": interval.low,
            f"{column} high": interval.high,
        }
    half = (interval.high - interval.low) / 2
    return {column: f"{interval.mean:.4g} ±{half:.2g}"}


def paired_table(group: str, scores: Mapping[str, Sequence[Scores]], base: str) -> Table:
    """Compare each row with one of them clip by clip: who is better in which column, and how sure.

    Where as the truth is best, the distance from the truth is compared.
    """
    rows: list[dict[str, Cell]] = []
    for name, clips in scores.items():
        if name in {base, "truth"}:
            continue
        row: dict[str, Cell] = {"row": f"{name} against {base}"}
        for column, sign in COLUMNS.items():
            gains = [
                _gain(column, sign, one, other, true)
                for one, other, true in zip(clips, scores[base], scores["truth"], strict=True)
                if column in one and column in other and column in true
            ]
            if gains:
                interval = bootstrap_mean(gains)
                word = "better" if interval.low > 0 else "worse" if interval.high < 0 else "even"
                row[column] = (
                    f"{word} {interval.mean:+.3g} [{interval.low:+.2g}, {interval.high:+.2g}]"
                )
        rows.append(row)
    note = (
        "Mean gain over clips with its 95 % interval, paired by clip; above 0 is better whatever "
        "the column's sense. Jitter and sharpness: how much nearer to the truth's."
    )
    return Table(
        name=f"generators-{group}-paired", title=f"Generators, {group}: against {base}", rows=rows,
        note=note,
    )  # fmt: skip


def _gain(column: str, sign: int, one: Scores, other: Scores, truth: Scores) -> float:
    if sign:
        return sign * (one[column] - other[column])
    return abs(other[column] - truth[column]) - abs(one[column] - truth[column])
