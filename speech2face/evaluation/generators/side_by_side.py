"""Blind sheets: two generators draw the same frames, and only the key file says which is A.

Each row of a sheet is one moment: the whole crop, the mouth and the eyes, each once by A and once
by B, close up at the places where the portrait's motion puts them. Moments are chosen where defects
show: the mouth wide open or shut, the eyes shut, the head turned.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from speech2face import landmarks
from speech2face.evaluation.sheets import grid, telling_indices, tile
from speech2face.face.rig import Rig
from speech2face.motion.motion import Motion

_TILE = 256
_MOUTH = np.concatenate([landmarks.UPPER_LIP_OUTER, landmarks.LOWER_LIP_OUTER])
_EYES = np.concatenate([edge for lids in landmarks.LIDS for edge in lids])
_MOUTH_MARGIN, _EYES_MARGIN = 1.9, 1.25
"""Side of a close-up over what its landmarks span."""

Frames = UInt8[np.ndarray, "frames size size 3"]


def moments(motion: Motion, rig: Rig, count: int) -> list[int]:
    """Choose frames by the motion that was asked for."""
    weights = motion.weights
    opening = weights[:, rig.index("jawOpen")]
    shut = weights[:, [rig.index("eyeBlink_L"), rig.index("eyeBlink_R")]].sum(1)
    turned = np.abs(motion.pose).sum(1)
    return telling_indices([opening, shut, turned], count)


def shuffled(names: tuple[str, str], title: str, seed: int) -> tuple[str, str]:
    """Choose who is A: a different coin for each sheet, the same at every run."""
    coin = np.random.default_rng([seed, *title.encode()])
    return names if coin.random() < 0.5 else (names[1], names[0])  # noqa: PLR2004 - a fair coin


def sheet(
    drawn: Mapping[str, Frames],
    order: tuple[str, str],
    meshes: Float[np.ndarray, "frames 478 3"],
    captions: Sequence[str],
) -> UInt8[np.ndarray, "tall wide 3"]:
    """Lay out one moment a row: whole, mouth, eyes; A left of B each time.

    Args:
        drawn: Frames by generator; sizes may differ.
        order: Who is A and who is B.
        meshes: The face in each frame, in shares of the crop's side.
        captions: One a moment.
    """
    tiles = []
    for index, caption in enumerate(captions):
        for what, points, margin in (
            ("", None, 0.0), ("mouth", _MOUTH, _MOUTH_MARGIN), ("eyes", _EYES, _EYES_MARGIN)
        ):  # fmt: skip
            for letter, name in zip("AB", order, strict=True):
                frame = drawn[name][index]
                if points is not None:
                    frame = close_up(frame, meshes[index, points, :2], margin)
                tiles.append(tile(frame, f"{letter} {what or caption}", _TILE))
    return grid(tiles, columns=6)


def close_up(
    frame: UInt8[np.ndarray, "size size 3"], points: Float[np.ndarray, "points 2"], margin: float
) -> UInt8[np.ndarray, "tall wide 3"]:
    """Cut the square around points (shares of the side) out of a frame and show it enlarged."""
    low, high = points.min(0) * len(frame), points.max(0) * len(frame)
    side = float((high - low).max()) * margin
    corner = (low + high) / 2 - side / 2
    scale = _TILE / side
    matrix = np.array([[scale, 0, -scale * corner[0]], [0, scale, -scale * corner[1]]])
    return cv2.warpAffine(
        frame, matrix, (_TILE, _TILE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.uint8)


def film_strips(
    drawn: Mapping[str, Frames], captions: Sequence[str]
) -> UInt8[np.ndarray, "tall wide 3"]:
    """Lay out one generator a row, one moment a column, for instance a head that turns."""
    tiles = [
        tile(frame, f"{name} {caption}", _TILE)
        for name, frames in drawn.items()
        for frame, caption in zip(frames, captions, strict=True)
    ]
    return grid(tiles, columns=len(captions))


def sheet_path(folder: Path, name: str) -> Path:
    """Return the path of a sheet in a folder that exists; an older sheet of that name goes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    path.unlink(missing_ok=True)
    return path
