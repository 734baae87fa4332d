"""High dynamic range to standard: PQ and HLG pictures in BT.2020 become sRGB.

Diffuse white stays white; what is brighter is rolled off into the last quarter, so that skin keeps
its brightness. Sources: SMPTE ST 2084 (PQ), ITU-R BT.2100 (HLG), BT.2087 (primaries), BT.2408
(diffuse white at 203 cd/m2).
"""

from functools import cache
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16

TRANSFERS: Final = {16: "PQ", 18: "HLG"}
"""Names of H.273's transfer curves of high dynamic range."""

_WHITE, _HLG_PEAK = 203.0, 1000.0
"""cd/m2 of diffuse white, and of the display that HLG is graded on."""
_KNEE = 0.75
"""Light above which highlights are rolled off; 1 is diffuse white."""
_STEPS = 1 << 12
"""Of the tables."""
_BRIGHTEST = 8.0
"""Light that still differs from white."""
_TO_709 = np.array([
    [1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187],
], np.float32)  # fmt: skip


def to_sdr(
    image: UInt16[np.ndarray, "height width 3"], transfer: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Bring a full-range BT.2020 picture to sRGB.

    Args:
        image: The coded signal, 16 bits.
        transfer: Its curve, of `TRANSFERS`.
    """
    light = _light(transfer)[image >> 4]
    if transfer == 18:  # noqa: PLR2004 HLG: the display's gamma works on luminance
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light = light * (_HLG_PEAK / _WHITE * np.maximum(luminance, 1e-6) ** 0.2)[..., None]
    narrow = cv2.transform(light, _TO_709)
    steps = np.clip(narrow * ((_STEPS - 1) / _BRIGHTEST), 0, _STEPS - 1)
    # Even steps of a square root are fine where the eye is: in the shadows.
    index = np.sqrt(steps * (_STEPS - 1)).astype(np.uint16)
    return _display()[index]


@cache
def _light(transfer: int) -> Float[np.ndarray, " steps"]:
    """Return the light of each coded value: PQ's in diffuse whites, HLG's of the scene, to 1."""
    signal = np.arange(_STEPS) / (_STEPS - 1)
    if transfer == 18:  # noqa: PLR2004 HLG
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        bright = (np.exp((signal - c) / a) + b) / 12
        return np.where(signal <= 0.5, signal**2 / 3, bright).astype(np.float32)  # noqa: PLR2004
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = signal ** (1 / m2)
    nits = 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return (nits / _WHITE).astype(np.float32)


@cache
def _display() -> UInt8[np.ndarray, " steps"]:
    """Return the sRGB value of each step of light."""
    light = (np.arange(_STEPS) / (_STEPS - 1)) ** 2 * _BRIGHTEST
    rolled = _KNEE + (1 - _KNEE) * (1 - np.exp(-(light - _KNEE) / (1 - _KNEE)))
    shown = np.where(light > _KNEE, rolled, light)
    coded = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)  # noqa: PLR2004 sRGB
    return np.round(255 * np.clip(coded, 0, 1)).astype(np.uint8)
