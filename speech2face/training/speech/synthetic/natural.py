"""Real voices with known phones, and the coarticulation model's lips for them.

The recordings of `speech_natural` have no pictures; for some, phones and their times are known
(`phones.csv`, ARPABET). What synthetic voices teach, these teach with real ones.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from rich.progress import track

from speech2face.errors import InputError
from speech2face.media.sound.audio import read_speech
from speech2face.training.speech.data import Stretch, fitted, speech_around, write_stretch
from speech2face.training.speech.synthetic.coarticulation import label_track, lip_track, segments
from speech2face.training.speech.synthetic.espeak import Phone
from speech2face.training.speech.synthetic.synthetic_speech import LAG, LipMap, opening_unit

_IPA = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ",
    "D": "d", "DH": "ð", "EH": "ɛ", "ER": "ɚ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h",
    "IH": "ɪ", "IY": "i", "JH": "dʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ",
    "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ",
    "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
"""ARPABET without stress; what is not here (sil, sp, spn) is silence."""
_UNSTRESSED = "AH0"
"""The only vowel whose stress changes what it asks of the lips: it is a schwa."""
_PIECE = 250
"""Frames at 25 fps in a piece: 10 s."""


def read_phones(path: Path) -> dict[str, tuple[Phone, ...]]:
    """Read the phones of every recording that has some, by its file.

    Raises:
        InputError: There is no such file.
    """
    if not path.is_file():
        msg = f"{path} does not exist; expected the times of phones that come with the recordings"
        raise InputError(msg)
    found: dict[str, list[Phone]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            name = row["phone"]
            ipa = "ə" if name == _UNSTRESSED else _IPA.get(name.rstrip("012"), "")
            found[row["file"]].append(Phone(ipa=ipa, start=float(row["start"])))
    return {name: tuple(phones) for name, phones in found.items()}


def prepare_natural(data: Path, out: Path, real: list[Stretch], *, seed: int = 0) -> int:
    """Write pieces of ten seconds of the recordings whose phones are known.

    Args:
        data: speech_natural: `manifest.csv`, `phones.csv` and the recordings.
        out: Where the prepared corpus goes.
        real: GRID's stretches that are learnt from; they say how much lips move.
        seed: Decides whose resting faces are lent.

    Returns:
        How many pieces there are.
    """
    phones = read_phones(data / "phones.csv")
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["file"] in phones]
    rows = [row for row in rows if row["split"] == "train"]
    lips, rng = LipMap(real), np.random.default_rng(seed)
    sounds = {row["file"]: read_speech(data / row["file"]).samples for row in rows}
    parts = {name: segments(phones[name], len(sound) / 16_000) for name, sound in sounds.items()}
    tracks = {
        name: lip_track(parts[name], len(sound) // 640, LAG) for name, sound in sounds.items()
    }
    unit = opening_unit(lips, list(tracks.values()))
    count = 0
    for row in track(rows, description="natural speech"):
        name, moved = row["file"], tracks[row["file"]]
        sound = sounds[name] * (0.1 / max(float(sounds[name].std()), 1e-4))
        labels = label_track(parts[name], len(moved))
        rest = real[rng.integers(len(real))].rest
        offsets, speech = lips(moved, unit), speech_around(labels > 0)
        for first in range(0, max(1, len(moved) - _PIECE // 4), _PIECE):
            piece = slice(first, first + _PIECE)
            stretch = Stretch(
                name=f"{Path(name).stem}_{first:05d}", speaker=f"natural-{row['speaker']}",
                samples=fitted(sound[first * 640 : (first + _PIECE) * 640], len(moved[piece])),
                offsets=offsets[piece], rest=rest, speech=speech[piece], phones=labels[piece],
            )  # fmt: skip
            write_stretch(out / "natural", stretch)
            count += 1
    return count
