"""A dubbed video: its frames are drawn when they are asked for, a few at a time."""

from collections.abc import Callable, Iterator, Sequence
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
class Person:
    """Somebody in a video who was looked at and is to say something."""

    track: FaceTrack
    squares: Squares
    mouth: NewMouth


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A frame that is to be shown."""

    image: Image
    shot: int
    views: list[View | None]
    """Of each person; None: their face stays as it is."""
    weights: list[Row | None]


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """What is to be drawn of one person in a few frames."""

    views: list[View]
    numbers: list[int]
    """Which of the frames each of them belongs to."""
    rows: Float[np.ndarray, "frames channels"]
    state: object


class Dubbed:
    """The frames of a dubbed video; where no mouth is drawn they are the video's own."""

    def __init__(
        self, video: Excerpt, people: Sequence[Person], played: Played,
        generator: FollowingGenerator[Any], drawers: Drawers, report: Report,
    ) -> None:  # fmt: skip
        """Take what the frames are made from."""
        self._video, self._played = video, played
        self._actors = [_Actor(video, person, generator) for person in people]
        self._generator, self._drawers, self._report = generator, drawers, report

    def __len__(self) -> int:
        """Count the frames."""
        return len(self._played.frames)

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        return self._video.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self._video.size

    def __iter__(self) -> Iterator[Image]:
        """Draw the frames, sRGB."""
        return self.drawn(range(len(self)))

    def drawn(self, part: range) -> Iterator[Image]:
        """Draw some frames that follow one another; they depend on nothing before them."""
        done = part.start
        for frames in self._drawers.ahead(self._works(part)):
            for frame in frames:
                yield frame
                done += 1
                self.ended(done)

    def ended(self, done: int) -> None:
        """Report that so many frames are done."""
        self._report(Progress(stage="write", done=done, total=len(self)))

    def _works(self, part: range) -> Iterator[Callable[[], list[Image]]]:
        """Yield the drawing of chunks of frames; what views share is computed here, in order."""
        for actor in self._actors:
            actor.begin()
        for chunk in self._chunks(part):
            asked = [actor.asked(chunk, n) for n, actor in enumerate(self._actors)]
            drawn = [one for one in asked if one is not None]
            yield partial(self._draw, [one.image for one in chunk], drawn)

    def _draw(self, images: list[Image], drawn: list[_Drawn]) -> list[Image]:
        changed = {number for one in drawn for number in one.numbers}
        frames = [image.copy() if n in changed else image for n, image in enumerate(images)]
        for one in drawn:
            latents = self._generator.drive(one.state, Motion.of(one.rows, fps=self.fps))
            crops = self._generator.render(one.state, latents)
            for number, view, crop in zip(one.numbers, one.views, crops, strict=True):
                paste_view(frames[number], view, crop)
        return frames

    def _chunks(self, part: range) -> Iterator[list[_Shown]]:
        """Yield the frames, a few of one shot at a time."""
        chunk: list[_Shown] = []
        for one in self._shown(part):
            if chunk and (len(chunk) == _CHUNK or chunk[0].shot != one.shot):
                yield chunk
                chunk = []
            chunk.append(one)
        if chunk:
            yield chunk

    def _shown(self, part: range) -> Iterator[_Shown]:
        numbers, people = self._played.frames, [actor.person for actor in self._actors]
        shots = people[0].track.shots
        images = in_order(self._video, numbers[part.start : part.stop])
        for start in range(part.start, part.stop, _BLOCK):
            block = numbers[start : min(start + _BLOCK, part.stop)]
            every = zip(*(person.mouth(start, block) for person in people), strict=True)
            for number, rows in zip(block.tolist(), every, strict=True):
                image = next(images)
                views = [
                    None if row is None else person.squares.view(number, image, person.track)
                    for person, row in zip(people, rows, strict=True)
                ]
                yield _Shown(image=image, shot=int(shots[number]), views=views, weights=list(rows))


class _Actor:
    """One person's views, laid out in order."""

    def __init__(self, video: Excerpt, person: Person, generator: FollowingGenerator[Any]) -> None:
        self.person = person
        self._video, self._generator = video, generator
        self.begin()

    def begin(self) -> None:
        """Begin before the first frame."""
        self._state: object = None
        self._shot = -1

    def asked(self, chunk: list[_Shown], index: int) -> _Drawn | None:
        """Return what is to be drawn of this person, number `index`, in the next frames."""
        pairs = [(n, one.views[index], one.weights[index]) for n, one in enumerate(chunk)]
        drawn = [(n, v, row) for n, v, row in pairs if v is not None and row is not None]
        if not drawn:
            return None
        views = [view for _, view, _ in drawn]
        if self._state is None or chunk[0].shot != self._shot:
            self._shot = chunk[0].shot
            first, *mouths = self._kept_views(self._shot)
            self._state = self._generator.encode([first])
            self._state = self._generator.encode(views, after=self._state, mouths=mouths)
        else:
            self._state = self._generator.encode(views, after=self._state)
        return _Drawn(
            views=views, numbers=[n for n, _, _ in drawn],
            rows=np.array([row for _, _, row in drawn]), state=self._state,
        )  # fmt: skip

    def _kept_views(self, shot: int) -> list[View]:
        """Cut the view of a shot that all others are laid out by, and those with open mouths."""
        person = self.person
        rows = np.flatnonzero((person.track.shots == shot) & (person.mouth.own.share > 0))
        own = person.mouth.own
        numbers = np.r_[own.calmest(rows), own.open(rows, person.track)]
        images = (next(in_order(self._video, numbers[:1])), *in_order(self._video, numbers[1:]))
        return [
            person.squares.view(number, image, person.track)
            for number, image in zip(numbers.tolist(), images, strict=False)
        ]
