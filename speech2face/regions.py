"""The regions of a face that can move by themselves, as people name them. Nothing numeric loads."""

from collections.abc import Mapping
from typing import Final

from speech2face.errors import InputError

LIPS, EYES, BROWS, HEAD = "lips", "eyes", "brows", "head"
_GROUPS: Final = {
    "all": (LIPS, EYES, BROWS, HEAD), "expression": (LIPS, EYES, BROWS),
    LIPS: (LIPS,), EYES: (EYES,), BROWS: (BROWS,), HEAD: (HEAD,),
}  # fmt: skip
_STRONGEST = 2.0

Strengths = Mapping[str, float]
"""Strength of each region: 0 none, 1 as it is."""


def parse_regions(text: str) -> dict[str, float]:
    """Read regions as people write them: all, lips+eyes, head:0.5+expression.

    Later words win where two name the same region; regions that none names have strength 0.

    Raises:
        InputError: A word is no region, or its strength is out of range.
    """
    strengths = dict.fromkeys(_GROUPS["all"], 0.0)
    for word in text.replace(",", "+").split("+"):
        name, colon, number = word.strip().partition(":")
        try:
            strength = float(number) if colon else 1.0
        except ValueError:
            strength = -1.0
        if name not in _GROUPS or not 0 <= strength <= _STRONGEST:
            msg = (
                f"the region {word.strip()!r} cannot be used; write {', '.join(_GROUPS)}, with a "
                f"strength from 0 to {_STRONGEST:g}, joined by +, for instance head:0.5+lips"
            )
            raise InputError(msg)
        strengths |= dict.fromkeys(_GROUPS[name], strength)
    return strengths
