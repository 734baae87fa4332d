"""Spoken text of many voices and languages with lip movements from a model of coarticulation.

Real lips say how much a mouth moves: openings and widths of the model are turned into landmarks by
a linear map fitted to GRID, and scaled to GRID's amplitude. See `coarticulation`.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int8
from rich.progress import track

from speech2face import landmarks
from speech2face.models.speech2landmarks import MOVING
from speech2face.training.speech.align import Word, read_words
from speech2face.training.speech.data import (
    STEP,
    Stretch,
    fitted,
    read_stretch,
    speech_around,
    write_stretch,
)
from speech2face.training.speech.synthetic.coarticulation import label_track, lip_track, segments
from speech2face.training.speech.synthetic.espeak import Espeak, Utterance
from speech2face.training.speech.synthetic.texts import TEXTS

VARIANTS = (
    "", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5",
    "+croak", "+klatt", "+klatt2", "+klatt4", "+Andrea", "+Alicia", "+anika", "+belinda", "+linda",
    "+edward", "+michel", "+boris", "+Michael", "+Gene", "+paul",
)  # fmt: skip
"""Of each language's voice."""

LAG = -0.008
"""Seconds by which the model's lips follow the sound: so the correlation of loudness and opening
peaks where it does in GRID, 0.2 frames after the sound."""
_LOUD = 90
"""Percentile of the opening in speech that is made equal to GRID's."""
_STILL = 0.05
"""Opening, of the widest vowel's, below which a mouth is shut rather than speaking."""
_WIDTH_POINTS = (48, 54)


class LipMap:
    """Landmark movements as a linear function of opening and width, fitted to real lips."""

    def __init__(self, stretches: list[Stretch]) -> None:
        """Fit to people's clips; every person counts alike."""
        people = sorted({one.speaker for one in stretches})
        maps, spread, width = [], [], []
        for person in people:
            own = [one for one in stretches if one.speaker == person]
            moves = np.concatenate([one.offsets for one in own])
            gap, wide = lip_gap(moves), _widening(moves)
            columns = np.stack([gap, wide], 1)
            maps.append(np.linalg.lstsq(columns, moves.reshape(len(moves), -1), rcond=None)[0])
            speech = np.concatenate([one.speech for one in own])
            # Where there are no word times, all frames but the most closed half stand for speech.
            said = gap[speech == 1] if (speech == 1).any() else gap[gap > np.median(gap)]
            spread.append(np.percentile(said, _LOUD))
            width.append(wide.std())
        self.map: Float[np.ndarray, "2 70 3"] = np.mean(maps, 0).reshape(2, 70, 3)
        still = np.setdiff1d(np.arange(landmarks.LANDMARKS), MOVING)
        self.map[:, still] = 0
        self.spread: float = float(np.mean(spread))
        """Opening that is passed in a tenth of the frames of speech."""
        self.width: float = float(np.mean(width))

    def __call__(
        self, lips: Float[np.ndarray, "frames 2"], unit: float
    ) -> Float[np.ndarray, "frames 70 3"]:
        """Move landmarks.

        Args:
            lips: Opening and width, as `lip_track` gives them.
            unit: Opening of the widest vowel in eye distances.
        """
        scaled = lips * [unit, self.width]
        return np.einsum("fk,kpd->fpd", scaled, self.map).astype(np.float32)


def opening_unit(lips: LipMap, tracks: list[Float[np.ndarray, "_ 2"]]) -> float:
    """Compute the opening of the widest vowel that makes tracks open as far as real lips.

    Args:
        lips: Fitted to real lips.
        tracks: Of `lip_track`.

    Returns:
        In eye distances.
    """
    spoken = np.concatenate([moved[:, 0] for moved in tracks])
    return lips.spread / float(np.percentile(spoken[spoken > _STILL], _LOUD))


def lip_gap(offsets: Float[np.ndarray, "frames 70 3"]) -> Float[np.ndarray, " frames"]:
    """Return how much further apart than at rest the inner lips are."""
    upper, lower = np.array(landmarks.INNER_LIP_GAPS).T
    return (offsets[:, lower, 1] - offsets[:, upper, 1]).mean(1)


def _widening(offsets: Float[np.ndarray, "frames 70 3"]) -> Float[np.ndarray, " frames"]:
    left, right = _WIDTH_POINTS
    return offsets[:, right, 0] - offsets[:, left, 0]


def prepare_synthetic(out: Path, real: list[Stretch], *, each: int = 1, seed: int = 0) -> int:
    """Speak and write one stretch an utterance.

    Args:
        out: Where the prepared corpus goes.
        real: GRID's stretches that are learnt from; they say how much lips move.
        each: Utterances of every voice.
        seed: Decides texts, speeds and pitches.

    Returns:
        How many stretches there are.
    """
    espeak, lips = Espeak(), LipMap(real)
    rests = [one.rest for one in real]
    voices = [(language, variant) for language in TEXTS for variant in VARIANTS]
    utterances: list[tuple[str, str, Utterance]] = []
    for number, (language, variant) in enumerate(track(voices, description="speak")):
        rng = np.random.default_rng((seed, number))
        for index in range(each):
            said = espeak.say(
                _text(rng, TEXTS[language]), language + variant, rate=int(rng.integers(130, 215)),
                pitch=int(rng.integers(25, 80)), melody=int(rng.integers(25, 80)),
            )  # fmt: skip
            utterances.append(
                (f"{language}{variant.replace('+', '_')}_{index}", language + variant, said)
            )
    tracks = [_lips(said) for _, _, said in utterances]
    unit = opening_unit(lips, tracks)
    rng = np.random.default_rng(seed)
    for (name, voice, said), moved in zip(utterances, tracks, strict=True):
        parts = segments(said.phones, len(said.samples) / 16_000)
        labels = label_track(parts, len(moved))
        stretch = Stretch(
            name=name, speaker=f"espeak-{voice}",
            samples=fitted(said.samples * rng.uniform(0.3, 0.9), len(moved)),
            offsets=lips(moved, unit), rest=rests[rng.integers(len(rests))],
            speech=speech_around(labels > 0), phones=labels,
        )  # fmt: skip
        write_stretch(out / "synthetic", stretch)
    facts = {"opening_unit": unit, "width_unit": lips.width, "spread": lips.spread}
    (out / "synthetic.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return len(utterances)


def _text(rng: np.random.Generator, texts: tuple[str, ...]) -> str:
    """Take two sentences, sometimes with their words shuffled, with a comma's pause between."""
    chosen = [texts[i] for i in rng.permutation(len(texts))[:2]]
    if rng.random() < 0.6:  # noqa: PLR2004 - more often than not, other neighbours for each word
        chosen = [" ".join(rng.permutation(text.split())) for text in chosen]
    return ", ".join(chosen)


def _lips(said: Utterance) -> Float[np.ndarray, "frames 2"]:
    seconds = len(said.samples) / 16_000
    return lip_track(segments(said.phones, seconds), max(1, int(seconds * 25)), LAG)


def name_grid_phones(prepared: Path, grid: Path) -> int:
    """Name the phones of GRID's clips: each word's, as spoken by the synthesiser, stretched to it.

    Args:
        prepared: Folder of the prepared corpora; the files of its grid folder are written again.
        grid: GRID itself, for the word times.

    Returns:
        How many clips have phones.
    """
    espeak = Espeak()
    known: dict[str, list[tuple[float, float, int]]] = {}
    count = 0
    for path in track(sorted((prepared / "grid").glob("*.npz")), description="name phones"):
        stretch = read_stretch(path)
        speaker, stem = path.stem.split("_", 1)
        align = grid / speaker / f"{stem}.align"
        if not align.is_file():
            continue
        labels = _named(espeak, known, read_words(align), len(stretch))
        write_stretch(path.parent, Stretch(**{**vars(stretch), "phones": labels}))
        count += 1
    return count


def _named(
    espeak: Espeak,
    known: dict[str, list[tuple[float, float, int]]],
    words: Sequence[Word],
    frames: int,
) -> Int8[np.ndarray, " frames"]:
    labels = np.zeros(frames, np.int8)
    for first, last, word in words:
        if word in {"sil", "sp"}:
            continue
        if word not in known:
            known[word] = _word_classes(espeak, word)
        for start, end, label in known[word]:
            low, high = (25 * (first + (last - first) * part) for part in (start, end))
            labels[round(low) : max(round(low) + 1, round(high))] = label
    return labels


def _word_classes(espeak: Espeak, word: str) -> list[tuple[float, float, int]]:
    """Return a word's phones with their places in it, 0 to 1."""
    text = word.upper() if len(word) == 1 else word
    said = espeak.say(text, "en-us")
    parts = [
        part for part in segments(said.phones, len(said.samples) / 16_000) if part.name != "silence"
    ]
    length = parts[-1].end - parts[0].start
    tracked = []
    for part in parts:
        label = int(label_track([part], 2 + int(part.end * 25)).max())
        tracked.append(
            ((part.start - parts[0].start) / length, (part.end - parts[0].start) / length, label)
        )
    return tracked


__all__ = [
    "LAG", "STEP", "LipMap", "lip_gap", "name_grid_phones", "opening_unit", "prepare_synthetic",
]  # fmt: skip
