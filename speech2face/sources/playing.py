"""How a video is played against a sound of another length, and its frames in that order."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np
from jaxtyping import Int, UInt8

from speech2face.media.video.video import VideoReader
from speech2face.timing import frames_for

_SOON = 50
"""Frames that are decoded and passed over sooner than a key frame is gone to."""
_BACKWARDS_BYTES = 128_000_000
"""Frames that are held to be played backwards take no more."""

Image = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, kw_only=True)
class Played:
    """Which frames of a video are shown."""

    frames: Int[np.ndarray, " shown"]
    """Number of the video's frame for each frame that is shown."""
    sound: Fraction
    """Seconds of the sound that are heard; silence follows to the end of the picture."""


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """A part of a video; its frames are numbered from 0."""

    reader: VideoReader
    part: range
    """Numbers of the video's frames."""

    @property
    def fps(self) -> Fraction:
        """Frames a second."""
        return self.reader.fps

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        return self.reader.size

    def since(self, first: int) -> Iterator[Image]:
        """Yield the frames from a number on; a damaged video may end early."""
        return islice(self.reader.since(self.part.start + first), max(0, len(self.part) - first))


def play(mode: str, length: int, fps: Fraction, sound: Fraction) -> Played:
    """Decide which frames are shown.

    Args:
        mode: freeze: nothing is lost: a shorter video ends in its last frame, which goes on
            speaking, a shorter sound in silence. cut: both end where the shorter one does. loop,
            bounce: a shorter video starts again, or is played to and fro; a longer one ends with
            the sound. stretch: the video is played faster or slower, so that both end together.
        length: How many frames there are.
        fps: Its rate.
        sound: Seconds of the sound.
    """
    wanted = frames_for(sound, fps)
    every = np.arange(max(length, wanted) if mode == "freeze" else wanted)
    if mode == "cut":
        every = every[:length]
    elif mode == "freeze":
        every = np.minimum(every, length - 1)
    elif mode == "loop":
        every %= length
    elif mode == "bounce":
        step = every % max(1, 2 * length - 2)
        every = np.minimum(step, max(0, 2 * length - 2) - step) if length > 1 else step * 0
    else:
        every = np.minimum((every + 0.5) * length / wanted, length - 1).astype(int)
    return Played(frames=every, sound=min(sound, len(every) / fps))


def in_order(video: Excerpt, numbers: Int[np.ndarray, " shown"]) -> Iterator[Image]:
    """Yield the frames of these numbers; what repeats is yielded again, and must not be changed.

    A stretch that runs backwards is read in parts that fit into little memory.
    """
    coming: Iterator[Image] = iter(())
    position, image = -1, None
    index = 0
    while index < len(numbers):
        number = int(numbers[index])
        if image is not None and number == position:
            yield image
            index += 1
            continue
        if number < position and index + 1 < len(numbers) and numbers[index + 1] < number:
            stop = index + 1
            most = max(2, _BACKWARDS_BYTES // (3 * video.size[0] * video.size[1]))
            while stop < min(len(numbers), index + most) and numbers[stop] < numbers[stop - 1]:
                stop += 1
            yield from reversed(_span(video, range(int(numbers[stop - 1]), number + 1)))
            position, image, index = -1, None, stop
            continue
        if image is None or not position <= number < position + _SOON:
            coming, position = video.since(number), number - 1
        while position < number:
            image, position = next(coming, None), position + 1
        if image is None:
            return  # a damaged end: fewer frames than were counted
        yield image
        index += 1


def _span(video: Excerpt, span: range) -> list[Image]:
    return [image for _, image in zip(span, video.since(span.start), strict=False)]
