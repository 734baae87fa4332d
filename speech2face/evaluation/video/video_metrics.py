"""Measures of a finished video that need no second video: silence, lids, jitter, pose, seam.

Lengths are in outer-eye distances of the face, so that they do not depend on the picture's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from speech2face import landmarks
from speech2face.evaluation.material import Word
from speech2face.evaluation.video.judge import JudgedTrack

_PAUSE_MARGIN = 0.12
"""Seconds at either end of a pause that are not counted: lips lead and follow the sound."""

_CLOSED = 0.02
"""Opening above the clip's own smallest (5th percentile) that counts as closed lips, in eye
distances: parted lips of a portrait have their own zero."""
_SLACK = 2
"""Frames before and after a word's start in which its lips may meet."""
_SHUT = 0.75
"""Share of the usual gap between the lids below which they are shutting."""
_AS_GOOD_AS_SHUT = 0.8
"""Share of a blink's own depth that counts as shut."""
_SHORTEST_BLINK = 0.04
"""Seconds; one frame at 25 frames a second."""
_FASTEST_REOPENING = 0.12
"""Seconds; real blinks are further apart."""


@dataclass(frozen=True, kw_only=True)
class Blink:
    """One closing of the lids."""

    time: float
    """Seconds; the first frame in which the lids are as good as shut."""
    until: float
    """Seconds; the last such frame."""
    duration: float
    """Seconds during which the lids are more than a quarter shut."""
    depth: float
    """How far they shut: 0 as usual, 1 no gap left."""


@dataclass(frozen=True, kw_only=True)
class Seam:
    """How visible the border between the animated crop and the untouched picture is."""

    outside: int
    """Largest difference of an 8-bit value outside the crop, over all frames; 0 is bit-equal."""
    step: float
    """Largest step across the crop's border beyond the source's own step there, 8-bit levels."""
    step_mean: float
    """Mean of that step over the border and the frames, 8-bit levels."""


def pauses_of_words(
    words: Sequence[Word], frames: int, fps: Fraction
) -> Bool[np.ndarray, " frames"]:
    """Mark the frames that lie inside pauses, a margin away from every word."""
    times = (np.arange(frames) + 0.5) / float(fps)
    spoken = np.zeros(frames, bool)
    for word in words:
        if not word.silent:
            spoken |= (times > word.start - _PAUSE_MARGIN) & (times < word.end + _PAUSE_MARGIN)
    return ~spoken


def lip_speed(track: JudgedTrack) -> Float[np.ndarray, " frames"]:
    """Measure how fast the mouth opens or widens, eye distances a second, per frame.

    Opening and width do not change when the head turns a little, lip positions would.
    """
    shape = np.stack([track.mouth_opening, track.mouth_width], -1)
    change = np.linalg.norm(np.diff(shape, axis=0, prepend=shape[:1]), axis=-1)
    return change * float(track.fps)


def silence_ratio(
    track: JudgedTrack, pauses: Bool[np.ndarray, " frames"]
) -> tuple[float, float] | None:
    """Return the mean lip speed in pauses and in speech; None where one of them has no frames."""
    speed = lip_speed(track)
    if pauses.all() or not pauses.any():
        return None
    return float(speed[pauses].mean()), float(speed[~pauses].mean())


def find_blinks(track: JudgedTrack) -> list[Blink]:
    """Find blinks: times when both lids' gap falls a quarter below its usual value.

    The usual value is the 80th percentile over the clip, so that an eye half shut in the portrait
    has its own measure. Lids cannot open and shut again within 0.12 s: such a gap is the judge's.
    """
    gap = track.eye_opening
    usual = np.percentile(gap, 80, axis=0)
    open_part = (gap / np.maximum(usual, 1e-6)).mean(-1)
    return _blinks_of(open_part, float(track.fps))


def _blinks_of(open_part: Float[np.ndarray, " frames"], fps: float) -> list[Blink]:
    shut = np.concatenate([[False], open_part < _SHUT, [False]])
    edges = np.flatnonzero(shut[1:] != shut[:-1]).tolist()
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] <= _FASTEST_REOPENING * fps:
            start = merged.pop()[0]  # noqa: PLW2901 - the two are one
        merged.append((start, end))
    blinks = []
    for start, end in merged:
        before = _crossing(open_part, start - 1, start)
        after = _crossing(open_part, end - 1, end)
        duration = (after - before) / fps
        if duration >= _SHORTEST_BLINK:
            part = open_part[start:end]
            depth = 1 - float(part.min())
            shut = start + np.flatnonzero(part <= 1 - _AS_GOOD_AS_SHUT * depth)
            first, last = float(shut[0]) / fps, float(shut[-1]) / fps
            blinks.append(Blink(time=first, until=last, duration=duration, depth=depth))
    return blinks


def _crossing(values: Float[np.ndarray, " frames"], left: int, right: int) -> float:
    """Find where values cross `_SHUT` between two neighbouring frames; at the ends, the end."""
    if left < 0:
        return 0.0
    if right >= len(values):
        return float(len(values) - 1)
    rise = values[right] - values[left]
    return float(left + (_SHUT - values[left]) / rise)


def blink_rise(track: JudgedTrack) -> float:
    """Measure how far the judge's score of a blink rises above its median in the clip's blinks."""
    score = track.score("eyeBlink")
    return float(np.percentile(score, 99.5) - np.median(score))


def blink_errors(
    found: Sequence[Blink], asked: Sequence[float], fps: Fraction
) -> tuple[list[float], int]:
    """Compare blinks with the times that were asked for.

    Returns:
        For each time, the frames by which the eyes are shut too late (negative: open again too
        early; 0: shut at that time; infinite without any blink); and how many blinks nobody asked
        for (more than 5 frames off).
    """
    rate = float(fps)
    late = [
        min((_distance(blink, time) * rate for blink in found), key=abs, default=float("inf"))
        for time in asked
    ]
    extra = sum(
        all(abs(_distance(blink, time)) * rate > 5 for time in asked)  # noqa: PLR2004
        for blink in found
    )
    return late, extra


def _distance(blink: Blink, time: float) -> float:
    """Return the seconds from a time to the nearest with shut eyes; later is positive."""
    return max(blink.time - time, 0.0) + min(blink.until - time, 0.0)


def jitter(track: JudgedTrack) -> float:
    """Measure trembling: root mean square second difference of rigid points, eye distances.

    The points move with the skull (nose, eye corners, forehead): speech does not move them, and a
    head that turns smoothly hardly has second differences.
    """
    rigid = track.meshes[:, landmarks.RIGID, :2] / np.median(landmarks.eye_distance(track.points))
    return float(np.sqrt((np.diff(rigid, 2, axis=0) ** 2).sum(-1).mean()))


def head_range(track: JudgedTrack) -> Float[np.ndarray, " 3"]:
    """Measure how far the head turns: yaw, pitch, roll between 5th and 95th percentile, degrees."""
    pose = track.pose_against(0)
    return np.ptp(np.percentile(pose, [5, 95], axis=0), axis=0)


def seam(
    frames: Sequence[UInt8[np.ndarray, "height width 3"]],
    source: UInt8[np.ndarray, "height width 3"],
    to_crop: Float[np.ndarray, "2 3"],
    size: int,
) -> Seam:
    """Look for a seam along the border of the crop.

    Args:
        frames: The video's frames, before encoding, at the picture's own size.
        source: The picture.
        to_crop: Affine map from the picture's pixels to the crop's.
        size: Side of the crop.
    """
    height, width = source.shape[:2]
    white = np.full((size, size), 255, np.uint8)
    inverse = cv2.invertAffineTransform(to_crop)
    inside = cv2.warpAffine(white, inverse, (width, height), flags=cv2.INTER_NEAREST) > 0
    step, step_sum, outside = 0.0, 0.0, 0
    # A border that coincides with the picture's own edge cannot be seen: only pairs of pixels, one
    # inside and one outside, count.
    pairs = [(inside[:, 1:] != inside[:, :-1], 1), (inside[1:] != inside[:-1], 0)]
    for frame in frames:
        change = frame.astype(np.int16) - source
        if not inside.all():
            outside = max(outside, int(np.abs(change[~inside]).max()))
        steps = [np.abs(np.diff(change, axis=axis)[border]) for border, axis in pairs]
        values = np.concatenate(steps)
        if values.size:
            step = max(step, float(values.max()))
            step_sum += float(values.mean())
    return Seam(outside=outside, step=step, step_mean=step_sum / len(frames))


def closure_hits(track: JudgedTrack, words: Sequence[Word]) -> tuple[int, int]:
    """Count the words that start with p, b or m at whose start the lips meet.

    Args:
        track: The video's.
        words: With times.

    Returns:
        Hits, and how many words were looked at.
    """
    opening = track.mouth_opening
    limit = np.percentile(opening, 5) + _CLOSED
    starts = [word.start for word in words if not word.silent and word.text[0] in "pbm"]
    hits = 0
    for start in starts:
        # The closure precedes its burst, which the aligner puts at the word's start.
        frame = round(start * float(track.fps))
        window = opening[max(0, frame - _SLACK - 1) : frame + _SLACK + 1]
        hits += bool(window.size and window.min() <= limit)
    return hits, len(starts)
