"""Many channels become what is played (at most what every player plays alike) and what is heard.

One rule for both, so that the network never hears what nobody else hears, and the other way round:

* One or two channels are played as they are. Two are heard as their mean; where they are each
  other's negative (a balanced line recorded as stereo), as the mean of one and the other's
  negative, because the plain mean would be silence.
* Surround sound whose places are stated is played as it is where AAC and players know the places,
  and heard as players mix it down: front left and right, centre and surround 3 dB lower, no LFE.
* All other channels (microphones of a recorder, a WAV that states no places) are mixed into one,
  each as loud as the others, and this one is both played and heard.
"""

import numpy as np
from jaxtyping import Float32

_STEREO = 2

_SURROUND: dict[str, tuple[str, tuple[float, ...]]] = {
    "3.0": ("3.0", (0.5, 0.5, 0.707)),
    "4.0": ("4.0", (0.5, 0.5, 0.707, 0.5)),
    "5.0": ("5.0", (0.5, 0.5, 0.707, 0.354, 0.354)),
    "5.0(side)": ("5.0", (0.5, 0.5, 0.707, 0.354, 0.354)),
    "5.1": ("5.1", (0.5, 0.5, 0.707, 0.0, 0.354, 0.354)),
    "5.1(side)": ("5.1", (0.5, 0.5, 0.707, 0.0, 0.354, 0.354)),
}
"""ffmpeg's names of layouts: the layout that AAC has for it, and how each channel is heard."""

_OPPOSED, _AGREED = -0.6, 0.0
"""Correlation below which two channels are taken for each other's negative, and above which not."""

_FADE_SECONDS = 0.02


class Mixdown:
    """Mix blocks of sound; the blocks follow one another and all but the last are of one size."""

    def __init__(self, layout: str, channels: int, rate: int) -> None:
        """Choose the rule.

        Args:
            layout: ffmpeg's name of where the channels belong, for instance "5.1"; any other word
                where nobody has said it.
            channels: How many there are.
            rate: Samples a second.
        """
        self._surround = _SURROUND.get(layout) if channels > _STEREO else None
        self._channels: int = channels
        self._fade: int = max(1, round(rate * _FADE_SECONDS))
        self._signs: Float32[np.ndarray, " channels"] = np.ones(channels, np.float32)
        self.mixed: bool = channels > _STEREO and self._surround is None
        """Whether what is played is one channel mixed from several."""
        self.played_channels: int = 1 if self.mixed else channels
        self.played_layout: str = (
            self._surround[0] if self._surround else ("mono", "stereo")[self.played_channels - 1]
        )

    def played(
        self, block: Float32[np.ndarray, "samples channels"]
    ) -> Float32[np.ndarray, "samples played"]:
        """Return what the video plays."""
        return self._mean(block)[:, None] if self.mixed else block

    def heard(
        self, block: Float32[np.ndarray, "samples channels"]
    ) -> Float32[np.ndarray, " samples"]:
        """Return what the network hears."""
        if self._channels == 1:
            return block[:, 0]
        if self._surround is None:
            return self._mean(block)
        return block @ np.asarray(self._surround[1], np.float32)

    def _mean(
        self, block: Float32[np.ndarray, "samples channels"]
    ) -> Float32[np.ndarray, " samples"]:
        """Return the mean of the channels, each with the sign that agrees with the loudest."""
        signs = self._agreeing(block)
        if (signs == self._signs).all():
            # The plain mean where no channel is turned round: bit for bit numpy's own.
            return (
                block.mean(1, dtype=np.float32) if (signs > 0).all() else block @ signs / len(signs)
            )
        # A change of sign fades in, so that it does not click.
        weight = np.minimum(1, np.arange(1, len(block) + 1, dtype=np.float32) / self._fade)[:, None]
        mixed = block * (self._signs * (1 - weight) + signs * weight)
        self._signs = signs
        return mixed.mean(1, dtype=np.float32)

    def _agreeing(
        self, block: Float32[np.ndarray, "samples channels"]
    ) -> Float32[np.ndarray, " channels"]:
        # (channels, channels): inner products of the channels with one another
        products = block.T @ block
        energy = np.diagonal(products)
        loudest = int(np.argmax(energy))
        scale = np.sqrt(energy * energy[loudest])
        with np.errstate(invalid="ignore", divide="ignore"):
            agreement = np.where(scale > 0, products[loudest] / scale, 0)
        signs = self._signs * self._signs[loudest]
        signs = np.where(agreement < _OPPOSED, -1, np.where(agreement > _AGREED, 1, signs))
        return (signs * signs[0]).astype(np.float32)  # the sum's own sign is free
