"""What hearing a sound bit by bit changes, and what a look-ahead of a fifth of a second costs."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from speech2face.evaluation.speech.scores import score
from speech2face.evaluation.tables import Cell, Table
from speech2face.stages.speech2landmarks import STEP, Speech2Landmarks
from speech2face.training.speech.data import Stretch
from speech2face.types import Speech

_PIECES = (1_000, STEP, 4_801, 24_000)
"""Samples that arrive at once: less than two frames, one frame, an odd number, 1.5 s."""
_MILLISECONDS = 40


def pieces(
    samples: Float[np.ndarray, " samples"], size: int
) -> Iterator[Float[np.ndarray, " piece"]]:
    """Cut a sound into pieces of equal size; the last one may be shorter."""
    for first in range(0, len(samples), size):
        yield samples[first : first + size]


def streaming_table(
    clips: Sequence[Stretch], stage: Speech2Landmarks, others: Sequence[Speech2Landmarks] = ()
) -> Table:
    """Compare streaming with one piece, and the stage with others of another look-ahead.

    Args:
        clips: Held-out clips.
        stage: What ships.
        others: Trained alike with another look-ahead.
    """
    rows: list[dict[str, Cell]] = []
    whole = [stage(Speech(samples=clip.samples), clip.rest).points for clip in clips]
    for size in _PIECES:
        apart = [
            np.abs(
                np.concatenate(list(stage.stream(pieces(clip.samples, size), clip.rest))) - points
            ).max()
            for clip, points in zip(clips, whole, strict=True)
        ]
        rows.append({"row": f"pieces of {size} samples", "largest difference": float(max(apart))})
    errors = [
        [
            score(clip, points[: len(clip)] - clip.rest, [])
            for clip, points in zip(clips, _landmarks(one, clips), strict=True)
        ]
        for one in (stage, *others)
    ]
    first = float(np.mean([one.error for one in errors[0]]))
    for i, (one, scores) in enumerate(zip((stage, *others), errors, strict=True)):
        error = float(np.mean([each.error for each in scores]))
        rows.append({
            "row": "scored" if i == 0 else "the same with another look-ahead",
            "look-ahead, ms": (one.network.config.delay + 1) * _MILLISECONDS,
            "error": error,
            "r": float(np.mean([each.r for each in scores])),
            "lost by the scored, %": None if i == 0 else 100 * (first / error - 1),
        })  # fmt: skip
    return Table(
        name="speech2landmarks_streaming",
        title="Speech2Landmarks, streaming",
        rows=rows,
        note=(
            f"{len(clips)} held-out clips. Differences to the result for the sound in one piece, "
            "in distances of the outer eye corners. Look-ahead: sound that must have been heard, "
            "from the start of a frame."
        ),
    )


def _landmarks(
    stage: Speech2Landmarks, clips: Sequence[Stretch]
) -> Iterator[Float[np.ndarray, "frames 70 3"]]:
    for clip in clips:
        yield stage(Speech(samples=clip.samples), clip.rest).points
