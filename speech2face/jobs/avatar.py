"""An avatar: a portrait that was looked at and encoded once, to say any number of things."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float

from speech2face.checked import typed
from speech2face.controls.director import direct
from speech2face.controls.head_room import HeadRoom
from speech2face.controls.live import LiveDirector
from speech2face.controls.planned import Planned
from speech2face.errors import Speech2FaceWarning
from speech2face.face.track import FaceTracker
from speech2face.face.view import View
from speech2face.generators.ahead import Drawers
from speech2face.generators.base import Frame, Frames, Generator, Latents
from speech2face.jobs.clip import Clip, Progress, Report, silent
from speech2face.jobs.pose_video import follow_pose
from speech2face.jobs.settings import Settings
from speech2face.media.inputs import Readable
from speech2face.media.sound.audio import Samples, open_sound
from speech2face.media.sound.sound import Sound
from speech2face.motion.motion import Motion
from speech2face.session import Cast, Piece, Session
from speech2face.signals import resample
from speech2face.stages.landmarks2latents import landmarks2latents
from speech2face.stages.loudness import loudness_of
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.timing import MOTION_FPS, MOTION_SAMPLES, frames_for
from speech2face.types import LandmarkTrack, LatentTrack, Speech

_MOVING = 0.03
"""Landmarks that move by less than this share of the distance between the eyes say nothing: the
network gives up to 0.027 for silence and noise, and 0.06 for a lone tone (measured)."""

_LIVE_BATCH = 4
"""Frames of a session that are waited for and drawn together."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The networks that settings ask for, loaded once."""

    tracker: FaceTracker
    speech2landmarks: Speech2Landmarks
    generator: Generator[Any]
    drawers: Drawers
    """Threads of the generator."""


class Avatar:
    """One portrait; sessions and clips of it share what was encoded."""

    def __init__(self, view: View, parts: Parts, settings: Settings) -> None:
        """Encode a view.

        Args:
            view: The portrait with its chosen face.
            parts: Loaded networks.
            settings: What sessions and clips are like unless they are given settings of their own.
        """
        self.view, self.settings = view, settings
        self._parts = parts
        self._state = parts.generator.encode([view])

    @typed
    def session(self, settings: Settings | None = None, *, plan: Speech | None = None) -> Session:
        """Begin to speak with sound that is still to come.

        Args:
            settings: What the face does; size, choice of the face and generator stay the avatar's.
            plan: The whole sound, where it is known: head, blinks and gaze are then planned as for
                a file; without it they are decided live, with a fixed look-ahead.

        Raises:
            InputError: A setting cannot be used.
        """  # noqa: DOC502 the parts raise it
        settings = settings or self.settings
        parts = self._parts
        cast = Cast(
            view=self.view, state=self._state, generator=parts.generator, drawers=parts.drawers,
            speech2landmarks=parts.speech2landmarks,
        )  # fmt: skip
        frames = None if plan is None else max(1, -(-len(plan.samples) // MOTION_SAMPLES))
        settings = follow_pose(settings, parts.tracker, frames or _FOLLOWED)
        if plan is None or frames is None:
            director = LiveDirector(settings, HeadRoom.of(self.view))
        else:
            room = HeadRoom.of(self.view)
            director = Planned(direct(plan, settings, frames, MOTION_FPS, room))
        return Session(
            cast, director, fps=settings.rate, full=settings.full,
            expression_scale=settings.expression_scale, batch_size=_LIVE_BATCH,
        )  # fmt: skip

    @typed
    def say(
        self,
        sound: Readable | Sound | Samples,
        settings: Settings | None = None,
        report: Report = silent,
    ) -> Clip:
        """Say a whole sound.

        Args:
            sound: A file, its bytes, a stream, or an array (samples, or samples x channels) and its
                rate; of sound that is still to come take a `session`, or `stream` it.
            settings: What the face does; size, choice of the face and generator stay the avatar's.
            report: Called whenever a stage has ended.

        Returns:
            The clip: iterate over it for RGB frames.

        Raises:
            Speech2FaceError: The sound cannot be used.
        """  # noqa: DOC502 the parts raise it
        opened = open_sound(sound)
        return self.clip(opened.speech(), opened.duration, settings, report, name=opened.name)

    @typed
    def stream(
        self, pieces: Iterable[np.ndarray], rate: int, settings: Settings | None = None
    ) -> Iterator[Piece]:
        """Say what an iterator yields, while it yields it: mono samples of one rate."""
        session = self.session(settings)
        for samples in pieces:
            yield from session.feed(samples, rate)
        yield from session.finish()

    def clip(
        self,
        speech: Speech,
        duration: Fraction,
        settings: Settings | None = None,
        report: Report = silent,
        *,
        name: str | None = "the sound",
    ) -> Clip:
        """Plan the motion for a whole sound; frames are drawn when they are asked for.

        Args:
            speech: The sound as the networks hear it.
            duration: Its exact length in seconds.
            settings: What the face does; size, choice of the face and generator stay the avatar's.
            report: Called whenever a stage has ended.
            name: What to call the sound in a warning that nobody speaks in it; None: there is
                none, this face listens.
        """
        settings = settings or self.settings
        latents = self._plan(speech, settings, report, name)
        frames = frames_for(duration, settings.rate)
        latents = at_rate(latents, settings, min(frames, settings.preview or frames))
        parts = self._parts
        return Clip(
            self.view, self._state, latents, parts.generator, parts.drawers, settings, report
        )

    def moved(
        self, motion: Motion, speech: Speech | None, settings: Settings, report: Report = silent
    ) -> Clip:
        """Return the clip of a motion that is known; its rate is the clip's.

        Args:
            motion: A row for each frame.
            speech: What is heard meanwhile; None is silence.
            settings: How frames are shown and drawn; the generator stays the avatar's.
            report: Called whenever frames have been drawn.
        """
        parts = self._parts
        heard = speech if parts.generator.spec.hears else None
        levels = None if heard is None else loudness_of(heard, len(motion), motion.fps)
        values = parts.generator.drive(self._state, motion, levels)
        return self.drawn(values, motion.fps, settings, report)

    def latents_like(self, frames: Frames, first: Frame) -> Latents:
        """Return the latents of another face's motion, as the generator's own extractor reads it.

        Args:
            frames: Square crops of that face.
            first: The one that is like this portrait.

        Raises:
            InputError: The generator has no extractor.
        """  # noqa: DOC502 the generator raises it
        return self._parts.generator.read(self._state, frames, first)

    def drawn(
        self, values: Latents, fps: Fraction, settings: Settings, report: Report = silent
    ) -> Clip:
        """Return the clip of latents that are known.

        Args:
            values: A row for each frame.
            fps: Their rate, which is the clip's.
            settings: How frames are shown and drawn; the generator stays the avatar's.
            report: Called whenever frames have been drawn.
        """
        parts = self._parts
        latents = LatentTrack(values=values, space=parts.generator.spec.name, fps=fps)
        return Clip(
            self.view, self._state, latents, parts.generator, parts.drawers, settings, report
        )

    def _plan(
        self, speech: Speech, settings: Settings, report: Report, name: str | None
    ) -> LatentTrack:
        """Hear the speech and decide the motion; the sound is let go of afterwards."""
        parts, rest = self._parts, self.view.likeness.rest

        def ended(stage: str) -> None:
            report(Progress(stage=stage, done=1, total=1))

        track = parts.speech2landmarks(speech, rest)
        if name is not None and np.abs(track.points - rest).max() < _MOVING:
            note = f"no speech was found in {name}; the mouth stays at rest"
            warnings.warn(note, Speech2FaceWarning, stacklevel=4)
        ended("landmarks")
        followed = follow_pose(settings, parts.tracker, len(track))
        controls = direct(speech, followed, len(track), track.fps, HeadRoom.of(self.view))
        ended("controls")
        track = scaled(track, rest, settings.expression_scale)
        latents = landmarks2latents(
            parts.generator, self._state, self.view, track, controls, speech
        )
        ended("latents")
        return latents


_FOLLOWED = 60 * MOTION_FPS.numerator
"""Frames of a video whose head leads a live session: they are played to and fro."""


def scaled(track: LandmarkTrack, rest: Float[np.ndarray, "70 3"], strength: float) -> LandmarkTrack:
    """Make the motion away from the resting face stronger or weaker."""
    if strength == 1:
        return track
    points = rest + strength * (track.points - rest)
    return replace(track, points=points.astype(np.float32))


def at_rate(latents: LatentTrack, settings: Settings, frames: int) -> LatentTrack:
    """Bring latents to the rate of the video: motion is resampled, frames never are."""
    values = resample(latents.values, latents.fps, settings.rate, frames)
    return replace(latents, values=values, fps=settings.rate)
