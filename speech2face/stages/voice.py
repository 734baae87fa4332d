"""How the mouth comes to rest where nobody speaks.

`Gate` turns the network's own opinion about speech, which hears through noise, into a weight that
opens fast and closes gently, so that a mouth neither chatters in a pause nor snaps shut.
"""

import numpy as np
from jaxtyping import Float


class Gate:
    """Follows a speech logit: rises within a frame or two, falls over about half a second."""

    def __init__(self, *, bias: float = 2.0, rise: float = 0.9, fall: float = 0.25) -> None:
        """Choose the speeds.

        Args:
            bias: Added to the logit; above 0 the gate would rather open.
            rise: Part of the way to 1 that is gone in a frame of 40 ms.
            fall: Part of the way to 0 that is gone in a frame.
        """
        self.bias: float = bias
        self.rise: float = rise
        self.fall: float = fall
        self._value: float = 0.0

    def __call__(self, logits: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
        """Return the weight, 0 at rest to 1 in speech, of the frames after the last call's."""
        # Twice the logit: a doubtful frame should be decided, a sure one is not changed.
        wanted = 1 / (1 + np.exp(-np.clip(2 * (logits + self.bias), -30, 30)))
        weights = np.empty(len(logits), np.float32)
        for i, target in enumerate(wanted):
            speed = self.rise if target > self._value else self.fall
            self._value += speed * (float(target) - self._value)
            weights[i] = self._value
        return weights
