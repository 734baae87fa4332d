"""What every generator offers: encode views once, turn motion into latents, draw frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.errors import InputError
from speech2face.face.view import View
from speech2face.motion.motion import Motion

State = TypeVar("State")

Frames = UInt8[np.ndarray, "frames size size 3"]
Frame = UInt8[np.ndarray, "1 size size 3"]
Latents = Float[np.ndarray, "frames latent"]
LOUDNESS_BANDS = 8
"""Bands of the spectrum by which `drive` hears a frame's sound."""
Loudness = Float[np.ndarray, "frames 8"]
"""0 silent, 1 as loud as the voice gets, for each band of each frame's sound."""


@dataclass(frozen=True, kw_only=True)
class GeneratorSpec:
    """What a generator is and can."""

    name: str
    """The generator's name, which is its latent space's name too."""
    latent_size: int
    """Numbers in one frame's latent."""
    side_by_side: int = 1
    """Chunks of frames that are best drawn at the same time, each on a thread of its own."""
    hears: bool = False
    """Whether `drive` makes use of the loudness."""
    follows: bool = False
    """Whether it draws views of a video, each once: see `FollowingGenerator`."""
    reads: bool = False
    """Whether it has a motion extractor of its own, so that `read` works."""


@runtime_checkable
class Generator(Protocol[State]):
    """Draws frames of one source; all that depends on the source alone is computed once."""

    @property
    def spec(self) -> GeneratorSpec:
        """What it is and can."""
        ...

    def encode(self, views: Sequence[View]) -> State:
        """Compute everything that depends on the views alone: one of a still, or one a frame.

        Raises:
            InputError: There are several views and this generator draws stills only.
        """
        ...

    def drive(self, state: State, motion: Motion, loudness: Loudness | None = None) -> Latents:
        """Turn motion into latents, a row a frame; rows do not depend on each other.

        Args:
            state: From `encode`.
            motion: Relative to the view; zeros give latents that draw it as it is.
            loudness: What is heard in each frame; None is silence.
        """
        ...

    def read(self, state: State, frames: Frames, first: Frame) -> Latents:
        """Read latents off frames of another face by the generator's own motion extractor.

        Args:
            state: Whose latents.
            frames: Square crops of the driving face.
            first: One crop of the driving face that belongs to the view as it is.

        Raises:
            InputError: The generator has no extractor (`spec.reads`).
        """
        ...

    def render(self, state: State, latents: Latents) -> Frames:
        """Draw the view's crop once for every row of latents, as one batch."""
        ...


class FollowingGenerator(Generator[State], Protocol[State]):
    """A generator that draws the views of a video, a few after the other (`spec.follows`)."""

    def encode(
        self, views: Sequence[View], after: State | None = None, mouths: Sequence[View] = ()
    ) -> State:
        """Compute what depends on the views alone; `render` takes a row of latents for each view.

        Args:
            views: The next of one shot; without `after` and `mouths` a single one is a still.
            after: State of the views before these, or of the shot's first as a still.
            mouths: Views of the shot whose mouths are open, kept for the views after these too.
        """
        ...


def following(generator: Generator[Any]) -> FollowingGenerator[Any]:
    """Return a generator as one that draws the views of a video.

    Raises:
        InputError: It draws stills only.
    """
    if not generator.spec.follows:
        msg = f"{generator.spec.name} draws one still picture, no videos; use warp"
        raise InputError(msg)
    return cast("FollowingGenerator[Any]", generator)


def only(views: Sequence[View], name: str) -> View:
    """Return the one view of a still.

    Raises:
        InputError: There are several, or none.
    """
    if len(views) != 1:
        msg = f"{name} draws one still picture, {len(views)} views were given; use another one"
        raise InputError(msg)
    return views[0]


def cannot_read(name: str) -> NoReturn:
    """Refuse to read motion: the generator has no extractor.

    Raises:
        InputError: Always.
    """
    msg = f"{name} cannot read motion off frames by itself; track the face and give it the motion"
    raise InputError(msg)
