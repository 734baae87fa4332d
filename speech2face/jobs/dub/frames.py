"""A dubbed video: its frames are drawn when they are asked for, a few at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.paste import paste_view
from speech2face.face.view import View
from speech2face.generators.ahead import Drawers
from speech2face.generators.base import FollowingGenerator
from speech2face.jobs.clip import Progress, Report
from speech2face.jobs.dub.mouth import NewMouth
from speech2face.motion.motion import Motion
from speech2face.sources.playing import Excerpt, Played, in_order
from speech2face.sources.tracks import FaceTrack
from speech2face.sources.views import Squares

_CHUNK = 4
"""Frames drawn as one batch: more gain little, and each holds its own intermediate pictures."""
_BLOCK = 64
"""Frames whose motion is computed at once."""

Image = UInt8[np.ndarray, "height width 3"]
Row = Float[np.ndarray, " channels"]


@dataclass(frozen=True, kw_only=True)
class Footage:
    """A video that was looked at."""

    video: Excerpt
    track: FaceTrack
    squares: Squares


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A frame that is to be shown."""

    image: Image
    shot: int
    view: View | None
    """None: the frame stays as it is."""
    weights: Row | None


class Dubbed:
    """The frames of a dubbed video; where no mouth is drawn they are the video's own."""

    def __init__(
        self, footage: Footage, played: Played, mouth: NewMouth, generator: FollowingGenerator[Any],
        drawers: Drawers, report: Report,
    ) -> None:  # fmt: skip
        """Take what the frames are made from."""
        self._footage, self._played, self._mouth = footage, played, mouth
        self._generator, self._drawers, self._report = generator, drawers, report

    def __len__(self) -> int:
        """Count the frames."""
        return len(self._played.frames)

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        return self._footage.video.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self._footage.video.size

    def __iter__(self) -> Iterator[Image]:
        """Draw the frames, sRGB."""
        done = 0
        for frames in self._drawers.ahead(self._works()):
            for frame in frames:
                yield frame
                done += 1
                self._report(Progress(stage="write", done=done, total=len(self)))

    def _works(self) -> Iterator[Callable[[], list[Image]]]:
        """Yield the drawing of chunks of frames; what views share is computed here, in order."""
        state: object = None
        shot = -1
        for chunk in self._chunks():
            views = [one.view for one in chunk if one.view is not None]
            if not views:
                yield partial(list, [one.image for one in chunk])
                continue
            if state is None or chunk[0].shot != shot:
                shot, mouths = chunk[0].shot, self._open_mouths(chunk[0].shot)
                state = self._generator.encode(views[:1])
                state = self._generator.encode(views, after=state, mouths=mouths)
            else:
                state = self._generator.encode(views, after=state)
            yield partial(self._draw, chunk, state)

    def _open_mouths(self, shot: int) -> list[View]:
        """Cut the views of a shot that show best what is in its mouth."""
        footage = self._footage
        rows = (footage.track.shots == shot) & footage.track.seen
        numbers = self._mouth.own.open(np.flatnonzero(rows), footage.track)
        images = in_order(footage.video, numbers)
        return [
            footage.squares.view(number, image, footage.track)
            for number, image in zip(numbers.tolist(), images, strict=False)
        ]

    def _draw(self, chunk: list[_Shown], state: object) -> list[Image]:
        rows = np.array([one.weights for one in chunk if one.weights is not None])
        latents = self._generator.drive(state, Motion.of(rows, fps=self.fps))
        crops = iter(self._generator.render(state, latents))
        return [
            one.image if one.view is None else paste_view(one.view, next(crops)) for one in chunk
        ]

    def _chunks(self) -> Iterator[list[_Shown]]:
        """Yield the frames, a few of one shot at a time."""
        chunk: list[_Shown] = []
        for one in self._shown():
            if chunk and (len(chunk) == _CHUNK or chunk[0].shot != one.shot):
                yield chunk
                chunk = []
            chunk.append(one)
        if chunk:
            yield chunk

    def _shown(self) -> Iterator[_Shown]:
        numbers, track = self._played.frames, self._footage.track
        images = in_order(self._footage.video, numbers)
        for start in range(0, len(numbers), _BLOCK):
            part = numbers[start : start + _BLOCK]
            rows = self._mouth(start, part)
            for number, row in zip(part.tolist(), rows, strict=True):
                image = next(images)
                view = None if row is None else self._footage.squares.view(number, image, track)
                yield _Shown(image=image, shot=int(track.shots[number]), view=view, weights=row)
