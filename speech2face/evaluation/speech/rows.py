"""The rows of the table of Speech2Landmarks: the stage, and what its figures are held against."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from speech2face.evaluation.speech.scores import Offsets, Score, row_of, score
from speech2face.evaluation.speech.sync_network import LATE, SyncScorer
from speech2face.evaluation.tables import Cell
from speech2face.stages.speech2landmarks import STEP, Speech2Landmarks
from speech2face.training.speech.data import Stretch
from speech2face.types import Speech

OURS, WRONG = "speech2landmarks", "wrong audio"
HABIT = "the same, habit known"
"""Ours with the mean error on the person's other clips taken out: where somebody's lips are on
average while speaking, which no sound tells and a few clips of the person do."""
SEEN, UNSEEN = "new clips", "new people"
"""Clips of somebody who was learnt from, and clips of all people who were not."""
GROUPS = (SEEN, UNSEEN)

Row = dict[str, Cell]
Rows = dict[str, Row]
"""Rows of one group of clips by name."""


class FromEnergy:
    """The baseline that knows loudness alone: movements as a line through the log energy."""

    def __init__(self, clips: Sequence[Stretch]) -> None:
        """Fit the line to clips that are learnt from."""
        heard = np.concatenate([loudness(clip) for clip in clips])
        moved = np.concatenate([clip.offsets.reshape(len(clip), -1) for clip in clips])
        columns = np.stack([heard, np.ones_like(heard)], 1)
        self._line: Float[np.ndarray, "2 coordinates"] = np.linalg.lstsq(
            columns, moved, rcond=None
        )[0]

    def __call__(self, clip: Stretch) -> Offsets:
        """Move the mouth as loud as the sound is."""
        heard = loudness(clip)
        return (np.stack([heard, np.ones_like(heard)], 1) @ self._line).reshape(-1, 70, 3)


def loudness(clip: Stretch) -> Float[np.ndarray, " frames"]:
    """Measure the energy of each frame under the clip's loudest: -1 for 40 dB less, 0."""
    power = (clip.samples.reshape(-1, STEP) ** 2).mean(1)
    decibels = 10 * np.log10(power + 1e-9)
    return np.maximum(decibels - decibels.max(), -40) / 40


def speak(stage: Speech2Landmarks, clip: Stretch) -> Offsets:
    """Run the stage over a clip's sound, for the clip's own resting face."""
    return stage(Speech(samples=clip.samples), clip.rest).points[: len(clip)] - clip.rest


class Rowmaker:
    """Scores clips in every way there is, and remembers them, so that groups can be joined."""

    def __init__(
        self,
        stage: Speech2Landmarks,
        energy: FromEnergy,
        closures: Callable[[Stretch], list[int]],
        scorer: SyncScorer | None = None,
    ) -> None:
        """Take what scores.

        Args:
            stage: What is scored.
            energy: The baseline.
            closures: Tells the frames at which a clip's lips must meet.
            scorer: Gives a column more.
        """
        self._stage: Speech2Landmarks = stage
        self._energy: FromEnergy = energy
        self._closures: Callable[[Stretch], list[int]] = closures
        self._scorer: SyncScorer | None = scorer
        self._scores: dict[str, dict[str, Score]] = {}

    def add(self, clips: Sequence[Stretch]) -> None:
        """Score one speaker's clips; each one's neighbour lends the wrong sound."""
        said = {clip.name: speak(self._stage, clip) for clip in clips}
        wrong = np.stack([(clip.offsets - said[clip.name]).mean(0) for clip in clips])
        habits = (wrong.sum(0) - wrong) / max(1, len(clips) - 1)
        for i, clip in enumerate(clips):
            strange = said[clips[(i + 1) % len(clips)].name]
            moves: dict[str, Offsets] = {
                OURS: said[clip.name],
                HABIT: said[clip.name] + habits[i],
                "ground truth": clip.offsets,
                "rest": np.zeros_like(clip.offsets),
                "from energy": self._energy(clip),
                WRONG: _as_long(strange, len(clip)),
                f"real, {LATE} frames late": np.roll(clip.offsets, LATE, 0),
            }
            self._scores[clip.name] = {way: self._score(clip, move) for way, move in moves.items()}

    def _score(self, clip: Stretch, move: Offsets) -> Score:
        sync = None if self._scorer is None else self._scorer(clip.samples, move)
        return score(clip, move, self._closures(clip), sync)

    def rows(self, clips: Sequence[Stretch]) -> Rows:
        """Summarise clips that were added."""
        ways = self._scores[clips[0].name]
        rows = {way: row_of([self._scores[clip.name][way] for clip in clips]) for way in ways}
        energy = rows["from energy"]["error"]
        assert isinstance(energy, float)  # noqa: S101 - `row_of` gives one
        for row in rows.values():
            error = row["error"]
            assert isinstance(error, float)  # noqa: S101 - `row_of` gives one
            row["error / energy"] = error / energy
        return rows


def _as_long(offsets: Offsets, frames: int) -> Offsets:
    return np.pad(offsets, ((0, max(0, frames - len(offsets))), (0, 0), (0, 0)), mode="edge")[
        :frames
    ]


def align_of(data: Path, clip: Stretch) -> Path:
    """Return the path of a GRID clip's word times."""
    speaker, stem = clip.name.split("_", 1)
    return data / "grid" / speaker / f"{stem}.align"
