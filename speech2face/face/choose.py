"""Choose the face of a picture, and refuse one that cannot be animated."""

import warnings
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from speech2face.errors import InputError, NoFaceError, Speech2FaceWarning
from speech2face.face.normalize import pose_of
from speech2face.face.track import SURE, FaceTracker
from speech2face.face.view import View, cut_view
from speech2face.sizes import check_size
from speech2face.types import Face

_SMALL_EYES = 48.0
_LEAST_EYES = 14.0
"""Pixels between the irises: below the first the result is coarse, below the second the lids and
lips are fewer pixels than the motion (measured: see the tracker's model card)."""
_WARN_YAW, _LAST_YAW = 35.0, 50.0
"""Degrees of yaw as the tracker reads them: the far half of the face is narrow, then hidden. Beyond
45 it reads too little: of portraits turned by 60 to 67 degrees 51 on average."""
_LOOKED_AT = 512
"""Side in pixels at which a face is looked for that may be larger than the picture."""
_FILLS = 0.8
"""Share of the picture's width or height from which a face fills it."""
_GUESSED = 0.2
"""Score from which a face that is larger than the picture is spoken of; SURE is for whole ones."""
_LYING = 60.0
"""Degrees of roll from which the picture is likely to lie on its side."""


def prepare_view(
    image: UInt8[np.ndarray, "height width 3"],
    tracker: FaceTracker,
    *,
    size: int | None = None,
    select: str = "largest",
    force: bool = False,
) -> View:
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
    """  # noqa: DOC502 those below raise it
    faces = _found(image, tracker, size)
    face = _chosen(faces, select)
    _check(face, force=force)
    return cut_view(image, face, size)


def prepare_views(
    image: UInt8[np.ndarray, "height width 3"],
    tracker: FaceTracker,
    selects: Sequence[str],
    *,
    size: int | None = None,
    force: bool = False,
) -> tuple[list[View], list[int]]:
    """Find all faces of a picture that can be animated and cut the squares around them.

    Args:
        image: As in `prepare_view`.
        tracker: As there.
        selects: Faces that must be among them, each named as `select` there.
        size: As there.
        force: As there.

    Returns:
        The views, the largest face first, and which of them each of `selects` names. A face that
        nobody named and that cannot be animated is left out, with a warning.

    Raises:
        NoFaceError: There is no face, or one that is named cannot be animated.
        InputError: One that is named is not there, or `size` is unusable.
    """  # noqa: DOC502 those below raise it
    faces = _found(image, tracker, size)
    named = [_named(faces, select) for select in selects]
    for face in {id(face): face for face in named}.values():
        _check(face, force=force)
    usable: list[Face] = []
    for face in faces:
        if not any(face is one for one in named):
            try:
                _check(face, force=force)
            except NoFaceError as error:
                note = f"the face at {_box(face)} stays as it is: {error}"
                warnings.warn(note, Speech2FaceWarning, stacklevel=2)
                continue
        usable.append(face)
    places = [next(n for n, one in enumerate(usable) if one is face) for face in named]
    return [cut_view(image, face, size) for face in usable], places


def _found(
    image: UInt8[np.ndarray, "height width 3"], tracker: FaceTracker, size: int | None
) -> list[Face]:
    """Find the faces of a picture, the largest first.

    Raises:
        NoFaceError: There is none.
        InputError: No crop can have that size.
    """  # noqa: DOC502 check_size raises it
    if size is not None:
        check_size(size)
    candidates = tracker.find(image, least_score=0.0)
    faces = [face for face in candidates if face.score >= SURE]
    if not faces:
        raise NoFaceError(_no_face_message(image, tracker, candidates))
    return faces


def _no_face_message(
    image: UInt8[np.ndarray, "height width 3"], tracker: FaceTracker, candidates: list[Face]
) -> str:
    height, width = image.shape[:2]
    seen = f"best score {max((f.score for f in candidates), default=0.0):.2f}, {SURE} is needed"
    whole = "use an upright photograph of one whole head, seen from the front"
    advice = _turn(image, tracker) or _cut_off(image, tracker) or whole
    return (
        f"no face was found in the picture of {width} x {height} px ({seen}); "
        f"expected one person's face, 48 px or more between the eyes; {advice}"
    )


def _turn(image: UInt8[np.ndarray, "height width 3"], tracker: FaceTracker) -> str | None:
    """Return how the picture must be turned for its face to stand upright, if there is one."""
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


def _cut_off(image: UInt8[np.ndarray, "height width 3"], tracker: FaceTracker) -> str | None:
    """Return what to do about a face that is larger than the picture, if it shows one.

    Detectors know whole faces alone: so it is looked for with room around the picture.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _LOOKED_AT / max(height, width))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rows, columns = (side // 2 for side in small.shape[:2])
    grey = tuple(float(value) for value in small.mean((0, 1)))
    roomy = cv2.copyMakeBorder(
        small, rows, rows, columns, columns, cv2.BORDER_CONSTANT, value=grey
    ).astype(np.uint8)
    for face in tracker.find(roomy, least_score=_GUESSED):
        sides = face.box[2:] - face.box[:2]
        if (sides > _FILLS * np.array(small.shape[1::-1])).any():
            return (
                "its face is larger than the picture: take one that shows the whole head, with "
                "some room around it"
            )
    return None


def choose(faces: list[Face], select: str) -> Face | None:
    """Pick the face that is asked for; None: there is no such one.

    Args:
        faces: The largest first.
        select: As in `prepare_view`.
    """
    if select == "largest":
        return next(iter(faces), None)
    if select in {"left", "right"}:
        order = sorted(faces, key=lambda face: float(face.box[0] + face.box[2]))
        return next(iter(order if select == "left" else reversed(order)), None)
    try:
        numbers = [float(text) for text in select.split(",")]
    except ValueError:
        return None
    fitting: list[Face] = []
    if len(numbers) == 1 and numbers[0] in range(1, len(faces) + 1):
        fitting = [faces[int(numbers[0]) - 1]]
    elif len(numbers) == 2:  # noqa: PLR2004 - x and y
        point = np.array(numbers)
        fitting = [f for f in faces if (f.box[:2] <= point).all() and (point <= f.box[2:]).all()]
    return fitting[-1] if fitting else None  # the smallest of those that overlap


def _chosen(faces: list[Face], select: str) -> Face:
    """Pick the face that is asked for; say so where another could have been meant.

    Raises:
        InputError: There is no such face.
    """  # noqa: DOC502 _named raises it
    if select == "largest" and len(faces) > 1:
        msg = (
            f"the picture shows {len(faces)} faces ({_listed(faces)}); taking 1, the largest: "
            "choose another by its number, left, right or x,y"
        )
        warnings.warn(msg, Speech2FaceWarning, stacklevel=3)
    return _named(faces, select)


def _named(faces: list[Face], select: str) -> Face:
    """Pick the face that is asked for.

    Raises:
        InputError: There is no such face, or `select` is none of the known words.
    """
    face = choose(faces, select)
    if face is None:
        msg = (
            f"there is no face {select!r} in the picture; its faces are {_listed(faces)}; choose "
            "one by its number, by a pixel x,y in it, or write largest, left or right"
        )
        raise InputError(msg)
    return face


def _listed(faces: list[Face]) -> str:
    return ", ".join(f"{number}: {_box(face)}" for number, face in enumerate(faces, 1))


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
