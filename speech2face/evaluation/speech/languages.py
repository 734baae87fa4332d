"""Closures and vowels in languages without real lips: synthetic voices that were never heard.

espeak-ng says where every phone is; scored is whether the lips meet in p, b and m, whether they
stay open in open vowels, and whether vowels open the mouth in the order of their height.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from speech2face.evaluation.tables import Cell, Table
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.timing import SPEECH_RATE
from speech2face.training.speech.synthetic.coarticulation import Segment, segments
from speech2face.training.speech.synthetic.espeak import Espeak
from speech2face.training.speech.synthetic.synthetic_speech import lip_gap
from speech2face.training.speech.synthetic.texts import TEXTS
from speech2face.types import Speech

VOICES = ("+Annie", "+max", "+steph", "+adam")
"""espeak-ng's variants that `synthetic_speech.VARIANTS` leaves out."""

_HEIGHTS = {"close back": 0, "close front": 0, "mid back": 1, "mid front": 1, "open": 2}
"""Openness of a vowel by its IPA height."""
_NEAR = 2
"""Frames around the middle of a closure in which it may happen."""
_MET, _SHUT = 0.25, 0.15
"""Part of the usual opening (90th percentile) below which lips meet, or a vowel is swallowed."""
_LONG = 0.06
"""Seconds from which an open vowel must be seen."""

Gaps = Float[np.ndarray, " frames"]


def language_row(
    language: str,
    texts: Sequence[str],
    stage: Speech2Landmarks,
    rest: Float[np.ndarray, "70 3"],
    espeak: Espeak,
) -> dict[str, Cell]:
    """Score one language over all of `VOICES`.

    Args:
        language: An espeak-ng voice.
        texts: What is said.
        stage: What is scored.
        rest: Whose face speaks.
        espeak: Speaks.
    """
    met: list[bool] = []
    shut: list[bool] = []
    vowels: list[tuple[int, float]] = []
    for voice in VOICES:
        for text in texts:
            said = espeak.say(text, language + voice)
            gaps = lip_gap(stage(Speech(samples=said.samples), rest).points - rest)
            usual = float(np.percentile(gaps, 90))
            for part in segments(said.phones, len(said.samples) / SPEECH_RATE):
                at = min(len(gaps) - 1, int((part.start + part.end) / 2 * 25))
                if part.name == "bilabial":
                    near = gaps[max(0, at - _NEAR) : at + _NEAR + 1]
                    met.append(bool(near.min() < _MET * usual + 0.005))
                shut += _swallowed(part, float(gaps[at]), usual)
                if part.name in _HEIGHTS:
                    vowels.append((_HEIGHTS[part.name], float(gaps[at])))
    heights, openings = zip(*vowels, strict=True)
    ranks = np.corrcoef(rankdata(heights), rankdata(openings))
    means = [np.mean([o for h, o in vowels if h == height]) for height in sorted(set(heights))]
    return {
        "language": language,
        "closures": len(met),
        "closures met": float(np.mean(met)),
        "open vowels shut": float(np.mean(shut)) if shut else None,
        "openness by height, Spearman": float(ranks[0, 1]),
        "close, mid, open": " ".join(f"{mean:.3f}" for mean in means),
    }


def _swallowed(part: Segment, gap: float, usual: float) -> list[bool]:
    seen = part.name == "open" and part.end - part.start > _LONG
    return [bool(gap < _SHUT * usual)] if seen else []


def languages_table(
    stage: Speech2Landmarks, rest: Float[np.ndarray, "70 3"], texts: int = 3
) -> Table:
    """Score every language of the texts, `texts` sentences each."""
    espeak = Espeak()
    rows = [language_row(name, own[:texts], stage, rest, espeak) for name, own in TEXTS.items()]
    return Table(
        name="speech2landmarks_languages",
        title="Speech2Landmarks on synthetic voices that it never heard",
        rows=rows,
        note="The sentences were heard in training in other voices, with their words shuffled. "
        "Closures: lips met within two frames of the middle of p, b or m. Spearman: over single "
        "vowels, of three heights.",
    )
