"""The names of the ways to play a video against a sound of another length. Nothing loads."""

from typing import Final

SYNC_MODES: Final = ("freeze", "cut", "loop", "bounce", "stretch")
"""sync.so's names where it has the same (its cut_off, loop, bounce, remap); its silence is a part
of freeze. See `playing.play`."""
