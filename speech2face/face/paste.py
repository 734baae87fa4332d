"""Put animated crops back into the whole picture."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.view import View, extent
from speech2face.signals import eased

_FADE = 0.12
"""Width of the matte's soft border over the crop's side."""
_PASTED_BYTES = 64_000_000
"""Frames that `in_parts` yields together take no more."""
_CHANGED = 6.0
"""Change in grey levels at which the picture's own fine detail is half gone."""
_SPARE = 4
"""Pixels of the crop around what changed: as far as resampling reaches."""
_SHARPNESS = 12.0
"""Of the borders between faces of one picture: on its own face a view's share is 1, on a face a
height away 6 in a million, which changes no grey level."""


class PasteBack:
    """Adds what changed in the crop to the picture.

    Nothing is resampled that did not change: the picture keeps its own pixels where the crop keeps
    its own, whatever their resolutions. Where the crop changed, the detail that only the picture
    has is taken away with the change, because it belongs to what was there before.
    """

    def __init__(self, portrait: View, beside: Sequence[View] = ()) -> None:
        """Prepare everything that the frames share.

        Args:
            portrait: The picture and its crop.
            beside: Views of the same picture whose faces move too: each part of the picture is
                moved by the face that it is nearest to.
        """
        self._image = portrait.image
        self._crop = portrait.crop
        height, width = portrait.image.shape[:2]
        size = portrait.crop.shape[0]
        inverse = cv2.invertAffineTransform(portrait.to_crop.astype(np.float64))
        corners = np.array([[x, y, 1] for x in (-0.5, size - 0.5) for y in (-0.5, size - 0.5)])
        reached = corners @ inverse.T
        left, top = np.clip(np.floor(reached.min(0)), 0, [width, height]).astype(int)
        right, bottom = np.clip(np.ceil(reached.max(0)) + 1, 0, [width, height]).astype(int)
        self._part = (slice(top, bottom), slice(left, right))
        self._to_part = inverse - np.array([[0, 0, left], [0, 0, top]])
        self._part_size = (right - left, bottom - top)
        self._scale = float(np.hypot(*portrait.to_crop[:, 0]))
        matte = self._to_picture(_soft_square(size))
        # Interpolation rings; outside the crop nothing at all may change.
        matte = np.where(matte > 1e-3, matte, 0).clip(0, 1)  # noqa: PLR2004
        if beside:
            matte = matte * _share(portrait, beside, self._part)
        self._matte = cv2.merge([matte] * 3)
        self._detail = self._image[self._part] - self._to_picture(self._crop.astype(np.float32))
        self._gone = _share_gone()

    @property
    def matte(self) -> Float[np.ndarray, "height width"]:
        """Where the picture may change: 0 outside, 1 inside, soft between."""
        whole = np.zeros(self._image.shape[:2], np.float32)
        whole[self._part] = self._matte[..., 0]
        return whole

    def in_parts(
        self, crops: UInt8[np.ndarray, "frames size size 3"]
    ) -> Iterator[UInt8[np.ndarray, "some height width 3"]]:
        """Paste a chunk of frames; of a large picture a few at a time, so memory stays small."""
        at_once = max(1, _PASTED_BYTES // self._image.nbytes)
        for first in range(0, len(crops), at_once):
            yield self(crops[first : first + at_once])

    def __call__(
        self, crops: UInt8[np.ndarray, "frames size size 3"]
    ) -> UInt8[np.ndarray, "frames height width 3"]:
        """Paste a chunk of frames."""
        frames = np.repeat(self._image[None], len(crops), 0)
        self.onto(frames, crops)
        return frames

    def onto(
        self,
        frames: UInt8[np.ndarray, "frames height width 3"],
        crops: UInt8[np.ndarray, "frames size size 3"],
    ) -> None:
        """Add what changed in crops to frames of the picture, in which other faces may have moved.

        Args:
            frames: Changed in place.
            crops: One for each.
        """
        for frame, crop in zip(frames, crops, strict=True):
            difference = cv2.absdiff(crop, self._crop)
            if difference.any():
                frame[self._part] = self._blend(frame[self._part], crop, difference)

    def _blend(
        self,
        part: UInt8[np.ndarray, "rows columns 3"],
        crop: UInt8[np.ndarray, "size size 3"],
        difference: UInt8[np.ndarray, "size size 3"],
    ) -> UInt8[np.ndarray, "rows columns 3"]:
        change = self._to_picture(cv2.subtract(crop, self._crop, dtype=cv2.CV_32F))
        if self._scale < 1:
            red, green, blue = cv2.split(difference)
            amount = cv2.blur(cv2.max(cv2.max(red, green), blue), (3, 3))
            gone = self._to_picture(cv2.LUT(amount, self._gone))
            change -= cv2.merge([gone] * 3) * self._detail
        change *= self._matte
        # OpenCV's sum rounds and stays within 0 to 255 in the one pass that it takes.
        return cv2.add(part, change, dtype=cv2.CV_8U)

    def _to_picture(self, values: np.ndarray) -> np.ndarray:
        """Resample values of the crop at the pixels of the picture's part."""
        if self._scale > 1:
            # The crop is finer than the picture: average what falls on one pixel.
            values = cv2.GaussianBlur(values, (0, 0), 0.45 * (self._scale**2 - 1) ** 0.5)
        flags = cv2.INTER_CUBIC if self._scale < 1 else cv2.INTER_LINEAR
        return cv2.warpAffine(values, self._to_part, self._part_size, flags=flags)


def paste_view(
    frame: UInt8[np.ndarray, "height width 3"],
    view: View,
    crop: UInt8[np.ndarray, "size size 3"],
) -> None:
    """Add what a newly drawn crop changes to a video's frame: every other pixel stays as it is.

    A crop of an upright square, as videos have, that changed away from its border only: there is
    no matte to keep, and nothing is resampled but what changed.

    Args:
        frame: A copy of the view's picture, in which other faces may have changed; changed here.
        view: The frame's view.
        crop: The view's crop as it is to be.
    """
    changed = cv2.absdiff(crop, view.crop).max(2)
    left, top, width, height = cv2.boundingRect(changed)
    if not width:
        return
    scale, corner = float(view.to_crop[0, 0]), view.to_crop[:, 2]
    limits = np.array(frame.shape[1::-1])
    start = np.clip(np.floor((np.array([left, top]) - _SPARE - corner) / scale), 0, limits)
    stop = np.clip(
        np.ceil((np.array([left + width, top + height]) + _SPARE - corner) / scale), 0, limits
    )
    (left, top), (right, bottom) = start.astype(int), stop.astype(int)
    if left >= right or top >= bottom:
        return
    part = frame[top:bottom, left:right]
    to_part = np.array([
        [1 / scale, 0, -corner[0] / scale - left], [0, 1 / scale, -corner[1] / scale - top]
    ])  # fmt: skip

    def enlarged(values: np.ndarray) -> np.ndarray:
        if scale > 1:
            values = cv2.GaussianBlur(values, (0, 0), 0.45 * (scale**2 - 1) ** 0.5)
        flags = cv2.INTER_CUBIC if scale < 1 else cv2.INTER_LINEAR
        return cv2.warpAffine(values, to_part, (right - left, bottom - top), flags=flags)

    change = enlarged(cv2.subtract(crop, view.crop, dtype=cv2.CV_32F))
    if scale < 1:
        detail = view.image[top:bottom, left:right] - enlarged(view.crop.astype(np.float32))
        gone = enlarged(cv2.LUT(cv2.blur(changed, (3, 3)), _share_gone()))
        change -= gone[..., None] * detail
    frame[top:bottom, left:right] = cv2.add(part, change, dtype=cv2.CV_8U)


def _share(
    portrait: View, beside: Sequence[View], part: tuple[slice, slice]
) -> Float[np.ndarray, "rows columns"]:
    """Return the share of one face in the motion of a part of the picture, against the others."""
    y = np.arange(part[0].start, part[0].stop, dtype=np.float32)[:, None]
    x = np.arange(part[1].start, part[1].stop, dtype=np.float32)

    def nearness(view: View) -> np.ndarray:
        middle, tall = extent(view.face.mesh[:, :2])
        return -_SHARPNESS * np.hypot(x - middle[0], y - middle[1]) / np.float32(tall)

    own = nearness(portrait)
    others = np.sum([np.exp(np.minimum(nearness(view) - own, 50)) for view in beside], axis=0)
    return (1 / (1 + others)).astype(np.float32)


def _share_gone() -> Float[np.ndarray, " 256"]:
    """Return how much of the picture's own detail is gone, by the change in grey levels."""
    grey = np.arange(256, dtype=np.float32)
    return grey**2 / (grey**2 + _CHANGED**2)


def _soft_square(size: int) -> Float[np.ndarray, "size size"]:
    """Return 1 inside, falling smoothly to 0 at the border."""
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) / (_FADE * size)
    ramp = eased(np.clip(distance, 0, 1))
    return np.outer(ramp, ramp).astype(np.float32)
