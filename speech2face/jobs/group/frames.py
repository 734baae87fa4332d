"""A picture of several people who speak and listen; frames are drawn when they are asked for."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8

from speech2face.face.paste import PasteBack
from speech2face.generators.ahead import Drawers
from speech2face.jobs.clip import Clip, Progress, Report

_HELD_BYTES = 64_000_000
"""Whole frames that are put together at once take no more."""


class GroupClip:
    """Clips of several faces of one picture, shown in it together."""

    def __init__(
        self, clips: Sequence[Clip], drawers: Drawers, batch_size: int, report: Report
    ) -> None:
        """Take the clips of the faces, all of one length and rate.

        Args:
            clips: One for each face that lives.
            drawers: Threads of their generator.
            batch_size: Frames of one face drawn at once.
            report: Called whenever frames have been made.
        """
        self.clips = tuple(clips)
        self._drawers, self._batch, self._report = drawers, batch_size, report

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.clips[0])

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        return self.clips[0].latents.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        height, width = self.clips[0].view.image.shape[:2]
        return width, height

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Draw the frames, sRGB; no more of them are held than a few chunks."""
        views = [clip.view for clip in self.clips]
        pastes = [PasteBack(one, [each for each in views if each is not one]) for one in views]
        image = views[0].image
        step = max(1, min(self._batch, _HELD_BYTES // image.nbytes))
        chunks = [slice(start, start + step) for start in range(0, len(self), step)]
        drawn = self._drawers.ahead(clip.drawing(rows) for rows in chunks for clip in self.clips)
        for rows in chunks:
            done = min(rows.stop, len(self))
            frames = np.repeat(image[None], done - rows.start, 0)
            for paste in pastes:
                paste.onto(frames, next(drawn))
            for number, frame in enumerate(frames, rows.start + 1):
                yield frame
                self._report(Progress(stage="write", done=number, total=len(self)))
