"""Word times of GRID: its `.align` files."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from speech2face.errors import InputError

_UNIT = Fraction(1, 25_000)
"""Seconds: the unit of the times in the files."""
_SILENT = frozenset({"sil", "sp"})


class Word(NamedTuple):
    """A word and when it is said."""

    start: float
    """Seconds."""
    end: float
    text: str

    @property
    def silent(self) -> bool:
        """Whether it stands for a pause."""
        return self.text in _SILENT


def read_words(path: Path) -> tuple[Word, ...]:
    """Read an `.align` file: "start end word" on each line.

    Raises:
        InputError: A line is something else.
    """
    words: list[Word] = []
    for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
        try:
            start, end, text = line.split()
            seconds = [float(int(value) * _UNIT) for value in (start, end)]
        except ValueError as error:
            msg = (
                f"{path} has the line {line!r}, expected 'start end word'; give a GRID .align file"
            )
            raise InputError(msg) from error
        words.append(Word(start=seconds[0], end=seconds[1], text=text))
    return tuple(words)
