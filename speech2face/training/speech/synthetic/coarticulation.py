"""How lips move through a sequence of phones: dominance functions with enforced closures.

After Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993): every phone
asks for an opening and a width of the mouth and dominates its neighbourhood by a function that
falls exponentially from it; the lips do the dominance-weighted mean. What that model cannot
promise is enforced afterwards: that vowels between fast consonants keep the order of their heights
(a lower bound of the opening in the middle of open and mid ones, an upper bound in close ones), and
above all that lips really meet in p, b, m and a lip is at the teeth in f and v (an upper bound).
"""

import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int8

from speech2face.models.speech2landmarks import PHONE_CLASSES
from speech2face.training.speech.synthetic.espeak import Phone


class Target(NamedTuple):
    """What a class of phones asks of the lips."""

    opening: float
    """Of the widest open vowel."""
    width: float
    """Standard deviations from the mean width: below 0 rounded, above 0 spread."""
    dominance: float
    """For the opening, of an open vowel's."""
    rounding: float
    """Dominance for the width."""
    ceiling: float
    """The opening cannot be more while the phone lasts."""
    floor: float = 0.0
    """The opening cannot be less in the middle of the phone, if it lasts."""


TARGETS: dict[str, Target] = {
    "silence": Target(0.0, 0.0, 1.5, 0.8, 1.0),
    "bilabial": Target(0.0, 0.1, 0.36, 0.1, 0.0),
    "labiodental": Target(0.2, 0.2, 0.42, 0.3, 0.22),
    "dental": Target(0.4, 0.2, 0.18, 0.1, 1.0),
    "alveolar": Target(0.4, 0.2, 0.18, 0.1, 1.0),
    "postalveolar": Target(0.45, -1.2, 0.5, 0.8, 0.7),
    "velar": Target(0.55, 0.1, 0.12, 0.05, 1.0),
    "lateral": Target(0.45, 0.2, 0.18, 0.1, 1.0),
    "rhotic": Target(0.35, -0.6, 0.18, 0.3, 1.0),
    "labial glide": Target(0.08, -2.0, 0.8, 1.2, 0.3),
    "palatal glide": Target(0.3, 0.8, 0.4, 0.4, 1.0),
    "close front": Target(0.38, 1.0, 1.2, 0.7, 0.46),
    "mid front": Target(0.7, 0.8, 1.2, 0.6, 0.78, 0.58),
    "open": Target(1.0, 0.2, 1.5, 0.5, 1.0, 0.88),
    "mid back": Target(0.62, -1.2, 1.2, 0.9, 0.72, 0.54),
    "close back": Target(0.22, -2.0, 1.2, 1.1, 0.36),
    "front rounded": Target(0.28, -1.7, 1.2, 1.1, 0.42),
    "central": Target(0.55, 0.0, 0.4, 0.2, 1.0),
}
"""Set by hand from phonetics (vowel height and rounding, place of articulation), scaled on GRID."""

_LETTERS = {
    "bilabial": "pbmɓʙɸβ", "labiodental": "fvɱʋ", "dental": "θð", "alveolar": "tdnszɾɗc",
    "postalveolar": "ʃʒɕʑʂʐʈɖɳ", "velar": "kɡgŋxɣqχʁhɦʔħʕɲçʝɟɴ", "lateral": "lɫɭʎɬ",
    "rhotic": "rɹɻʀɽ", "labial glide": "wʍɥ", "palatal glide": "j", "close front": "iɪɨᵻ",
    "mid front": "eɛæ", "open": "aɑɐʌäɒ", "mid back": "oɔɤ", "close back": "uʊɯʉ",
    "front rounded": "yʏøœ", "central": "əɘɜɚɝɵ",
}  # fmt: skip
CLASS_OF_LETTER: dict[str, str] = {
    letter: name for name, letters in _LETTERS.items() for letter in letters
}
"""What each IPA letter asks of the lips; length, stress and tone marks ask nothing."""

_AHEAD, _BEHIND = 0.06, 0.05
"""Seconds in which a phone's dominance falls to 1/e before its beginning and after its end."""
_CLOSING = 0.04
"""Seconds in which the lips come together and part."""
_REACH = 0.07
"""Seconds from a vowel's middle at which its lower bound has gone."""
_LASTING = 0.05
"""Seconds from which a vowel reaches its lower bound; shorter ones do by part."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A phone class and its time."""

    name: str
    start: float
    """Seconds."""
    end: float


def segments(phones: tuple[Phone, ...], duration: float) -> list[Segment]:
    """Turn synthesiser events into classes: a diphthong's letters share its time.

    Args:
        phones: In order; empty names are silence.
        duration: Seconds of the whole sound.
    """
    found: list[Segment] = []
    ends = [phone.start for phone in phones[1:]] + [duration]
    for phone, end in zip(phones, ends, strict=True):
        letters = [_plain(letter) for letter in phone.ipa]
        names = [CLASS_OF_LETTER[letter] for letter in letters if letter in CLASS_OF_LETTER]
        # "tʃ" is one movement of the lips: that of its second letter.
        if len(names) > 1 and names[1] == "postalveolar":
            names = names[1:]
        length = end - phone.start
        if not names:
            if length > 0.1 or not found:  # noqa: PLR2004 - shorter gaps are between syllables
                names = ["silence"]
            elif found:
                last = found[-1]
                found[-1] = Segment(name=last.name, start=last.start, end=end)
                continue
        for i, name in enumerate(names):
            start = phone.start + length * i / len(names)
            found.append(Segment(name=name, start=start, end=start + length / len(names)))
    return found


def _plain(letter: str) -> str:
    """Take the accent off a letter that is unknown with it: that "ũ" is nasal is not seen."""
    return letter if letter in CLASS_OF_LETTER else unicodedata.normalize("NFD", letter)[0]


def lip_track(parts: list[Segment], frames: int, lag: float = 0.0) -> Float[np.ndarray, "frames 2"]:
    """Return opening (1: widest vowel) and width (standard deviations) at 25 frames a second.

    Args:
        parts: What is said.
        frames: How many frames.
        lag: Seconds by which the lips follow the sound.
    """
    time = (np.arange(frames)[:, None] + 0.5) / 25 - lag
    start = np.array([part.start for part in parts])
    end = np.array([part.end for part in parts])
    targets = np.array([TARGETS[part.name] for part in parts])
    before, after = np.maximum(0, start - time), np.maximum(0, time - end)
    # Short phones dominate less: there is no time to get there.
    strength = np.clip((end - start) / 0.08, 0.4, 1.3)
    near = np.exp(-before / _AHEAD - after / _BEHIND) * strength
    opening = _blend(near * targets[:, 2], targets[:, 0])
    width = _blend(near * targets[:, 3], targets[:, 1])
    from_middle = np.abs(time - (start + end) / 2) / np.maximum(_REACH, (end - start) / 2)
    held = 0.5 + 0.5 * np.cos(np.pi * np.clip(from_middle, 0, 1))
    floor = targets[:, 5] * held * np.clip((end - start) / _LASTING, 0.3, 1)
    opening = np.maximum(opening, floor.max(1))
    away = np.maximum(before, after) / _CLOSING
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.clip(away, 0, 1))
    ceiling = targets[:, 4] + (1.2 - targets[:, 4]) * ramp
    # A closure shorter than a frame still belongs to the frame it lies in.
    middle = np.clip(((start + end) / 2 + lag) * 25, 0, frames - 1).astype(int)
    ceiling[middle, np.arange(len(parts))] = targets[:, 4]
    return np.stack([np.minimum(opening, ceiling.min(1)), width], 1)


def _blend(weights: np.ndarray, targets: np.ndarray) -> np.ndarray:
    # A little of the resting mouth is always there, so that far from any phone it rests.
    return (weights * targets).sum(1) / (weights.sum(1) + 0.03)


def label_track(parts: list[Segment], frames: int) -> Int8[np.ndarray, " frames"]:
    """Return the class in the middle of each frame, as an index into `PHONE_CLASSES`.

    A closure too short to reach a middle still names the frame it lies in.
    """
    time = (np.arange(frames) + 0.5) / 25
    labels = np.zeros(frames, np.int8)
    for part in parts:
        labels[(time >= part.start) & (time < part.end)] = PHONE_CLASSES.index(part.name)
    for part in parts:
        if part.name == "bilabial":
            middle = min(frames - 1, int((part.start + part.end) / 2 * 25))
            labels[middle] = PHONE_CLASSES.index(part.name)
    return labels
