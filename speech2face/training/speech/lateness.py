"""By how much the sound of a talking video comes late, as the shipped network hears it."""

import numpy as np

from speech2face import landmarks
from speech2face.models.mel import LogMel
from speech2face.models.speech2landmarks import mel_config
from speech2face.training.speech.data import Stretch
from speech2face.training.speech.preview import correlation, say
from speech2face.training.speech.recipe import Recipe
from speech2face.training.speech.speech2landmarks import start_network

_REACH = 8
"""Frames of 40 ms that are searched to either side."""
_CLEAR = 0.4
"""Correlation of heard and seen opening at the best lag below which nothing can be said."""
_WORTH = 0.75
"""Frames below which a video is left as it is: people differ by as much among each other."""


class Lateness:
    """Measures lags against the mouth opening that the shipped network predicts."""

    def __init__(self) -> None:
        """Load the shipped network."""
        self._network = start_network(Recipe(start="shipped")).eval()
        self._mel = LogMel(mel_config(self._network.config))

    def __call__(self, pieces: list[Stretch]) -> float:
        """Measure by how many frames the sound of some pieces is late.

        Returns:
            A positive number where lips move before their sound; 0 where nothing clear is heard.
        """
        curve = np.average(
            [self._correlations(piece) for piece in pieces], axis=0,
            weights=[len(piece) for piece in pieces],
        )  # fmt: skip
        best = int(curve.argmax())
        if curve[best] < _CLEAR or best in {0, len(curve) - 1}:
            return 0.0
        before, peak, after = curve[best - 1 : best + 2]
        bend = before - 2 * peak + after
        lag = best - _REACH + (0.5 * float((before - after) / bend) if bend else 0.0)
        return lag if abs(lag) >= _WORTH else 0.0

    def _correlations(self, piece: Stretch) -> np.ndarray:
        """Correlate what is heard with what was seen `lag` frames earlier, for every lag."""
        heard = landmarks.mouth_opening(piece.rest + say(self._network, self._mel, piece))
        seen = landmarks.mouth_opening(piece.rest + piece.offsets)
        count = len(seen)
        return np.array([
            correlation(heard[max(0, lag) : count + min(0, lag)],
                        seen[max(0, -lag) : count - max(0, lag)])
            for lag in range(-_REACH, _REACH + 1)
        ])  # fmt: skip
