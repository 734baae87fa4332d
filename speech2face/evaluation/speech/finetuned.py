"""What fine-tuning on one speaker has gained, on the part of the videos that was held out."""

import numpy as np

from speech2face.evaluation.speech.scores import Offsets, row_of, score
from speech2face.evaluation.tables import Cell, Table
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.speech.data import Stretch
from speech2face.types import Speech

_COLUMNS = ("r", "r ±", "error / rest", "error / rest ±", "amplitude", "best lag")


def finetuned_table(
    before: Speech2Landmarks, after: Speech2Landmarks, clips: list[Stretch]
) -> Table:
    """Score the shipped and the fine-tuned network on held-out pieces, with sanity rows.

    Args:
        before: The shipped network.
        after: The fine-tuned one.
        clips: Of the speaker; nothing was learnt from them.
    """
    said = {
        name: [_speak(stage, clip) for clip in clips]
        for name, stage in (("shipped", before), ("fine-tuned", after))
    }
    # A single piece is compared with itself backwards: nobody else's sound is at hand.
    first, *others = said["fine-tuned"]
    strange = [*others, first if others else first[::-1]]
    rows = {
        **said,
        "fine-tuned, wrong audio": [
            np.resize(one, clip.offsets.shape) for one, clip in zip(strange, clips, strict=True)
        ],
        "rest": [np.zeros_like(clip.offsets) for clip in clips],
        "ground truth": [clip.offsets for clip in clips],
    }
    return Table(
        name="finetuned",
        title=f"Held-out end of the videos: {sum(map(len, clips)) / 25:.0f} s",
        rows=[_row(name, clips, moves) for name, moves in rows.items()],
        note=(
            "Truth is our own tracker's view of the video. r: correlation of the mouth opening at "
            "lag 0; error / rest: distance of the lip landmarks over that of a resting mouth."
        ),
    )


def _row(name: str, clips: list[Stretch], moves: list[Offsets]) -> dict[str, Cell]:
    row = row_of([score(clip, one, []) for clip, one in zip(clips, moves, strict=True)])
    return {"row": name} | {column: row[column] for column in _COLUMNS}


def _speak(stage: Speech2Landmarks, clip: Stretch) -> Offsets:
    return stage(Speech(samples=clip.samples), clip.rest).points[: len(clip)] - clip.rest
