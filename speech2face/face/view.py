"""A view: a picture with one face in it, and the square around the face that generators draw."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.face.likeness import Likeness
from speech2face.sizes import SMALLEST, STEP
from speech2face.types import Face

_FACE_HEIGHTS = 2.3
"""Side of the crop: room for hair and neck, which move along."""
_UP = 0.06
"""The crop's middle lies above the face's by this share of the side: hair is higher than chins."""
LARGEST_CROP = 512
"""Pixels: crops are not made larger unless asked for."""
_NARROW = 0.03
"""Share of the square's side that may still lie outside the picture when it has been moved inside:
so narrow a strip is not worth resampling everything."""
_LEVEL = 20.0
"""Degrees of roll up to which the crop keeps the picture's axes, and with them its very pixels."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A picture with one face chosen in it, and the square crop that generators work on."""

    image: UInt8[np.ndarray, "height width 3"]
    """The whole picture, upright, sRGB."""
    face: Face
    """The chosen face, in pixels of `image`."""
    crop: UInt8[np.ndarray, "size size 3"]
    """The square around the face at the working size."""
    to_crop: Float[np.ndarray, "2 3"]
    """Affine map from pixels of `image` to pixels of `crop` (a similarity)."""

    @cached_property
    def mesh(self) -> Float[np.ndarray, "478 3"]:
        """The face's mesh in pixels of `crop`."""
        scale = float(np.hypot(*self.to_crop[:, 0]))
        flat = self.face.mesh[:, :2] @ self.to_crop[:, :2].T + self.to_crop[:, 2]
        return np.concatenate([flat, self.face.mesh[:, 2:] * scale], 1).astype(np.float32)

    @cached_property
    def likeness(self) -> Likeness:
        """What is computed once from the face in pixels of `image`."""
        return Likeness(self.face.mesh)

    @cached_property
    def likeness_in_crop(self) -> Likeness:
        """What is computed once from the face in pixels of `crop`."""
        return Likeness(self.mesh)


def cut_view(
    image: UInt8[np.ndarray, "height width 3"], face: Face, size: int | None = None
) -> View:
    """Cut the square around a face; `size` as in `prepare_view`."""
    to_crop, side = square_around(face.mesh, size)
    return View(
        image=image,
        face=face,
        crop=cut_square(image, to_crop, side),
        to_crop=to_crop.astype(np.float32),
    )


def cut_at(
    image: UInt8[np.ndarray, "height width 3"],
    face: Face,
    to_crop: Float[np.ndarray, "2 3"],
    side: int,
) -> View:
    """Cut a square of `side` pixels, as `square_at` gives it, around a face of a video's frame."""
    scale = float(to_crop[0, 0])
    # Of a large frame no more is touched than the square needs: around it as far as blurring goes.
    margin = 0.0 if scale == 1 else 2 + 4 / scale
    low = np.floor((-0.5 - to_crop[:, 2]) / scale - margin + 0.5).astype(int)
    high = np.ceil((side - 0.5 - to_crop[:, 2]) / scale + margin + 0.5).astype(int)
    size = np.array(image.shape[1::-1])
    left, top = np.clip(low, 0, size - 1)
    right, bottom = np.clip(high, [left + 1, top + 1], size)
    part = image[top:bottom, left:right]
    if scale == 1:
        before, after = np.maximum([left, top] - low, 0), np.maximum(high - [right, bottom], 0)
        crop = cv2.copyMakeBorder(
            part, before[1], after[1], before[0], after[0], cv2.BORDER_REPLICATE
        )[:side, :side]
    else:
        crop = cut_square(
            part, to_crop + np.array([[0, 0, scale * left], [0, 0, scale * top]]), side
        )
    return View(image=image, face=face, crop=crop, to_crop=to_crop.astype(np.float32))


def moved_inside(portrait: View) -> View | None:
    """Move the square that is shown into the picture, where the crop reaches beyond its edge.

    The crop itself stays what generators were trained on, its missing part made up. Only what is
    shown moves, and becomes smaller where the picture is smaller than the square.

    Returns:
        A portrait whose picture is what shall be shown, of the crop's size, and into which crops
        are pasted; None if the crop lies inside the picture and can be shown as it is.
    """
    side = len(portrait.crop)
    to_picture = cv2.invertAffineTransform(portrait.to_crop.astype(np.float64))
    middle = to_picture @ [(side - 1) / 2, (side - 1) / 2, 1]
    half = np.abs(to_picture[:, :2]).sum(1).max() * side / 2
    edges = np.array(portrait.image.shape[1::-1]) / 2
    outside = np.abs(middle + 0.5 - edges) + half - edges
    if (outside < 0.5).all():  # noqa: PLR2004 - pixels: nothing of them can be seen
        return None
    share = min(1.0, float(edges.min() / half))
    share = 1.0 if share > 1 - _NARROW else share
    room = np.maximum(edges - share * half, 0)
    middle = np.clip(middle, edges - 0.5 - room, edges - 0.5 + room)
    # What is shown at pixel u is the crop's at share * u + corner.
    corner = portrait.to_crop @ [*middle, 1] - share * (side - 1) / 2
    corner = np.round(corner) if share == 1 else corner
    to_shown = (portrait.to_crop - [[0, 0, corner[0]], [0, 0, corner[1]]]) / share
    image = cut_square(portrait.image, to_shown, side)
    return View(
        image=image, crop=portrait.crop, face=_moved(portrait.face, to_shown),
        to_crop=np.array([[share, 0, corner[0]], [0, share, corner[1]]], np.float32),
    )  # fmt: skip


def _moved(face: Face, to_shown: Float[np.ndarray, "2 3"]) -> Face:
    flat = face.mesh[:, :2] @ to_shown[:, :2].T + to_shown[:, 2]
    deep = face.mesh[:, 2:] * np.hypot(*to_shown[:, 0])
    mesh = np.concatenate([flat, deep], 1).astype(np.float32)
    return Face(mesh=mesh, box=np.concatenate([flat.min(0), flat.max(0)]), score=face.score)


def square_around(
    mesh: Float[np.ndarray, "478 3"], size: int | None
) -> tuple[Float[np.ndarray, "2 3"], int]:
    """Place the crop around a face.

    Args:
        mesh: The face in pixels of the picture.
        size: Side in pixels; None: as fine as the picture, `LARGEST_CROP` at most.

    Returns:
        The map from the picture's pixels to the crop's, and the crop's side in pixels.
    """
    axis = mesh[263, :2] - mesh[33, :2]
    roll = float(np.arctan2(axis[1], axis[0]))
    if abs(np.rad2deg(roll)) < _LEVEL:
        roll = 0.0
    cos, sin = np.cos(roll), np.sin(roll)
    upright = np.array([[cos, sin], [-sin, cos]])
    middle, tall = extent(mesh[:, :2] @ upright.T)
    native = native_side(_FACE_HEIGHTS * tall)
    side = size or min(native, LARGEST_CROP)
    scale = side / native
    corner = middle - [0, _UP * native] - (native - 1) / 2
    if roll == 0:
        # Whole pixels: a crop at the picture's resolution holds the picture's own values.
        corner = np.round(corner)
    # Pixel centres are integers: the edges of both squares, half a pixel out, fall together.
    shift = -scale * corner + (scale - 1) / 2
    return np.concatenate([scale * upright, shift[:, None]], 1), side


def extent(
    flat: Float[np.ndarray, "points 2"],
) -> tuple[Float[np.ndarray, " 2"], float]:
    """Return the middle of an upright face and its size in pixels."""
    low, high = flat.min(0), flat.max(0)
    # Of a face that looks up or down the height shrinks, the width does not.
    return (low + high) / 2, float(max(high[1] - low[1], (high[0] - low[0]) * 1.1))


def native_side(wanted: float) -> int:
    """Return the side of a square at the picture's resolution, as generators can draw it."""
    return max(SMALLEST, round(wanted / STEP) * STEP)


def square_at(middle: Float[np.ndarray, " 2"], native: int, side: int) -> Float[np.ndarray, "2 3"]:
    """Return the map into an upright square of `side` pixels, which shows `native` of the picture.

    Its corner lies on a whole pixel: at the picture's resolution it holds the picture's own values.
    """
    scale = side / native
    corner = np.round(middle - (native - 1) / 2)
    shift = -scale * corner + (scale - 1) / 2
    return np.concatenate([scale * np.eye(2), shift[:, None]], 1)


def cut_square(
    image: UInt8[np.ndarray, "height width 3"], to_crop: Float[np.ndarray, "2 3"], side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """Cut the square out; beyond the picture's edge its last pixels go on."""
    scale = float(np.hypot(*to_crop[:, 0]))
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    if scale < 1:
        # Sampling alone would skip pixels of a larger picture: first take away what the crop
        # cannot show (Gaussian of half a crop pixel, in pixels of the picture).
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * (1 / scale**2 - 1) ** 0.5)
    return cv2.warpAffine(
        image, to_crop, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
