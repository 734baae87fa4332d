"""Choose the face of a picture and cut the square around it that generators work on."""

import warnings

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face.errors import InputError, NoFaceError, Speech2FaceWarning
from speech2face.face.normalize import pose_of
from speech2face.face.track import SURE, FaceTracker
from speech2face.types import Face, Portrait

_FACE_HEIGHTS = 2.3
"""Side of the crop: room for hair and neck, which move along."""
_UP = 0.06
"""The crop's middle lies above the face's by this share of the side: hair is higher than chins."""
_LARGEST = 512
"""Pixels: crops are not made larger unless asked for."""
_STEP = 16
"""Sides are multiples of this, as networks that halve the resolution four times need."""
_NARROW = 0.03
"""Share of the square's side that may still lie outside the picture when it has been moved inside:
so narrow a strip is not worth resampling everything."""
_LEVEL = 20.0
"""Degrees of roll up to which the crop keeps the picture's axes, and with them its very pixels."""

_SMALL_EYES = 48.0
_LEAST_EYES = 14.0
"""Pixels between the irises: below the first the result is coarse, below the second the lids and
lips are fewer pixels than the motion (measured: see the tracker's model card)."""
_WARN_YAW, _LAST_YAW = 35.0, 50.0
"""Degrees of yaw as the tracker reads them: the far half of the face is narrow, then hidden. Beyond
45 it reads too little: of portraits turned by 60 to 67 degrees 51 on average."""
_LYING = 60.0
"""Degrees of roll from which the picture is likely to lie on its side."""


def prepare_portrait(
    image: UInt8[np.ndarray, "height width 3"],
    tracker: FaceTracker,
    *,
    size: int | None = None,
    select: str = "largest",
    force: bool = False,
) -> Portrait:
    """Find the face to animate and cut the square around it.

    Args:
        image: Upright sRGB.
        tracker: Finds the faces.
        size: Side of the crop in pixels, a multiple of 16; None keeps the picture's resolution, up
            to 512.
        select: Which face if there are several: "largest", "left", "right", a number (1 is the
            largest) or "x,y", a pixel in it.
        force: Accept faces that are too small or too far turned.

    Raises:
        NoFaceError: There is no face, or none that can be animated.
        InputError: `select` or `size` is unusable.
    """
    if size is not None and (size % _STEP or not 4 * _STEP <= size <= 4 * _LARGEST):
        msg = f"the size {size} is not usable; give a multiple of {_STEP} from 64 to 2048, like 512"
        raise InputError(msg)
    candidates = tracker.find(image, least_score=0.0)
    faces = [face for face in candidates if face.score >= SURE]
    if not faces:
        raise NoFaceError(_no_face_message(image, tracker, candidates))
    face = _choose(faces, select)
    _check(face, force=force)
    return cut_portrait(image, face, size)


def cut_portrait(
    image: UInt8[np.ndarray, "height width 3"], face: Face, size: int | None = None
) -> Portrait:
    """Cut the square around a face; `size` as in `prepare_portrait`."""
    to_crop, side = _square(face.mesh, size)
    return Portrait(
        image=image, face=face, crop=_cut(image, to_crop, side), to_crop=to_crop.astype(np.float32)
    )


def moved_inside(portrait: Portrait) -> Portrait | None:
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
    image = _cut(portrait.image, to_shown, side)
    return Portrait(
        image=image, crop=portrait.crop, face=_moved(portrait.face, to_shown),
        to_crop=np.array([[share, 0, corner[0]], [0, share, corner[1]]], np.float32),
    )  # fmt: skip


def _moved(face: Face, to_shown: Float[np.ndarray, "2 3"]) -> Face:
    flat = face.mesh[:, :2] @ to_shown[:, :2].T + to_shown[:, 2]
    deep = face.mesh[:, 2:] * np.hypot(*to_shown[:, 0])
    mesh = np.concatenate([flat, deep], 1).astype(np.float32)
    return Face(mesh=mesh, box=np.concatenate([flat.min(0), flat.max(0)]), score=face.score)


def _no_face_message(
    image: UInt8[np.ndarray, "height width 3"], tracker: FaceTracker, candidates: list[Face]
) -> str:
    height, width = image.shape[:2]
    seen = f"best score {max((f.score for f in candidates), default=0.0):.2f}, {SURE} is needed"
    advice = _turn(image, tracker) or (
        "use an upright photograph of a face, seen from the front, or crop closer to it"
    )
    return (
        f"no face was found in the picture of {width} x {height} px ({seen}); "
        f"expected one person's face, 48 px or more between the eyes; {advice}"
    )


def _turn(image: UInt8[np.ndarray, "height width 3"], tracker: FaceTracker) -> str | None:
    """Tell how the picture must be turned for its face to stand upright, if there is one."""
    found = {
        words: tracker.find(np.ascontiguousarray(np.rot90(image, turns)))
        for turns, words in (
            (1, "90 degrees to the left"),
            (2, "180 degrees"),
            (3, "90 degrees to the right"),
        )
    }
    rolls = {words: abs(pose_of(faces[0].mesh)[2]) for words, faces in found.items() if faces}
    if not rolls:
        return None
    return f"it seems not to stand upright: turn it by {min(rolls, key=lambda words: rolls[words])}"


def _choose(faces: list[Face], select: str) -> Face:
    """Pick the face that was asked for.

    Raises:
        InputError: There is no such face, or `select` is none of the known words.
    """
    boxes = ", ".join(f"{number}: {_box(face)}" for number, face in enumerate(faces, 1))
    middles = np.array([(face.box[:2] + face.box[2:]) / 2 for face in faces])
    if select == "largest":
        if len(faces) > 1:
            msg = (
                f"the picture shows {len(faces)} faces ({boxes}); taking 1, the largest: "
                "choose another by its number, left, right or x,y"
            )
            warnings.warn(msg, Speech2FaceWarning, stacklevel=3)
        return faces[0]
    if select in {"left", "right"}:
        order = np.argsort(middles[:, 0])
        return faces[int(order[0 if select == "left" else -1])]
    try:
        numbers = [float(text) for text in select.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and numbers[0] in range(1, len(faces) + 1):
        return faces[int(numbers[0]) - 1]
    if len(numbers) == 2:  # noqa: PLR2004 - x and y
        point = np.array(numbers)
        inside = [f for f in faces if (f.box[:2] <= point).all() and (point <= f.box[2:]).all()]
        if inside:
            return inside[-1]  # the smallest of those that overlap
    msg = (
        f"there is no face {select!r} in the picture; its faces are {boxes}; choose one by its "
        "number, by a pixel x,y in it, or write largest, left or right"
    )
    raise InputError(msg)


def _box(face: Face) -> str:
    left, top, right, bottom = (round(float(value)) for value in face.box)
    return f"x {left}-{right}, y {top}-{bottom}"


def _check(face: Face, *, force: bool) -> None:
    """Warn of a face that will animate badly.

    Raises:
        NoFaceError: It cannot be animated at all, and `force` is not set.
    """
    eyes = float(np.linalg.norm(face.mesh[473] - face.mesh[468]))
    yaw, _, roll = np.abs(pose_of(face.mesh))
    if eyes < _LEAST_EYES and not force:
        msg = (
            f"the face is too small: {eyes:.0f} px between the eyes, at least {_LEAST_EYES:.0f} "
            f"are needed, {_SMALL_EYES:.0f} are good; use a larger picture of it, or force it"
        )
        raise NoFaceError(msg)
    if yaw > _LAST_YAW and not force:
        msg = (
            f"the face is turned by {yaw:.0f} degrees or more, less than {_LAST_YAW:.0f} can be "
            f"animated, up to {_WARN_YAW:.0f} well; use one from nearer the front, or force it"
        )
        raise NoFaceError(msg)
    if eyes < _SMALL_EYES:
        msg = (
            f"the face is small: {eyes:.0f} px between the eyes; from {_SMALL_EYES:.0f} it is good"
        )
        warnings.warn(msg, Speech2FaceWarning, stacklevel=3)
    if yaw > _WARN_YAW:
        msg = f"the face is turned by {yaw:.0f} degrees; up to {_WARN_YAW:.0f} look better"
        warnings.warn(msg, Speech2FaceWarning, stacklevel=3)
    if roll > _LYING:
        msg = (
            f"the face lies on its side (turned by {roll:.0f} degrees); "
            "if that is not meant, turn the picture"
        )
        warnings.warn(msg, Speech2FaceWarning, stacklevel=3)


def _square(
    mesh: Float[np.ndarray, "478 3"], size: int | None
) -> tuple[Float[np.ndarray, "2 3"], int]:
    """Place the crop.

    Returns:
        The map from the picture's pixels to the crop's, and the crop's side in pixels.
    """
    axis = mesh[263, :2] - mesh[33, :2]
    roll = float(np.arctan2(axis[1], axis[0]))
    if abs(np.rad2deg(roll)) < _LEVEL:
        roll = 0.0
    cos, sin = np.cos(roll), np.sin(roll)
    upright = np.array([[cos, sin], [-sin, cos]])
    turned = mesh[:, :2] @ upright.T
    low, high = turned.min(0), turned.max(0)
    # Of a face that looks up or down the height shrinks, the width does not.
    wanted = _FACE_HEIGHTS * float(max(high[1] - low[1], (high[0] - low[0]) * 1.1))
    native = max(4 * _STEP, round(wanted / _STEP) * _STEP)
    side = size or min(native, _LARGEST)
    scale = side / native
    middle = (low + high) / 2 - [0, _UP * native]
    corner = middle - (native - 1) / 2
    if roll == 0:
        # Whole pixels: a crop at the picture's resolution holds the picture's own values.
        corner = np.round(corner)
    # Pixel centres are integers: the edges of both squares, half a pixel out, fall together.
    shift = -scale * corner + (scale - 1) / 2
    return np.concatenate([scale * upright, shift[:, None]], 1), side


def _cut(
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
