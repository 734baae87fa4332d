"""Shots: where a video cuts, seen from the frames alone, as they come."""

from collections import deque

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

_THUMBNAIL = (32, 18)
"""Width and height at which frames are compared: motion of a head changes little there."""
_CHANGE = 0.07
"""Mean change of a thumbnail's colours, of 1, below which nothing is a cut."""
_TIMES = 4.0
"""A cut changes the picture this many times as much as the frames before it did on average: a
camera that pans changes each of its frames."""
_BEFORE = 8
"""Frames before that are averaged."""


class ShotCounter:
    """Numbers the shots of a video from 0. A cut that is seen where none is costs one search."""

    def __init__(self) -> None:
        """Begin before the first frame."""
        self.shot = 0
        self._last: Float32[np.ndarray, "rows columns 3"] | None = None
        self._changes: deque[float] = deque(maxlen=_BEFORE)

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> int:
        """Take the next frame; return the number of its shot."""
        small = cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        if self._last is not None:
            change = float(np.abs(small - self._last).mean())
            usual = float(np.mean(self._changes)) if self._changes else 0.0
            if change > max(_CHANGE, _TIMES * usual):
                self.shot += 1
                self._changes.clear()
            else:
                self._changes.append(change)
        self._last = small
        return self.shot
