"""A clip: a portrait that says a whole sound. Its frames are drawn when they are asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import UInt8

from speech2face.face.paste import PasteBack
from speech2face.face.view import View, moved_inside
from speech2face.generators.ahead import Drawers
from speech2face.generators.base import Frames, Generator
from speech2face.jobs.settings import Settings
from speech2face.types import LatentTrack


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A piece of work that has just ended."""

    stage: str
    """portrait, encode, sound, landmarks, controls, latents; then in turns render, paste, write."""
    done: int
    total: int
    """Frames, for the stages that go frame by frame; else 1."""


Report = Callable[[Progress], None]
"""Called whenever a piece of work has ended."""


class Clip:
    """A portrait that speaks: its frames are drawn when they are asked for, a chunk at a time."""

    def __init__(
        self,
        view: View,
        state: object,
        latents: LatentTrack,
        generator: Generator[Any],
        drawers: Drawers,
        settings: Settings,
        report: Report,
    ) -> None:
        """Take what the frames are made from; the latents' rate is the clip's."""
        self.view = view
        self.latents = latents
        # Where crops are pasted into; None: they are shown as they are.
        self._canvas = view if settings.full else moved_inside(view)
        self._generator, self._state, self._drawers = generator, state, drawers
        self._settings, self._report = settings, report

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.latents)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        picture = self.view.crop if self._canvas is None else self._canvas.image
        return picture.shape[1], picture.shape[0]

    def drawing(self, rows: slice) -> Callable[[], Frames]:
        """Return the work that draws the crops of some frames."""
        return partial(self._generator.render, self._state, self.latents.values[rows])

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        """Draw the frames, sRGB; no more of them are held than a few chunks."""
        paste = None if self._canvas is None else PasteBack(self._canvas)
        latents, chunk, start = self.latents.values, self._settings.batch_size, 0
        for crops in self._drawers.draw(self._generator, self._state, latents, chunk):
            self._ended("render", start + len(crops))
            for frames in (crops,) if paste is None else paste.in_parts(crops):
                start += len(frames)
                if paste is not None:
                    self._ended("paste", start)
                yield from frames
                self._ended("write", start)

    def _ended(self, stage: str, done: int) -> None:
        self._report(Progress(stage=stage, done=done, total=len(self)))


def silent(progress: Progress) -> None:
    """Report nothing."""
    del progress
