"""Blinks: when they happen, and how lids close and open.

Lids close in 80-100 ms, stay shut for a moment, and open in 150-200 ms: closing is about twice as
fast as opening (VanderWerf et al., "Eyelid movements", J. Neurophysiol. 2003). Intervals scatter
log-normally and blinks like pauses (Nakano and Kitazawa, "Eyeblink entrainment at breakpoints of
speech", 2010); speakers on video blink 23 times a minute (`evaluate video life`).
"""

import math
import warnings
from collections import deque

import numpy as np
from jaxtyping import Float

from speech2face.controls.hearing import Heard
from speech2face.controls.prosody import Prosody
from speech2face.controls.words import Blinks
from speech2face.errors import Speech2FaceWarning
from speech2face.signals import bump
from speech2face.timing import MOTION_FPS

_CLOSED = 0.04
"""Seconds shut. One frame at 25 Hz, so that any faster or slightly slower output rate shows it."""
_CLOSING = (0.08, 0.1)
_OPENING = (0.15, 0.2)
_SPEEDS = (_CLOSING, _OPENING)
_QUICKEST_OPENING = 0.08  # seconds; lids hurry where the clip ends soon
_LAST_ASKED = 0.2  # seconds before the end after which no asked blink can open again

_FIRST = (0.7, 2.2)  # seconds; the first blink comes early, so that short clips have one
_SHORTEST, _LONGEST = 0.9, 5.5  # seconds between natural blinks; none for 6 s looks like a stare
_MEDIAN, _SIGMA = 2.4, 0.45  # of the log-normal intervals: their mean is 2.6 s after the bounds
_MOST_A_MINUTE = 32
_END = 0.45  # seconds before the end without a new blink: no clip ends with closed eyes
_ONE_BLINK = 4.0  # clips up to this long blink once
_NO_BLINK = 1.0  # clips shorter than this do not blink
_NEAR_PAUSE, _TO_PAUSE = 0.9, 0.75  # a pause this near (s) attracts a blink with this probability
_AFTER_SOUND = 0.06  # seconds: lids start to fall as the last sound ends


def blink_times(
    blinks: Blinks, prosody: Prosody, duration: float, rng: np.random.Generator
) -> Float[np.ndarray, " blinks"]:
    """Decide when the eyes are shut, in seconds.

    Args:
        blinks: What was asked for.
        prosody: Pauses attract natural blinks.
        duration: Seconds of the whole clip. Asked times beyond it are left out with a warning.
        rng: The stream of the blinks.
    """
    if blinks == "off":
        return np.zeros(0)
    if blinks == "natural":
        return _natural(prosody, duration, rng)
    if isinstance(blinks, tuple):
        return _asked(blinks, duration)
    # One blink in each stretch of a period: as even as the number asks, as loose as life.
    period = 60.0 / blinks
    slots = np.arange(math.ceil(duration / period))
    times = (slots + rng.uniform(0.25, 0.75, len(slots))) * period
    return times[times <= duration - _END]


def _asked(times: tuple[float, ...], duration: float) -> Float[np.ndarray, " blinks"]:
    """Keep the times at which the eyes can close and open again before the clip ends."""
    late = [time for time in times if time > duration - _LAST_ASKED]
    if late:
        shown = ", ".join(f"{time:g}" for time in late)
        msg = (
            f"blinks at {shown} s are left out: the clip lasts {duration:.2f} s and has to end "
            f"with open eyes; ask for times up to {max(0.0, duration - _LAST_ASKED):.2f} s"
        )
        warnings.warn(msg, Speech2FaceWarning, stacklevel=2)
    return np.array([time for time in times if time not in late], float)


def _natural(
    prosody: Prosody, duration: float, rng: np.random.Generator
) -> Float[np.ndarray, " blinks"]:
    if duration < _NO_BLINK:
        return np.zeros(0)
    pauses = prosody.phrases[:, 1] + _AFTER_SOUND
    end = duration - _END
    times = [_attract(rng, min(rng.uniform(*_FIRST), end), (min(0.4, end), min(2.4, end)), pauses)]
    while duration > _ONE_BLINK:
        earliest, latest = times[-1] + _SHORTEST, times[-1] + _LONGEST
        if len(times) >= _MOST_A_MINUTE:
            earliest = max(earliest, times[-_MOST_A_MINUTE] + 60.0)
        wanted = times[-1] + rng.lognormal(math.log(_MEDIAN), _SIGMA)
        time = _attract(rng, wanted, (earliest, latest), pauses)
        if time > end:
            break
        times.append(time)
    return np.array(times)


def _attract(
    rng: np.random.Generator,
    wanted: float,
    bounds: tuple[float, float],
    pauses: Float[np.ndarray, " pauses"],
) -> float:
    """Move a wanted time into its bounds and, as a rule, to a pause nearby."""
    near = pauses[np.searchsorted(pauses, bounds[0]) : np.searchsorted(pauses, bounds[1])]
    moves = rng.uniform() < _TO_PAUSE
    if len(near) and moves:
        nearest = float(near[np.abs(near - wanted).argmin()])
        if abs(nearest - wanted) < _NEAR_PAUSE:
            return nearest
    return float(np.clip(wanted, *bounds))


def blink_track(
    times: Float[np.ndarray, " blinks"],
    seconds: Float[np.ndarray, " frames"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "frames 2"]:
    """Draw the lids: 0 open, 1 shut, both eyes alike; the last frame is always open.

    Args:
        times: When the eyes are shut, in seconds.
        seconds: The time of each frame, evenly spaced.
        rng: Draws how fast each blink is.
    """
    closing = rng.uniform(*_CLOSING, len(times))
    opening = rng.uniform(*_OPENING, len(times))
    lids = np.zeros(len(seconds))
    for time, close, wanted_open in zip(times, closing, opening, strict=True):
        # The frame at or before the asked time is fully shut, the next one nearly always too: both
        # lie within a frame of it. A peak between two frames would never be seen.
        frame = max(0, int(np.searchsorted(seconds, time + 1e-6, side="right")) - 1)
        offset = seconds - seconds[frame]
        room = float(offset[-1]) - _CLOSED
        if room < _QUICKEST_OPENING:
            continue
        first, last = np.searchsorted(offset, [-close, _CLOSED + wanted_open])
        shape = bump(offset[first:last], close, min(wanted_open, room), _CLOSED)
        lids[first:last] = np.maximum(lids[first:last], shape)
    return np.stack([lids, lids], 1)


class LiveBlinks:
    """Blinks as `blink_times` and `blink_track` plan them, for a clip without a known end.

    A blink is decided on just before the lids start to fall; a blink that has begun is never taken
    back, whatever is asked for meanwhile.
    """

    def __init__(self, blinks: Blinks, rng: np.random.Generator) -> None:
        """Begin with open eyes.

        Args:
            blinks: What is asked for; times count from the start of the session.
            rng: The stream of the blinks.
        """
        self._rng = rng
        self._shut = -math.inf  # second at which the eyes are or were shut last
        self._closing, self._opening = _CLOSING[0], _OPENING[0]
        self._pause = -math.inf
        self._recent: deque[float] = deque(maxlen=_MOST_A_MINUTE)
        self.steer(blinks, 0.0)

    def steer(self, blinks: Blinks, now: float) -> None:
        """Ask for other blinks from the second `now` on."""
        self._blinks = blinks
        self._origin, self._slot = now, 0
        self._draw(now, first=True)

    def hear(self, heard: Heard) -> None:
        """Take up that a phrase has ended."""
        if heard.ended is not None:
            self._pause = heard.ended + _AFTER_SOUND

    def at(self, now: float, end: float) -> float:
        """Compute how far the lids are shut at the second `now`, one motion frame after the last.

        Args:
            now: Seconds since the session began.
            end: The last frame's second, where it is known (else infinity): its eyes are open.
        """
        over = self._shut + _CLOSED + self._opening
        if now >= over and (time := self._due(now)) is not None:
            # The frame at or before the wanted time is fully shut, and the next one nearly so.
            frame = math.floor(time * MOTION_FPS + 1e-6) / float(MOTION_FPS)
            if frame + _CLOSED + _QUICKEST_OPENING <= end:
                self._shut = frame
                self._recent.append(frame)
            self._closing, self._opening = (float(self._rng.uniform(*a)) for a in _SPEEDS)
            self._draw(time, first=False)
        room = end - self._shut - _CLOSED
        opening = min(self._opening, max(room, 1e-3))
        return float(bump(np.array([now - self._shut]), self._closing, opening, _CLOSED)[0])

    def _due(self, now: float) -> float | None:
        """Return the second of the next blink once its lids have to start falling."""
        soonest = now + _CLOSING[1] if now > 0 else 0.0
        near = abs(self._pause - self._wanted) < _NEAR_PAUSE
        if self._moves and near and self._pause > now - _CLOSED and self._bounds[0] <= self._pause:
            return max(self._pause, soonest)
        time = min(max(self._wanted, self._bounds[0]), self._bounds[1])
        return max(time, soonest) if time <= soonest + 1.0 / float(MOTION_FPS) else None

    def _draw(self, last: float, *, first: bool) -> None:
        """Decide when the next blink is wanted, the last one being at the second `last`."""
        self._moves, self._bounds = False, (-math.inf, math.inf)
        if self._blinks == "off":
            self._wanted = math.inf
        elif isinstance(self._blinks, tuple):
            later = [time for time in self._blinks if time > last or (first and time == last)]
            self._wanted = min(later, default=math.inf)
        elif isinstance(self._blinks, str):
            self._draw_natural(last, first=first)
        else:
            share = self._slot + self._rng.uniform(0.25, 0.75)
            self._wanted = self._origin + share * 60.0 / self._blinks
            self._slot += 1

    def _draw_natural(self, last: float, *, first: bool) -> None:
        self._moves = bool(self._rng.uniform() < _TO_PAUSE)
        if first:
            self._wanted = last + self._rng.uniform(*_FIRST)
            self._bounds = last + 0.4, last + 2.4
            return
        self._wanted = last + self._rng.lognormal(math.log(_MEDIAN), _SIGMA)
        earliest, latest = last + _SHORTEST, last + _LONGEST
        if len(self._recent) == _MOST_A_MINUTE:
            earliest = max(earliest, self._recent[0] + 60.0)
        self._bounds = earliest, max(latest, earliest)
