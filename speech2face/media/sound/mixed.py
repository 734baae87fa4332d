"""Several sounds that begin at times of their own, heard as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from speech2face.media.sound.framed import FramedSound, Samples
from speech2face.media.sound.sound import Sound
from speech2face.media.sound.soundtrack import SoundFormat

_FULL_SCALE = 1.0


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A sound and the second at which it begins."""

    sound: Sound
    start: Fraction

    @property
    def end(self) -> Fraction:
        """Second at which it ends."""
        return self.start + self.sound.duration


class MixedSound:
    """The sum of sounds in the pieces of frames, with silence where there is none."""

    def __init__(self, parts: Sequence[Placed], fps: Fraction) -> None:
        """Open them; the sum has the highest of their rates and two channels if one of them has."""
        self.format = SoundFormat(
            rate=max(part.sound.rate for part in parts),
            channels=min(2, max(part.sound.channels for part in parts)),
        )
        self._parts = [
            FramedSound(part.sound, fps, start=-part.start, form=self.format) for part in parts
        ]

    def of_frame(self, number: int) -> Samples:
        """Return the samples of a frame; frames are asked for in order."""
        total = np.sum([part.of_frame(number) for part in self._parts], axis=0, dtype=np.float32)
        return np.clip(total, -_FULL_SCALE, _FULL_SCALE)
