"""Everything a user can choose about a reenactment, checked when it is chosen."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from speech2face.checked import require_types
from speech2face.configs import setting
from speech2face.controls.settings import FACE
from speech2face.errors import InputError
from speech2face.jobs.settings import PICTURE, RUN, Settings
from speech2face.regions import parse_regions

DRIVER = "The driving video"
"""Title of these settings in a help text."""


TRACKED, OWN = MOTIONS = ("tracked", "own")
"""What can read the driver's motion: our tracker, or the generator's own extractor."""


@dataclass(frozen=True, kw_only=True)
class ReenactSettings:
    """How a portrait is to move as a video does."""

    regions: str = setting(FACE, default="all")
    """What moves: all, expression (all but the head), lips, eyes, brows, head; joined by +, each
    with a strength from 0 to 2: expression+head:0.5."""
    absolute: bool = setting(FACE, default=False, flags="--absolute/--relative")
    """The head takes the driver's own pose, instead of its motion from the anchor."""
    expression_scale: float = setting(FACE, default=1.0)
    """With --audio: strength of the lips' motion, 0 to 2."""
    anchor: float | None = setting(DRIVER, default=None)
    """Second of the driving video at which its face is like the portrait; without it the calmest
    frame, with closed lips and open eyes, is found."""
    motion: str = setting(DRIVER, default="tracked")
    """What reads the driver's motion: tracked (our tracker, any generator, any region), or own: the
    imported generator's own motion extractor, as its makers meant it."""
    start: float = setting(DRIVER, default=0.0)
    """Second of the driving video at which it begins."""
    end: float | None = setting(DRIVER, default=None)
    """Second of the driving video at which it ends."""
    driving_face: str = setting(DRIVER, default="largest")
    """Which of several faces in the driving video: largest, left, right, a number, or X,Y."""
    size: int | None = setting(PICTURE, default=None)
    """Side in pixels at which the square around the face is drawn: 256, 512, ... Without it: as
    fine as the picture, 512 at most."""
    full: bool = setting(PICTURE, default=True, flags="--full/--crop")
    """The whole picture at its own size, or the square around the face alone."""
    background: str = setting(PICTURE, default="white")
    """What shows through a transparent picture: a name, #rrggbb or r,g,b."""
    face_select: str = setting(PICTURE, default="largest")
    """Which of several faces in the portrait: largest, left, right, a number, or a point X,Y."""
    force: bool = setting(PICTURE, default=False, flags="--force")
    """Accept a face that is too small or too far turned away."""
    generator: str = setting(RUN, default="warp")
    """What draws the frames: warp, facevid2vid, or FAMILY:NAME with weights that you
    imported."""
    tracker: str = setting(RUN, default="mesh")
    """What finds the faces: mesh, which ships, or face-alignment, whose weights you bring."""
    speech2landmarks: Path | None = setting(RUN, default=None, flags="--speech2landmarks")
    """Weights that read lips from the sound of --audio; without it those that ship."""
    preview: int | None = setting(RUN, default=None)
    """Make only the first N frames."""

    def __post_init__(self) -> None:
        """Check what no type can; what `animate` has too is checked by `Settings`.

        Raises:
            InputError: A value is of a wrong type, or outside what can be used.
        """
        require_types(self)
        self.shared(Fraction(25))
        strengths = parse_regions(self.regions)
        if self.motion not in MOTIONS:
            msg = f"the motion {self.motion!r} is unknown; choose one of {', '.join(MOTIONS)}"
            raise InputError(msg)
        if self.motion == OWN and (self.absolute or set(strengths.values()) != {1.0}):
            msg = (
                "a generator's own motion is that of the whole face since the anchor; leave out "
                "--regions and --absolute, or take --motion tracked"
            )
            raise InputError(msg)
        end = float("inf") if self.end is None else self.end
        if not 0 <= self.start < end or (self.anchor is not None and self.anchor < 0):
            msg = (
                f"the part from {self.start:g} s to {end:g} s, anchored at {self.anchor} s, cannot "
                "be used; expected seconds from 0 on and an end after the start"
            )
            raise InputError(msg)

    def shared(self, fps: Fraction) -> Settings:
        """Return what `animate` has too, as its settings at a rate."""
        return Settings(
            expression_scale=self.expression_scale, fps=fps, size=self.size, full=self.full,
            background=self.background, face_select=self.face_select, force=self.force,
            generator=self.generator, tracker=self.tracker,
            speech2landmarks=self.speech2landmarks, preview=self.preview,
        )  # fmt: skip

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the settings name; no output may be written over them."""
        return () if self.speech2landmarks is None else (self.speech2landmarks,)
