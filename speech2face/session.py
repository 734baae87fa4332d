"""A session: one speaker, one listener. Sound goes in piece by piece, frames come out with it.

    session = avatar.session()
    for samples in microphone:                      # any rate, pieces of any size
        for piece in session.feed(samples, 48_000):
            show(piece.frames, piece.samples)       # the sound of exactly these frames
    for piece in session.finish(): ...

Everything in it is a step that hears a fixed look-ahead, so that frames do not depend on how the
sound was cut. Between turns `idle` keeps the face alive; `interrupt` forgets what was heard.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import soxr
from jaxtyping import Float, UInt8

from speech2face.checked import typed
from speech2face.controls.head_room import HeadRoom
from speech2face.controls.live import LiveDirector
from speech2face.controls.planned import Director
from speech2face.controls.settings import ControlSettings
from speech2face.errors import InputError
from speech2face.face.paste import PasteBack
from speech2face.face.view import View, moved_inside
from speech2face.generators.ahead import Drawers
from speech2face.generators.base import LOUDNESS_BANDS, Generator
from speech2face.motion.motion import Motion
from speech2face.motion.solve import Solve
from speech2face.motion.steps import Bridge, SolveStep
from speech2face.stages.loudness import LoudnessStep
from speech2face.stages.speech2landmarks import Speech2Landmarks, SpeechStream
from speech2face.steps import Resample
from speech2face.timing import MOTION_FPS, MOTION_SAMPLES, SPEECH_RATE, frames_for, samples_at
from speech2face.types import ControlTrack, LandmarkTrack, cut, joined

_SOFTEN = 1
"""Frames of motion that are waited for so that emotion can soften the lips: less than offline."""
_RESAMPLING = Fraction(1, 25)
"""Seconds by which resampling to 16 kHz delays sound, at most (measured: 19 ms of 22 kHz)."""

_AT_ONCE = 8
"""Frames drawn as one batch at most."""

Samples = Float[np.ndarray, " _samples"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Frames of a session and their sound."""

    frames: UInt8[np.ndarray, "frames height width 3"]
    """RGB."""
    start: int
    """Number of the first frame, counted from the start of the session at `Session.fps`."""
    samples: Samples
    """The sound of exactly these frames, as it was fed, at `Session.rate`."""


@dataclass(frozen=True, kw_only=True)
class Cast:
    """What a session is played with: loaded and encoded once, shared by any number of sessions."""

    view: View
    state: object
    """What the generator encoded of the view."""
    generator: Generator[Any]
    drawers: Drawers
    speech2landmarks: Speech2Landmarks


class Session:
    """One speaker and one listener. Not for several threads at once; several sessions are fine."""

    def __init__(
        self,
        cast: Cast,
        director: Director | None = None,
        *,
        fps: Fraction = MOTION_FPS,
        full: bool = True,
        expression_scale: float = 1.0,
        batch_size: int = 4,
    ) -> None:
        """Begin a session.

        Args:
            cast: The avatar.
            director: Decides head, gaze, lids, brows and emotion; None: a live one, all natural.
            fps: Frames a second.
            full: Paste the face into the whole picture; else frames are the square around it.
            expression_scale: Strength of the lips' motion.
            batch_size: Frames that are waited for and drawn together: more take less time, and
                come later.
        """
        self.fps = fps
        self._cast = cast
        self._director = director or LiveDirector(ControlSettings(), HeadRoom.of(cast.view))
        self._scale, self._batch = expression_scale, batch_size
        canvas = cast.view if full else moved_inside(cast.view)
        self._paste = None if canvas is None else PasteBack(canvas)
        picture = cast.view.crop if canvas is None else canvas.image
        self.size = picture.shape[1], picture.shape[0]
        """Width and height of a frame."""
        self.rate = 0
        """Samples a second of the sound that is fed; 0 before the first."""
        self._group = max(1, round(batch_size * MOTION_FPS / fps))  # frames of motion in a batch
        self._solve = Solve(cast.view)
        self._given = 0  # frames handed out
        self._call = 0  # number of the last call that draws: iterators of earlier ones end
        self._finished = False
        self._last: Motion | None = None  # the row of motion that was shown last
        self._bridge: Bridge | None = None
        self._begin()

    def _begin(self) -> None:
        """Start the steps at the next frame; what was under way in them is forgotten."""
        spec = self._cast.generator.spec
        self._resampler = _Resampler(self.rate or SPEECH_RATE)
        self._hear = SpeechStream(self._cast.speech2landmarks.network, self._solve.rest)
        self._solving = SolveStep(self._solve, _SOFTEN)
        self._loudness = LoudnessStep() if spec.hears else None
        self._resample = Resample(MOTION_FPS, self.fps)
        # Rows that wait for those of the other steps.
        self._points = np.zeros((0, *self._solve.rest.shape), np.float32)
        self._controls = ControlTrack.neutral(0, MOTION_FPS)
        self._levels = np.zeros((0, LOUDNESS_BANDS), np.float32)
        self._motion = Motion.of(np.zeros((0, len(self._solve.rig.names))))  # from `_last` on
        self._motion_start = 0  # number of its first row since the steps began
        self._latents = np.zeros((0, spec.latent_size), np.float32)  # not drawn yet
        self._start = self._given  # frame at which the steps began
        self._sound = np.zeros(0, np.float32)  # of the frames that are not handed out
        self._fed = self._taken = 0  # samples since the steps began: fed, and handed out
        self._held = np.zeros(0, np.float32)  # at 16 kHz, not heard yet
        self._steps = 0  # frames of motion heard since the steps began
        self._late = max(self._hear.late, self._director.late) + self._solving.late

    @property
    def delay(self) -> Fraction:
        """Seconds from the start of a frame's sound until the frame can be drawn."""
        heard = Fraction(self._late + 1) / MOTION_FPS
        drawn = (self._resample.late + self._batch - 1) / self.fps
        return heard + drawn + (0 if self.rate in {0, SPEECH_RATE} else _RESAMPLING)

    @typed
    def feed(self, samples: np.ndarray, rate: int) -> Iterator[Piece]:
        """Hear the next piece of sound.

        It is heard at once; frames are drawn as the result is iterated over. What is not taken
        comes with the next call.

        Args:
            samples: Mono, in [-1, 1].
            rate: Samples a second; the same throughout a session.

        Raises:
            InputError: The rate changes, the sound is not mono or not finite, or the session has
                been finished.
        """  # noqa: DOC502 _checked raises it
        samples = self._checked(samples, rate)
        self._sound = np.concatenate([self._sound, samples])
        self._fed += len(samples)
        self._listen(self._resampler.feed(samples))
        return self._drawn(self._batch)

    @typed
    def idle(self, frames: int) -> Iterator[Piece]:
        """Live on while nobody speaks: as many frames of silence.

        Raises:
            InputError: The number is negative, or the session has been finished.
        """
        if frames < 0:
            msg = f"{frames} idle frames cannot be drawn; ask for 0 or more"
            raise InputError(msg)
        rate = self.rate or SPEECH_RATE
        position = Fraction(self._fed, rate) + frames / self.fps
        return self.feed(np.zeros(max(0, int(position * rate) - self._fed), np.float32), rate)

    @typed
    def steer(self, settings: ControlSettings) -> None:
        """Ask for another emotion, gaze, pose or blinking; it is reached smoothly.

        Raises:
            InputError: The session follows a plan.
        """  # noqa: DOC502 the director raises it
        self._director.steer(settings)

    def interrupt(self) -> None:
        """Forget all that was heard and not drawn; the mouth closes within 0.2 s, nothing jumps.

        The next frames are silent; they come as soon as something is fed, or with `idle`.
        """
        self._require_open()
        self._call += 1
        if not self._fed:
            return
        self._director.interrupt()
        self._begin()
        self._bridge = None if self._last is None else Bridge(self._last)
        # Filled with silence, so that frames come without waiting for the look-ahead again.
        self._sound = np.zeros(samples_at(self._late, MOTION_FPS, self.rate), np.float32)
        self._fed = len(self._sound)
        self._listen(np.zeros(self._late * MOTION_SAMPLES, np.float32))

    def finish(self) -> Iterator[Piece]:
        """Draw the rest; the last frame covers the end of the sound.

        Raises:
            InputError: The session has been finished already.
        """  # noqa: DOC502 _require_open raises it
        self._require_open()
        self._finished = True
        if not self._fed:
            return iter(())
        rest = self._resampler.finish()
        if not (self._steps or len(self._held) or len(rest)):
            rest = np.zeros(1, np.float32)  # less than a sample at 16 kHz: one frame all the same
        self._listen(rest, rest=True)
        self._points = np.concatenate([self._points, self._hear.finish()])
        self._controls = joined([self._controls, self._director.finish()])
        if self._loudness is not None:
            self._levels = np.concatenate([self._levels, self._loudness.finish()])
        self._advance()
        self._decide(self._solving.finish())
        total = frames_for(Fraction(self._fed, self.rate), self.fps)
        self._latents = np.concatenate([self._latents, self._resample.finish(total)])
        return self._drawn(1)

    def _checked(self, samples: np.ndarray, rate: int) -> Samples:
        self._require_open()
        if samples.dtype.kind != "f" or samples.ndim != 1 or not np.isfinite(samples).all():
            msg = (
                f"the sound is {samples.dtype} of the shape {samples.shape}; expected mono floats "
                "that are finite, in [-1, 1]; mix channels down, divide int16 by 32768"
            )
            raise InputError(msg)
        samples = np.asarray(samples, np.float32)
        if rate <= 0 or (self.rate and rate != self.rate):
            msg = (
                f"the sound is of {rate} Hz, the session began with {self.rate} Hz; feed one rate, "
                "above 0, throughout a session"
            )
            raise InputError(msg)
        if not self.rate:
            self.rate, self._resampler = rate, _Resampler(rate)
        return samples

    def _require_open(self) -> None:
        if self._finished:
            msg = "the session has been finished; begin another one with avatar.session()"
            raise InputError(msg)

    def _listen(self, speech: Samples, *, rest: bool = False) -> None:
        """Take 16 kHz samples; hear them, and decide what can be decided by now.

        A step of the network costs hardly less than several at once, and frames are drawn in
        batches: so sound is held back until it completes one, which delays nothing.
        """
        self._held = np.concatenate([self._held, speech])
        steps = len(self._held) // MOTION_SAMPLES
        ready = self._steps + steps - self._late  # frames that this sound would complete
        whole = steps - ready % self._group if ready >= self._group else 0
        heard = len(self._held) if rest else max(whole, 0) * MOTION_SAMPLES
        speech, self._held = np.split(self._held, [heard])
        self._steps += heard // MOTION_SAMPLES
        if not heard:
            return
        heard_points = self._cast.drawers.do(self._hear.feed, speech)
        self._points = np.concatenate([self._points, heard_points])
        self._controls = joined([self._controls, self._director.feed(speech)])
        if self._loudness is not None:
            self._levels = np.concatenate([self._levels, self._loudness.feed(speech)])
        self._advance()

    def _advance(self) -> None:
        """Solve the rows for which both landmarks and controls are there."""
        rows = min(len(self._points), len(self._controls))
        points = self._solve.rest + self._scale * (self._points[:rows] - self._solve.rest)
        track = LandmarkTrack(points=points.astype(np.float32), fps=MOTION_FPS)
        controls = cut(self._controls, slice(rows))
        self._points, self._controls = self._points[rows:], cut(self._controls, slice(rows, None))
        if rows:
            self._decide(self._solving.feed((track, controls)))

    def _decide(self, motion: Motion) -> None:
        """Turn motion into latents at the session's rate."""
        if not len(motion):
            return
        if self._bridge is not None:
            motion = self._bridge(motion)
            self._bridge = None if self._bridge.done else self._bridge
        levels = None
        if self._loudness is not None:
            levels, self._levels = self._levels[: len(motion)], self._levels[len(motion) :]
        latents = self._cast.generator.drive(self._cast.state, motion, levels)
        self._motion = joined([self._motion, motion])
        self._latents = np.concatenate([self._latents, self._resample.feed(latents)])

    def _drawn(self, batch: int) -> Iterator[Piece]:
        """Draw what is decided, in whole batches; what is not taken stays for the next call."""
        self._call += 1
        cast, call = self._cast, self._call
        count = len(self._latents) // batch * batch
        chunk = max(1, min(_AT_ONCE, count // cast.drawers.count))
        latents = self._latents[:count]
        for crops in cast.drawers.draw(cast.generator, cast.state, latents, chunk):
            for frames in (crops,) if self._paste is None else self._paste.in_parts(crops):
                if call != self._call:
                    return
                yield self._piece(frames)

    def _piece(self, frames: UInt8[np.ndarray, "frames height width 3"]) -> Piece:
        start, self._given = self._given, self._given + len(frames)
        self._latents = self._latents[len(frames) :]
        shown = self._given - self._start
        last = self._finished and not len(self._latents)
        end = self._fed if last else min(samples_at(shown, self.fps, self.rate), self._fed)
        samples, self._sound = np.split(self._sound, [end - self._taken])
        self._taken = end
        row = int((shown - 1) * MOTION_FPS / self.fps) - self._motion_start
        row = min(row, len(self._motion) - 1)
        self._last = cut(self._motion, slice(row, row + 1))
        self._motion = cut(self._motion, slice(row, None))
        self._motion_start += row
        return Piece(frames=frames, start=start, samples=samples)


class _Resampler:
    """Brings sound to 16 kHz piece by piece."""

    def __init__(self, rate: int) -> None:
        self._stream = (
            None if rate == SPEECH_RATE else soxr.ResampleStream(rate, SPEECH_RATE, 1, "float32")
        )

    def feed(self, samples: Samples) -> Samples:
        return samples if self._stream is None else self._stream.resample_chunk(samples)

    def finish(self) -> Samples:
        nothing = np.zeros(0, np.float32)
        return nothing if self._stream is None else self._stream.resample_chunk(nothing, last=True)
