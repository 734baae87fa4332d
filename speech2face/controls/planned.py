"""Directors as a session asks them: piece by piece, live or along a plan."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from speech2face.controls.settings import ControlSettings
from speech2face.errors import InputError
from speech2face.steps import Step
from speech2face.timing import MOTION_SAMPLES
from speech2face.types import ControlTrack, cut

Samples = Float[np.ndarray, " _samples"]


@runtime_checkable
class Director(Step[Samples, ControlTrack], Protocol):
    """Decides beside the words; `live.LiveDirector`, or `Planned` where all is known.

    It is fed sound at 16 kHz and returns a row for every 640 samples begun.
    """

    def steer(self, settings: ControlSettings) -> None:
        """Ask for something else from the next row on."""
        ...

    def interrupt(self) -> None:
        """Forget the sound that was heard and not answered."""
        ...


class Planned:
    """The controls of a sound that is wholly known, row by row."""

    late = 0

    def __init__(self, controls: ControlTrack) -> None:
        """Take the plan, at 25 rows a second; beyond its end the last row holds."""
        self._controls, self._samples, self._rows = controls, 0, 0

    def feed(self, samples: Samples) -> ControlTrack:
        """Return the rows of frames that are complete."""
        self._samples += len(samples)
        return self._until(self._samples // MOTION_SAMPLES)

    def finish(self) -> ControlTrack:
        """Return the row of a frame that has only begun."""
        return self._until(-(-self._samples // MOTION_SAMPLES))

    def steer(self, settings: ControlSettings) -> None:
        """Refuse.

        Raises:
            InputError: Always: what is planned cannot be steered.
        """
        msg = f"a planned session cannot be steered (to {settings}); begin one without plan="
        raise InputError(msg)

    def interrupt(self) -> None:
        """Go on with the plan: its rows are those of the sound that was heard."""

    def _until(self, stop: int) -> ControlTrack:
        rows = np.arange(self._rows, max(stop, self._rows))
        self._rows = max(stop, self._rows)
        return cut(self._controls, np.minimum(rows, len(self._controls) - 1))
