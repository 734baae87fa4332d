"""What is measured on: held-out clips of the GRID corpus and held-out portraits, by name.

GRID (Cooke, Barker, Cunningham, Shao 2006): 3-second clips at 25 frames a second, with word times
in 1/25000 s. Held out are the speakers s31 and s32 and every tenth clip of s1.
"""

import csv
import tomllib
from dataclasses import dataclass
from importlib import resources
from itertools import chain, zip_longest
from pathlib import Path

from speech2face.errors import InputError
from speech2face.face.teacher import TASK, FaceMeshTeacher
from speech2face.synthesis.held_out import GRID_STEPS
from speech2face.training.speech.align import Word, read_words

_LONG = 7.0
"""Seconds of speech in which a face shows how it lives."""


def load_judge(data: Path, teacher: Path | None) -> FaceMeshTeacher:
    """Load the judge that the user named, or the one in the data."""
    return FaceMeshTeacher(teacher or data / TASK)


@dataclass(frozen=True, kw_only=True)
class GridClip:
    """One sentence of the corpus, picture and sound in one file."""

    video: Path
    speaker: str
    words: tuple[Word, ...]
    """In order, pauses included; empty where the corpus has no times for the clip."""

    @property
    def name(self) -> str:
        """Name the clip so that it is unique over speakers."""
        return f"{self.speaker}_{self.video.stem}"


@dataclass(frozen=True, kw_only=True)
class SheetPortrait:
    """A portrait of the contact sheets."""

    portrait: Path
    why: str
    """What is hard about it."""


def held_out_clips(data: Path, count: int) -> list[GridClip]:
    """List held-out clips, the speakers in turn, those with word times first.

    Args:
        data: The folder that holds `grid/`.
        count: How many at most.

    Raises:
        InputError: There are none.
    """
    speakers = []
    for speaker, step in GRID_STEPS.items():
        videos = sorted((data / "grid" / speaker).glob("*.mp4"))[::step]
        clips = [_clip(video, speaker) for video in videos]
        speakers.append(sorted(clips, key=lambda clip: not clip.words))
    turns = chain.from_iterable(zip_longest(*speakers))
    clips = [clip for clip in turns if clip is not None][:count]
    if not clips:
        msg = f"no held-out GRID clips (s1, s31, s32) under {data / 'grid'}; give the data's folder"
        raise InputError(msg)
    return clips


def _clip(video: Path, speaker: str) -> GridClip:
    align = video.with_suffix(".align")
    words = read_words(align) if align.exists() else ()
    return GridClip(video=video, speaker=speaker, words=words)


def natural_sounds(data: Path, count: int) -> list[Path]:
    """List held-out voices of running speech, one sound of at least 7 s each, spread over the list.

    Raises:
        InputError: The corpus is not there.
    """
    manifest = data / "speech_natural" / "manifest.csv"
    if not manifest.exists():
        msg = f"{manifest} is not there; give the folder that holds speech_natural/, or --sound"
        raise InputError(msg)
    voices: dict[str, Path] = {}
    with manifest.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] != "train" and float(row["seconds"]) > _LONG:
                voices.setdefault(row["speaker"], manifest.parent / row["file"])
    every = list(voices.values())
    return [every[index * len(every) // count] for index in range(min(count, len(every)))]


def measured_portraits(data: Path) -> list[Path]:
    """List the held-out portraits that measurements drive."""
    names: list[str] = _held_out()["measured"]["portraits"]
    return [_existing(data, name) for name in names]


def lid_portraits(data: Path) -> list[Path]:
    """List the held-out portraits whose eyes are hard to close."""
    names: list[str] = _held_out()["lids"]["portraits"]
    return [_existing(data, name) for name in names]


def sheet_portraits(data: Path) -> list[SheetPortrait]:
    """List the held-out portraits of the contact sheets."""
    return [
        SheetPortrait(portrait=_existing(data, row["portrait"]), why=row["why"])
        for row in _held_out()["sheets"]
    ]


def _held_out() -> dict:
    text = (resources.files("speech2face.evaluation") / "held_out.toml").read_text("utf-8")
    return tomllib.loads(text)


def _existing(data: Path, name: str) -> Path:
    path = data / "portraits" / name
    if not path.exists():
        msg = f"the held-out portrait {path} is not there; give the folder that holds portraits/"
        raise InputError(msg)
    return path
