"""A judge of emotions that never saw our rig: EMFACS rules on the face-mesh teacher's blendshapes.

Each emotion is a prototype of action units (Friesen and Ekman, "EMFACS-7" (1983); the same units in
Du, Tao and Martinez, "Compound facial expressions of emotion" (2014), table 1):

| emotion | action units |
|---|---|
| happy | 6 + 12 |
| sad | 1 + 15 (+ 17) |
| angry | 4 + 7 + 24 |
| surprised | 1 + 2 + 5 + 26 |
| fearful | 1 + 2 + 4 + 5 + 20 |
| disgusted | 9 + 10 + 15 + 17 |
| contempt | 12 + 14 on one side |

`RULES` names the blendshapes that stand for these units, and those that speak against them.
(The teacher's scores for cheeks and nose, units 6 and 9, are always zero: lids and lip stand in.)

Scores differ a hundredfold in scale between channels, so the change of each one's log-odds is
divided by its spread over photo-like portraits: the unit is one standard deviation of people at
large. What is read is the change against another rendering of the same portrait and sound, so that
words and identity cancel. A face whose best score stays below the threshold is neutral.

How far it can be trusted, without any rendering of ours: of 1,168 photo-like portraits ranked by
each score against the median portrait, the 14 highest were looked at. All 14 of "happy" smile,
nearly all of "surprised" gape; "angry" are lowered, heavy brows (one broad smile among them) and
"sad" are turned-down mouths, most of them old or looking up: age and pose pass for an expression
there, which is why changes of one face are read and never the face itself. On real neutral speech
(97 GRID clips against their own median) 4.6 % of the frames pass the threshold of the first four.
The rules of fear, disgust and contempt were not tried on real faces: their units are those of the
tables, their weights were set while looking at renderings of ours, which flatters those. So were
the weights that speak against sad, angry and surprised.
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from speech2face.emotions import EMOTIONS
from speech2face.evaluation.video.judge import JudgedTrack

LABELS: Final = EMOTIONS
"""What the classifier tells apart; an index into it is its answer."""

_UNEVEN = "uneven"
"""How far the corners of the mouth differ: the mean of `_CORNERS`, left less right."""
_CORNERS = ("mouthSmile", "mouthDimple")

RULES: Final[Mapping[str, Mapping[str, float]]] = {
    "happy": {"mouthSmile": 1, "eyeSquint": 0.25, "mouthFrown": -0.25},
    "sad": {
        "browInnerUp": 0.5, "mouthFrown": 0.75, "mouthShrugLower": 0.25,
        "browOuterUp": -0.25, "mouthSmile": -0.25, "mouthStretch": -0.5,
    },
    "angry": {
        "browDown": 1, "eyeSquint": 0.25, "mouthPress": 0.25, "browInnerUp": -0.25,
        "browOuterUp": -0.25, "mouthSmile": -0.25, "mouthUpperUp": -0.25, "mouthShrugLower": -0.25,
        "mouthFrown": -0.25,
    },
    "surprised": {
        "browInnerUp": 0.5, "browOuterUp": 0.5, "eyeWide": 0.75, "jawOpen": 0.25,
        "browDown": -0.25, "mouthStretch": -0.25,
    },
    "fearful": {
        "browInnerUp": 0.75, "mouthStretch": 1, "eyeWide": 0.25,
        "browOuterUp": -0.25, "mouthSmile": -0.25, "mouthShrugLower": -0.25, "mouthPress": -0.25,
    },
    "disgusted": {
        "mouthUpperUp": 0.75, "mouthShrugLower": 0.5, "mouthFrown": 0.5, "eyeSquint": 0.5,
        "browDown": 0.25, "browInnerUp": -0.5, "mouthSmile": -0.25, "mouthPress": -0.25,
    },
    "contempt": {
        _UNEVEN: 0.5, "mouthSmile": -0.25, "mouthFrown": -0.25, "browInnerUp": -0.25,
        "browDown": -0.25,
    },
}  # fmt: skip
"""Weight of each blendshape; the sum is divided by the weights' Euclidean length."""

_SPREAD: Final[Mapping[str, float]] = {
    "mouthSmile": 1.99, "eyeSquint": 1.18, "browInnerUp": 1.78, "mouthFrown": 0.86,
    "mouthShrugLower": 1.26, "browOuterUp": 1.38, "browDown": 1.43, "mouthPress": 0.96,
    "eyeWide": 0.80, "jawOpen": 1.17, "mouthStretch": 0.92, "mouthUpperUp": 1.41, _UNEVEN: 0.38,
}  # fmt: skip
"""Standard deviation of the log-odds over some 1,040 portraits (number not ending in 9)."""

_THRESHOLD = 0.7
"""In standard deviations; see the module's text."""

_FLOOR = 0.01
"""Added to a score and to its complement: below it the teacher's scores are noise."""


def log_odds(scores: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Turn scores in [0, 1] into log-odds, flattened near 0 and 1."""
    return np.log((scores + _FLOOR) / (1 - scores + _FLOOR))


def emotion_scores(track: JudgedTrack, reference: JudgedTrack) -> Float[np.ndarray, "frames 7"]:
    """Score how far a face has moved towards each emotion.

    Args:
        track: The video under test.
        reference: The same portrait and sound, neutral, compared frame by frame; the shorter of
            both gives the length.

    Returns:
        In standard deviations of portraits, in the order of `LABELS[1:]`.
    """
    frames = min(len(track), len(reference))
    change = {
        name: (_level(track, name) - _at(_level(reference, name), len(track))) / spread
        for name, spread in _SPREAD.items()
    }
    change[_UNEVEN] = np.abs(change[_UNEVEN])
    scores = []
    for rule in RULES.values():
        total = sum(weight * change[name][:frames] for name, weight in rule.items())
        scores.append(total / math.hypot(*rule.values()))
    return np.stack(scores, -1)


def _level(track: JudgedTrack, name: str) -> Float[np.ndarray, " frames"]:
    """Return the log-odds of a blendshape, or how uneven the corners of the mouth are."""
    if name != _UNEVEN:
        return log_odds(track.score(name))
    sides = [
        log_odds(track.score(f"{corner}Left")) - log_odds(track.score(f"{corner}Right"))
        for corner in _CORNERS
    ]
    return np.mean(sides, 0)


def _at(values: Float[np.ndarray, " frames"], frames: int) -> Float[np.ndarray, " frames2"]:
    return values[np.minimum(np.arange(frames), len(values) - 1)]


def classify(track: JudgedTrack, reference: JudgedTrack) -> Int[np.ndarray, " frames"]:
    """Name the emotion of each frame as an index into `LABELS`."""
    scores = emotion_scores(track, reference)
    return np.where(scores.max(-1) > _THRESHOLD, scores.argmax(-1) + 1, 0)
