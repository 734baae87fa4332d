"""Landmarks2Latents: landmarks and controls become the latents of a generator.

The solve, which is the same for all, followed by the generator's own `drive`.
"""

from typing import TypeVar

from speech2face.face.view import View
from speech2face.generators.base import Generator
from speech2face.motion.solve import Solve
from speech2face.stages.loudness import loudness_of
from speech2face.types import ControlTrack, LandmarkTrack, LatentTrack, Speech

_State = TypeVar("_State")


def landmarks2latents(
    generator: Generator[_State],
    state: _State,
    view: View,
    track: LandmarkTrack,
    controls: ControlTrack,
    speech: Speech | None = None,
) -> LatentTrack:
    """Turn landmarks and controls into latents of the same length and rate.

    Args:
        generator: Whose latents.
        state: What it encoded of the view.
        view: The face that shall move.
        track: Normalized landmarks of that face while it speaks.
        controls: What the director asks for, at the same rate.
        speech: The sound; None is silence.

    Raises:
        InputError: Landmarks and controls differ in rate or length.
        WeightsError: The generator has to be calibrated first.
    """  # noqa: DOC502 the parts raise them
    motion = Solve(view)(track, controls)
    heard = speech if generator.spec.hears else None
    loudness = None if heard is None else loudness_of(heard, len(track), track.fps)
    values = generator.drive(state, motion, loudness)
    return LatentTrack(values=values, space=generator.spec.name, fps=motion.fps)
