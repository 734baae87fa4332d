"""The live director: the controls of `direct` for a speech that is still arriving.

It hears a fixed look-ahead of sound and no more; every row depends on the sound up to there, the
settings and the seed, never on how the sound was cut into pieces. What is heard is compared with
what was heard before (`hearing`), so that neither the length nor the level need be known.
"""

from collections import deque

import numpy as np
from jaxtyping import Float

from speech2face.controls.blink import LiveBlinks
from speech2face.controls.director import require_followed
from speech2face.controls.emotion import Breath
from speech2face.controls.gaze import LiveGaze, Tremble
from speech2face.controls.head_room import HeadRoom
from speech2face.controls.hearing import FRAME, Ear, Heard
from speech2face.controls.keyframes import Curve
from speech2face.controls.life import FACE, HEAD, Life, Voice, temper
from speech2face.controls.settings import ControlSettings
from speech2face.controls.timeline import constant
from speech2face.errors import InputError
from speech2face.signals import smoothstep, stream
from speech2face.timing import MOTION_FPS
from speech2face.types import ControlTrack

_EMOTION, _LID, _SIGHT, _POSE, _FACE = (
    slice(0, 8), slice(8, 9), slice(9, 11), slice(11, 14), slice(14, 17),
)  # fmt: skip
_SIZE = 17
_EASE = 0.4  # seconds in which a new wish is reached, at least
_FASTEST = np.empty(_SIZE)  # of a change of wishes, each in its unit a second
_FASTEST[_EMOTION], _FASTEST[_LID], _FASTEST[_SIGHT] = 2.5, 10.0, 60.0
_FASTEST[_POSE], _FASTEST[_FACE] = 25.0, 2.5


class LiveDirector:
    """Decide emotion, blinks, gaze, pose and brows while the sound arrives.

    One director follows one speaker through a session: `feed` sound, `idle` where nobody speaks,
    `steer` to other wishes, `interrupt` where the listener barges in. Time goes on through all of
    them: row i stands for the second i / `MOTION_FPS` of the session.
    """

    late: int = 6
    """A row is known once the sound of its own frame and of this many after it was fed."""

    def __init__(self, settings: ControlSettings, room: HeadRoom | None = None) -> None:
        """Begin a session.

        Args:
            settings: What is asked for. Times in a timeline count from the start of the session.
            room: How far natural motion may turn the head; without one, that of a frontal view.

        Raises:
            InputError: The pose is still the path of a video.
        """  # noqa: DOC502 require_followed raises it
        self._ear = Ear()
        self._rest = np.zeros(0, np.float32)  # sound of a frame that is not whole yet
        self._heard: deque[Heard] = deque()  # frames of sound whose rows are to come
        self._rows = 0
        seed = settings.seed
        self._breath = Breath(stream(seed, "emotion"))
        self._tremble = Tremble(stream(seed, "tremble"))
        self._life, self._room = Life(stream(seed, "pose")), room or HeadRoom()
        self._gaze = LiveGaze(stream(seed, "gaze"), 0.0)
        self._wishes = _Wishes(settings, self._room)
        self._blinks = LiveBlinks(self._wishes.plan.blink, stream(seed, "blink"))
        self._former: _Wishes | None = None  # what was wished for until the last row
        self._off = np.zeros(_SIZE)  # of the former wishes from the new ones, when they changed
        self._changed = -np.inf  # second of that change

    def feed(self, samples: Float[np.ndarray, " samples"]) -> ControlTrack:
        """Hear more of the speech.

        Args:
            samples: Mono at `timing.SPEECH_RATE`, as many as there are.

        Returns:
            The rows that became known; there may be none.
        """
        sound = np.concatenate([self._rest, np.asarray(samples, np.float32)])
        rows: list[Float[np.ndarray, " size"]] = []
        whole = len(sound) // FRAME * FRAME
        for start in range(0, whole, FRAME):
            self._listen(sound[start : start + FRAME])
            if len(self._heard) > self.late:
                rows.append(self._row(np.inf))
        self._rest = sound[whole:].copy()
        return self._track(rows)

    def finish(self) -> ControlTrack:
        """Answer the rest of the sound: one row for every `FRAME` samples begun.

        The eyes are open in the last row. The session may go on: with `idle`, or with `feed` for
        the next turn.
        """
        self._fill()
        end = (self._rows + len(self._heard) - 1) / float(MOTION_FPS)
        return self._track([self._row(end) for _ in range(len(self._heard))])

    def idle(self, frames: int) -> ControlTrack:
        """Live on without sound.

        Args:
            frames: How many rows to return. Sound that was heard and not yet answered comes first;
                a frame of it that has only begun is filled with silence.

        Raises:
            InputError: `frames` is negative.
        """
        if frames < 0:
            msg = f"{frames} idle frames cannot be given; ask for 0 or more"
            raise InputError(msg)
        self._fill()
        rows: list[Float[np.ndarray, " size"]] = []
        for _ in range(frames):
            if not self._heard:
                self._take(self._ear.rest(self._next_second))
            rows.append(self._row(np.inf))
        return self._track(rows)

    def steer(self, settings: ControlSettings) -> None:
        """Ask for something else from the next row on; it is reached smoothly.

        Args:
            settings: What is asked for; the seed stays the one that the session began with.

        Raises:
            InputError: The pose is still the path of a video.
        """  # noqa: DOC502 require_followed raises it
        wishes = _Wishes(settings, self._room)
        if wishes.plan.blink != self._wishes.plan.blink:
            self._blinks.steer(wishes.plan.blink, self._rows / float(MOTION_FPS))
        self._former = self._former or self._wishes
        self._wishes = wishes

    def interrupt(self) -> None:
        """Drop the sound that was heard and not yet answered; the next sound follows the last row.

        Nods and raises that have begun end as they would have; nothing jumps.
        """
        now = self._rows / float(MOTION_FPS)
        self._rest = np.zeros(0, np.float32)
        self._heard.clear()
        self._ear.forget()
        self._life.forget(now)

    @property
    def _next_second(self) -> float:
        """The second at which the next frame of sound starts."""
        return (self._rows + len(self._heard)) / float(MOTION_FPS)

    def _fill(self) -> None:
        """Complete a frame of sound that has begun."""
        if len(self._rest):
            self._listen(np.pad(self._rest, (0, FRAME - len(self._rest))))
            self._rest = np.zeros(0, np.float32)

    def _listen(self, samples: Float[np.ndarray, " samples"]) -> None:
        self._take(self._ear.listen(samples, self._next_second))

    def _take(self, heard: Heard) -> None:
        """Hand what became known to those who act on it, from the next row on."""
        now = self._rows / float(MOTION_FPS)
        self._heard.append(heard)
        self._life.hear(heard, now)
        self._gaze.hear(heard)
        self._blinks.hear(heard)

    def _row(self, end: float) -> Float[np.ndarray, " size"]:
        """Decide the next row; `end` is the second of the last one, where it is known."""
        now = self._rows / float(MOTION_FPS)
        heard = self._heard.popleft()
        voice = Voice(
            talking=heard.talking, melody=heard.melody, force=heard.force, arousal=heard.arousal
        )
        # All are asked every time: they live on while something else is shown.
        natural = np.zeros(_SIZE)
        natural[_EMOTION] = self._breath.on(np.ones((1, 8)), np.array([now]))[0]
        natural[_LID] = self._blinks.at(now, end)
        natural[_SIGHT] = self._gaze.at(now)
        life = self._life.at(now, voice)
        natural[_POSE], natural[_FACE] = life[HEAD], life[FACE]
        row = self._wishes.on(natural, now)
        if self._former is not None:
            former = self._eased(self._former.on(natural, now), now)
            self._off, self._changed = former - row, now - 1.0 / float(MOTION_FPS)
            self._former = None
        self._rows += 1
        return self._eased(row, now)

    def _eased(self, row: Float[np.ndarray, " size"], now: float) -> Float[np.ndarray, " size"]:
        """Add what is left at this second of the former wishes."""
        # A smoothstep is half as fast again in its middle as on average.
        span = np.maximum(_EASE, 1.5 * np.abs(self._off) / _FASTEST)
        return row + self._off * (1.0 - smoothstep((now - self._changed) / span))

    def _track(self, rows: list[Float[np.ndarray, " size"]]) -> ControlTrack:
        """Turn rows, the last of which was decided last, into a track."""
        values = np.array(rows).reshape(-1, _SIZE)
        seconds = np.arange(self._rows - len(rows), self._rows) / float(MOTION_FPS)
        gaze = self._tremble.hold(values[:, _SIGHT], values[:, _POSE], seconds)
        return ControlTrack(
            emotion=values[:, _EMOTION].astype(np.float32),
            blink=np.repeat(values[:, _LID], 2, axis=1).astype(np.float32),
            gaze=gaze.astype(np.float32),
            pose=values[:, _POSE].astype(np.float32),
            brow=values[:, _FACE][:, 0].astype(np.float32),
            frown=values[:, _FACE][:, 1].astype(np.float32),
            smile=values[:, _FACE][:, 2].astype(np.float32),
            fps=MOTION_FPS,
        )


class _Wishes:
    """Settings as curves; no curve stands for natural motion."""

    def __init__(self, settings: ControlSettings, room: HeadRoom) -> None:
        self._liveliness, self._room = settings.liveliness, room
        plan = settings.resolve()
        pose = require_followed(plan.pose)
        self.plan = plan
        self.emotion, self.expression = Curve(plan.emotion), Curve(plan.expression)
        self.strength = Curve(plan.pose_strength)
        keys = constant(0.0, 0.0, 0.0) if pose == "still" else pose
        self.pose = None if keys == "natural" else Curve(keys)
        sight = constant(0.0, 0.0) if plan.gaze == "camera" else plan.gaze
        self.gaze = None if sight == "natural" else Curve(sight)

    def on(self, natural: Float[np.ndarray, " size"], now: float) -> Float[np.ndarray, " size"]:
        """Turn a row of natural motion into what is wished for at the second `now`."""
        at, row = np.array([now]), natural.copy()
        expression = self.expression.at(at)[0, 0]
        row[_EMOTION] *= self.emotion.at(at)[0] * expression
        if self.gaze is not None:
            row[_SIGHT] = self.gaze.at(at)[0]
        strength = self.strength.at(at)[0]
        if self.pose is None:
            row[_POSE] = self._room.hold(strength * self._liveliness * row[_POSE])
        else:
            row[_POSE] = strength * self.pose.at(at)[0]
        face = self._liveliness * expression * row[_FACE]
        row[_FACE] = temper(face[None], row[None, _EMOTION])[0]
        return row
