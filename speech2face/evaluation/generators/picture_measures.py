"""How near one picture is to another: L1, PSNR, SSIM, and how sharp it is against the truth."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

_SSIM_SIGMA, _SSIM_WINDOW = 1.5, (11, 11)
_C1, _C2 = 0.01**2, 0.03**2
"""Constants of the paper for values in [0, 1]."""
_FINE = 1.5
"""Detail is what a Gaussian of this standard deviation (pixels) takes away."""
_BEST_PSNR = 60.0
"""Decibels that equal pictures get, so that means stay finite."""

Picture = UInt8[np.ndarray, "height width 3"]
Mask = Bool[np.ndarray, "height width"]


def l1(picture: Picture, truth: Picture, mask: Mask) -> float:
    """Return the mean absolute difference of values in [0, 1], where the mask is true."""
    difference = np.abs(picture.astype(np.float32) - truth.astype(np.float32))
    return float(difference[mask].mean() / 255)


def psnr(picture: Picture, truth: Picture, mask: Mask) -> float:
    """Return the peak signal-to-noise ratio in decibels, where the mask is true."""
    squared = ((picture.astype(np.float32) - truth.astype(np.float32)) / 255) ** 2
    return min(_BEST_PSNR, float(-10 * np.log10(max(squared[mask].mean(), 1e-9))))


def ssim(picture: Picture, truth: Picture, mask: Mask) -> float:
    """Return the mean structural similarity of the luminance, where the mask is true.

    Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
    structural similarity" (2004), equation 13, Gaussian window of 11 pixels.
    """
    a, b = _grey(picture), _grey(truth)
    mean_a, mean_b = _blur(a), _blur(b)
    var_a = _blur(a * a) - mean_a**2
    var_b = _blur(b * b) - mean_b**2
    both = _blur(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    likeness /= (mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2)
    return float(likeness[mask].mean())


def detail(picture: Picture, mask: Mask) -> float:
    """Return the energy of fine detail: the mean square of what a small blur takes away."""
    grey = _grey(picture)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), _FINE)
    return float((fine[mask] ** 2).mean())


def box_mask(
    points: Float[np.ndarray, "points 2"], size: int, margin: float
) -> Bool[np.ndarray, "size size"]:
    """Mark the rectangle around points, `margin` times as large as they spread."""
    low, high = points.min(0), points.max(0)
    middle, half = (low + high) / 2, (high - low) / 2 * margin
    start = np.clip(np.floor(middle - half), 0, size - 2).astype(int)
    end = np.clip(np.ceil(middle + half), start + 2, size).astype(int)
    mask = np.zeros((size, size), bool)
    mask[start[1] : end[1], start[0] : end[0]] = True
    return mask


def _grey(picture: Picture) -> Float[np.ndarray, "height width"]:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def _blur(values: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    return np.asarray(cv2.GaussianBlur(values, _SSIM_WINDOW, _SSIM_SIGMA))
