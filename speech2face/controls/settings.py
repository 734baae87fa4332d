"""What a user asks of the face, beside the words: the director's settings. Nothing numeric loads.

A setting is declared once: its field, with the docstring below it, is the option of the command
line, the argument in Python, and the control of a page (`jobs.fields` reads them).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from speech2face.checked import require_types
from speech2face.configs import setting
from speech2face.controls.timeline import Timeline, constant
from speech2face.controls.words import (
    check_strength,
    parse_blink,
    parse_emotion,
    parse_gaze,
    parse_pose,
)
from speech2face.errors import InputError

FACE = "What the face does"
"""Title of these settings in a help text."""


@dataclass(frozen=True, kw_only=True)
class ControlSettings:
    """What the face does; each setting is a shorthand for a track of a `Timeline`.

    In Python they may be values too: `emotion={"happy": 0.7}`, `blink=12` or `(0.5, 1.2)`,
    `gaze=(10, -5)`, `pose=Path("me.mp4")`.
    """

    emotion: str | Mapping[str, float] = setting(FACE, default="neutral")
    """neutral, happy, sad, angry, surprised, fearful, disgusted, contempt; with an intensity from 0
    to 1.5, and mixed: happy:0.7, happy:0.5+surprised:0.3."""
    blink: str | float | Sequence[float] = setting(FACE, default="natural")
    """natural, off, a rate a minute (12), or the times in seconds (0.5,2,3.1; one time: 0.5,)."""
    gaze: str | Sequence[float] = setting(FACE, default="natural")
    """camera, natural, or YAW,PITCH in degrees (to the image's right and up)."""
    pose: str | Path = setting(FACE, default="natural")
    """natural: the head moves with the voice; still; or a video whose head leads this one (a
    shorter one is played forwards and backwards)."""
    pose_strength: float = setting(FACE, default=1.0)
    """How far the head moves, 0 to 2; 1 is natural."""
    liveliness: float = setting(FACE, default=1.0)
    """How much head, brows, cheeks and lip corners live with the voice, 0 to 2; 1 is natural."""
    timeline: Timeline | Path | None = setting(FACE, default=None)
    """A TOML or JSON file with emotion, blinks, gaze and pose over time; the options above, where
    they are given, replace its tracks."""
    seed: int = setting(FACE, default=0)
    """Another number gives other blinks and head motion; the same one the same frames."""

    def __post_init__(self) -> None:
        """Check every word before any work begins; read the timeline if it is a file.

        Raises:
            InputError: A setting cannot be used.
        """
        require_types(self)
        if isinstance(self.timeline, Path):
            object.__setattr__(self, "timeline", Timeline.read(self.timeline))
        if self.seed < 0:
            msg = f"the seed {self.seed} is negative; give a whole number from 0 up"
            raise InputError(msg)
        self.resolve()  # every parser in it raises InputError

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the settings name; no output may be written over them."""
        source = self.timeline.source if isinstance(self.timeline, Timeline) else self.timeline
        named = (source, self.resolve().pose)
        return tuple(path for path in named if isinstance(path, Path))

    def resolve(self) -> Timeline:
        """Spell the settings out as one timeline."""
        gaze, strength = parse_gaze(self.gaze), check_strength(self.pose_strength)
        check_strength(self.liveliness)
        asked = Timeline(
            emotion=constant(*parse_emotion(self.emotion)),
            blink=parse_blink(self.blink),
            gaze=gaze if isinstance(gaze, str) else constant(*gaze),
            pose=parse_pose(self.pose),
            pose_strength=constant(strength),
        )
        if not isinstance(self.timeline, Timeline):
            return asked
        # A setting at its default is a setting not given: the file's track stands.
        plain = Timeline()
        given = {
            field.name: getattr(asked, field.name)
            for field in fields(Timeline)
            if getattr(asked, field.name) != getattr(plain, field.name)
        }
        return replace(self.timeline, **given)
