"""Everything a user can choose about a dubbed video, checked when it is chosen."""

from dataclasses import dataclass
from pathlib import Path

from speech2face.checked import require_types
from speech2face.configs import setting
from speech2face.controls.settings import FACE, ControlSettings
from speech2face.controls.timeline import Timeline
from speech2face.errors import InputError
from speech2face.jobs.settings import PICTURE, RUN, Settings
from speech2face.sources.modes import SYNC_MODES

SOUND = "Picture and sound"
"""Title of these settings in a help text."""
_DECIBELS = (-60.0, 20.0)


@dataclass(frozen=True, kw_only=True)
class DubSettings:
    """How a video is to be dubbed."""

    strength: float = setting(FACE, default=1.0)
    """Strength of the lips' motion: 0 none, 1 as spoken, up to 2."""
    emotion: str = setting(FACE, default="neutral")
    """Added to the face of the video, as animate's: happy:0.7, happy:0.5+surprised:0.3."""
    timeline: Timeline | Path | None = setting(FACE, default=None)
    """A TOML or JSON file with the emotion over time."""
    keep_mouth_when_silent: bool = setting(FACE, default=False, flags="--keep-mouth-when-silent")
    """Where the new sound pauses, the mouth is the video's own instead of at rest."""
    sync_mode: str = setting(SOUND, default="freeze")
    """Where video and sound differ in length. freeze: nothing is lost, a shorter video ends in its
    last frame, a shorter sound in silence; cut: both end with the shorter one; loop, bounce: a
    shorter video is repeated, or played to and fro; stretch: the video is made as long as the
    sound."""
    start: float = setting(SOUND, default=0.0)
    """Second of the video at which the dubbed one begins."""
    end: float | None = setting(SOUND, default=None)
    """Second of the video at which it ends."""
    mix_original: float | None = setting(SOUND, default=None)
    """Mix the video's own sound under the new one, at so many decibels: -12."""
    size: int | None = setting(PICTURE, default=None)
    """Side in pixels at which the square around the face is drawn: 256, 512, ... Without it: as
    fine as the video, 768 at most."""
    face_select: str = setting(PICTURE, default="largest")
    """Which of several faces, in every shot: largest, left, right, a number from 1 (the largest),
    or a point X,Y; with @SECOND (310,200@4.5) whoever that is at that second, in all shots."""
    faces: Path | None = setting(PICTURE, default=None)
    """Who speaks when in AUDIO, a TOML file: left = \\[\\[0, 3.2], \\[7.5, 9]], faces as above. Who
    is named is silent at other times, who is not named stays the video's own."""
    tracker: str = setting(RUN, default="mesh")
    """What finds the face: mesh, which ships, or face-alignment, whose weights you bring."""
    speech2landmarks: Path | None = setting(RUN, default=None, flags="--speech2landmarks")
    """Weights that read lips from the sound, from finetune or train; without it those that ship."""
    preview: int | None = setting(RUN, default=None)
    """Make only the first N frames."""
    max_duration: float | None = setting(RUN, default=None)
    """Refuse a sound of more seconds than this."""
    audio_track: int | None = setting(RUN, default=None)
    """Which of several sound tracks of AUDIO, from 1; without it the first, with a warning."""
    raw_audio: str | None = setting(RUN, default=None)
    """AUDIO has no header: RATE,CHANNELS,FORMAT, for instance 16000,1,s16le."""

    def __post_init__(self) -> None:
        """Check what no type can; the shared settings are checked by `Settings`.

        Raises:
            InputError: A value is of a wrong type, or outside what can be used.
        """
        require_types(self)
        if isinstance(self.timeline, Path):
            object.__setattr__(self, "timeline", Timeline.read(self.timeline))
        self.shared()
        if self.sync_mode not in SYNC_MODES:
            msg = f"the sync mode {self.sync_mode!r} is unknown; write {', '.join(SYNC_MODES)}"
            raise InputError(msg)
        if self.faces is not None and self.face_select != "largest":
            msg = "--faces names the faces itself; leave --face-select out"
            raise InputError(msg)
        end = float("inf") if self.end is None else self.end
        if not 0 <= self.start < end:
            msg = (
                f"the part from {self.start:g} s to {end:g} s cannot be used; expected a start "
                "from 0 on and an end after it, for instance --start 3 --end 6"
            )
            raise InputError(msg)
        low, high = _DECIBELS
        if self.mix_original is not None and not low <= self.mix_original <= high:
            msg = (
                f"the level {self.mix_original:g} dB cannot be used; expected {low:g} to {high:g} "
                "against the sound as it is, for instance -12"
            )
            raise InputError(msg)

    def shared(self) -> Settings:
        """Return what `animate` has too, as its settings."""
        return Settings(
            expression_scale=self.strength, emotion=self.emotion, timeline=self.timeline,
            size=self.size, face_select=self.face_select, tracker=self.tracker,
            speech2landmarks=self.speech2landmarks, preview=self.preview,
            max_duration=self.max_duration, audio_track=self.audio_track, raw_audio=self.raw_audio,
        )  # fmt: skip

    @property
    def controls(self) -> ControlSettings:
        """What is asked of the face beside the words."""
        return ControlSettings(emotion=self.emotion, timeline=self.timeline)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the settings name; no output may be written over them."""
        return (*self.shared().files, *([] if self.faces is None else [self.faces]))
