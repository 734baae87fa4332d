"""What a live session costs: sound is fed at the pace at which it is spoken, 20 ms at a time."""

import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
from jaxtyping import Float

from speech2face.checked import typed
from speech2face.errors import InputError
from speech2face.jobs.avatar import Avatar
from speech2face.session import Piece, Session
from speech2face.timing import parse_seconds

_PIECE = 0.02
"""Seconds of sound that are fed at once, as a microphone gives them."""
_HEARD = 0.3
"""Seconds of speech from which the wait for the first frame is counted."""
_LOUD = 0.02
"""Speech begins where the sound first exceeds this."""
_STILL = 1.0
"""Mean change of a frame around the mouth, in grey levels, below which the mouth is silent."""


@dataclass(frozen=True, kw_only=True)
class LiveCost:
    """What was measured."""

    sound_seconds: float
    fps: float
    size: tuple[int, int]
    promised_delay: float
    """Seconds, from `Session.delay`."""
    first_frame: float
    """Seconds of clock time from the first 0.3 s of speech to the first frame of it."""
    delay: float
    """Seconds of clock time from the start of a frame's sound to the frame: 95 % are faster."""
    slowest: float
    """The same of the slowest frame."""
    real_time_factor: float
    """Seconds of work for a second of sound."""
    interrupt: float
    """Seconds of picture from an interruption until the mouth is still."""
    memory_growth: float
    """Resident memory at the end over that after a tenth of the sound; 1 is none."""


@typed
def measure_live(
    avatar: Avatar, samples: Float[np.ndarray, " samples"], rate: int, seconds: float
) -> LiveCost:
    """Let an avatar speak a sound, repeated up to a length, in real time.

    Args:
        avatar: Encoded already.
        samples: Mono speech.
        rate: Its rate.
        seconds: How long to feed it.

    Raises:
        InputError: That is less than a second.
    """
    if parse_seconds(seconds) < 1:
        msg = (
            f"{seconds} s of live sound tell nothing; expected a second or more; give --seconds 10"
        )
        raise InputError(msg)
    session = avatar.session()
    clock = _Clock(session, rate)
    speech = np.resize(samples, round(seconds * rate)).astype(np.float32)
    start = int(np.argmax(np.abs(speech) > _LOUD))
    heard = start + round(_HEARD * rate)
    step, early = round(_PIECE * rate), 0
    for at in range(0, len(speech), step):
        clock.feed(speech[at : at + step])
        if at <= len(speech) // 10:
            early = _resident()
    first = clock.first_after(heard, start)
    growth = _resident() / early if early else 1.0
    silent = _silenced(session)
    return LiveCost(
        sound_seconds=seconds, fps=float(session.fps), size=session.size,
        promised_delay=float(session.delay), first_frame=first,
        delay=float(np.quantile(clock.delays, 0.95)), slowest=float(np.max(clock.delays)),
        real_time_factor=clock.busy / seconds, interrupt=silent, memory_growth=growth,
    )  # fmt: skip


class _Clock:
    """Feeds sound at its own pace and notes when frames come."""

    def __init__(self, session: Session, rate: int) -> None:
        self._session, self._rate = session, rate
        self._fed: deque[tuple[int, float]] = deque()  # samples fed so far, and when
        self._began = perf_counter()
        self._samples = 0
        self.shown: list[tuple[int, float]] = []  # first sample of a frame, when it was drawn
        self.delays: list[float] = []
        self.busy = 0.0

    def feed(self, samples: Float[np.ndarray, " some"]) -> None:
        """Wait until these samples would have been spoken; feed them and draw."""
        self._samples += len(samples)
        sleep(max(0.0, self._began + self._samples / self._rate - perf_counter()))
        started = perf_counter()
        self._note(self._session.feed(samples, self._rate))
        self.busy += perf_counter() - started

    def first_after(self, heard: int, start: int) -> float:
        """Return seconds from when `heard` samples were in to the first frame from `start` on."""
        moment = self._began + heard / self._rate
        return next(when for sample, when in self.shown if sample >= start) - moment

    def _note(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            now = perf_counter()
            for number in range(piece.start, piece.start + len(piece.frames)):
                sample = int(number * self._rate / self._session.fps)
                self.shown.append((sample, now))
                self.delays.append(now - (self._began + sample / self._rate))


def _silenced(session: Session) -> float:
    """Interrupt; return seconds of picture until the lower half of the face no longer changes."""
    session.interrupt()
    frames = np.concatenate([piece.frames for piece in session.idle(session.fps.numerator)])
    lower = frames[:, frames.shape[1] // 2 :].astype(np.int16)
    moves = np.abs(np.diff(lower, axis=0)).mean((1, 2, 3))
    moving = np.flatnonzero(moves > _STILL)
    return float((moving[-1] + 1 if len(moving) else 0) / session.fps)


def _resident() -> int:
    """Return the bytes of memory that are resident now; 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096
