"""Contact sheets: a video at one glance, frames with their times, for a person to look at."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.errors import InputError
from speech2face.media.image import write_png
from speech2face.media.video.video import VideoReader

_TILE = 320
_COLUMNS = 6
_CAPTION = 22
"""Height in pixels of the line under a tile."""


def frame_indices(frames: int, count: int) -> list[int]:
    """Spread `count` indices evenly over a video, away from its very ends."""
    return [round((i + 0.5) * frames / count - 0.5) for i in range(count)]


def telling_indices(signals: Sequence[Float[np.ndarray, " frames"]], count: int) -> list[int]:
    """Choose the frames where defects show: peaks of the signals in turn, half of all; then time.

    Args:
        signals: For instance how far the mouth is open, the eyes shut, the head turned, per frame;
            the earlier a signal stands, the more of its peaks are shown.
        count: How many indices to give, in order of time.
    """
    frames = len(signals[0])
    apart = max(1, frames // (2 * count))
    peaks = [iter(np.argsort(-signal, kind="stable").tolist()) for signal in signals]
    chosen: list[int] = []
    others = peaks[1:] or peaks
    for turn in range(count // 2):
        source = others[turn // 2 % len(others)] if turn % 2 else peaks[0]
        chosen += _next_apart(source, chosen, apart)
    even = iter(frame_indices(frames, 4 * count))
    while len(chosen) < count and (more := _next_apart(even, chosen, apart)):
        chosen += more
    return sorted(chosen)


def _next_apart(source: Iterator[int], chosen: Sequence[int], apart: int) -> list[int]:
    """Take the next index that is not too near to those chosen; none when there is no such one."""
    for index in source:
        if all(abs(index - other) >= apart for other in chosen):
            return [index]
    return []


def tile(
    image: UInt8[np.ndarray, "height width 3"], caption: str, size: int = _TILE
) -> UInt8[np.ndarray, "tall size 3"]:
    """Fit a picture into a square and write a caption under it."""
    scale = size / max(image.shape[:2])
    shape = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    canvas = np.full((size + _CAPTION, size, 3), 24, np.uint8)
    top, left = (size - small.shape[0]) // 2, (size - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    cv2.putText(
        canvas, caption, (4, size + _CAPTION - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235),
        1, cv2.LINE_AA,
    )  # fmt: skip
    return canvas


def grid(
    tiles: Sequence[UInt8[np.ndarray, "height width 3"]], columns: int = _COLUMNS
) -> UInt8[np.ndarray, "tall wide 3"]:
    """Lay tiles of one size out in rows; the last row is filled up with black.

    Raises:
        InputError: There are none.
    """
    if not tiles:
        msg = "there are no pictures to lay out; give at least one"
        raise InputError(msg)
    blank = np.zeros_like(tiles[0])
    rows = -(-len(tiles) // columns)
    padded = [*tiles, *[blank] * (rows * columns - len(tiles))]
    return np.concatenate([
        np.concatenate(padded[row * columns : (row + 1) * columns], 1) for row in range(rows)
    ])  # fmt: skip


def pick_frames(
    video: Path, indices: Sequence[int]
) -> tuple[list[UInt8[np.ndarray, "height width 3"]], Fraction]:
    """Read chosen frames of a video (in order of time) and its rate.

    Raises:
        InputError: The video is shorter than the largest index.
    """
    wanted, frames = set(indices), []
    reader = VideoReader(video)
    for index, frame in enumerate(reader):
        if index in wanted:
            frames.append(frame)
    if len(frames) != len(wanted):
        msg = f"{video} has no frame {max(wanted)}; ask for frames within the video"
        raise InputError(msg)
    return frames, reader.fps


def around(
    image: UInt8[np.ndarray, "height width 3"], points: Float[np.ndarray, "points 2"], margin: float
) -> UInt8[np.ndarray, "tall wide 3"]:
    """Cut the square around points out of a picture, `margin` times as large as they spread."""
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) * margin / 2
    middle = (low + high) / 2
    limits = np.array([image.shape[1], image.shape[0]])
    start = np.clip(np.round(middle - side), 0, limits - 2).astype(int)
    end = np.clip(np.round(middle + side), start + 2, limits).astype(int)
    return image[start[1] : end[1], start[0] : end[0]]


def contact_sheet(
    video: Path, output: Path, *, title: str, indices: Sequence[int], real: Path | None = None,
    focus: Float[np.ndarray, "frames points 2"] | None = None,
) -> None:  # fmt: skip
    """Write a contact sheet of a video as PNG.

    Args:
        video: What to look at.
        output: The sheet.
        title: Stands in every caption, before the time.
        indices: Frames to show, in order of time.
        real: A recording with the same sound and frame rate: its frames stand under the video's.
        focus: Points of the face in each frame of the video: only the square around them is shown.
    """
    frames, fps = pick_frames(video, indices)
    if focus is not None:
        frames = [around(frame, focus[i], 1.25) for frame, i in zip(frames, indices, strict=True)]
    captions = [f"{title} {index / float(fps):.2f} s" for index in indices]
    tiles = [tile(frame, caption) for frame, caption in zip(frames, captions, strict=True)]
    if real is None:
        write_png(output, grid(tiles))
        return
    below, _ = pick_frames(real, indices)
    rows = []
    for start in range(0, len(tiles), _COLUMNS):
        rows += [
            grid(tiles[start : start + _COLUMNS]),
            grid([tile(frame, "real") for frame in below[start : start + _COLUMNS]]),
        ]
    write_png(output, np.concatenate(rows))
