"""What every generator offers: look at the portrait once, then draw frames from latents."""

from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.types import Portrait

State = TypeVar("State")


@runtime_checkable
class Generator(Protocol[State]):
    """Draws frames of one portrait; all that depends on the portrait alone is computed once."""

    name: str
    """The generator's name, which is its latent space's name too."""
    latent_size: int
    """Numbers in one frame's latent."""
    side_by_side: int
    """Chunks of frames that are best drawn at the same time, each on a thread of its own."""

    def encode(self, portrait: Portrait) -> State:
        """Compute everything that depends on the portrait alone."""
        ...

    def render(
        self, state: State, values: Float[np.ndarray, "frames latent"]
    ) -> UInt8[np.ndarray, "frames size size 3"]:
        """Draw the portrait's crop once for every row of latents, as one batch."""
        ...
