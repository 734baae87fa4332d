"""Who is held out: people and clips from which nothing ever learns, and on which all is measured.

The recipes of networks that learn from sound say so themselves, with this as their default.
"""

GRID_STEPS = {"s31": 1, "s32": 1, "s1": 10}
"""Of these speakers of GRID every n-th clip by name: two people whole, and clips of a known one."""
GRID_STRANGERS = tuple(speaker for speaker, step in GRID_STEPS.items() if step == 1)
"""Speakers of whom nothing at all is learnt."""
_DIGIT = "9"


def is_stranger(name: str) -> bool:
    """Return by a photograph's or a rendered head's name: its number ends in 9."""
    return name.endswith(_DIGIT)
