"""The rig's neutral face: the mean of the teacher's meshes of photographs of faces at rest."""

import logging
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from speech2face.errors import InputError
from speech2face.face.teacher import BLENDSHAPES, FaceMeshTeacher
from speech2face.geometry import fit_similarity, rotation_angles
from speech2face.landmarks import LOWER_LIP_INNER, RIGID, SURFACE_POINTS, UPPER_LIP_INNER
from speech2face.synthesis.canonical import CanonicalFace

_log = logging.getLogger(__name__)

_AT_REST = {
    "jawOpen": 0.02, "mouthSmileLeft": 0.05, "mouthSmileRight": 0.05, "eyeBlinkLeft": 0.12,
    "eyeBlinkRight": 0.12, "browInnerUp": 0.2, "mouthPucker": 0.4, "eyeWideLeft": 0.1,
}  # fmt: skip
"""The teacher's scores that a face at rest stays below."""
_FRONTAL = 12.0
"""A face at rest is turned less than this from the viewer, in degrees about each axis."""


def read_photographs(
    folder: Path, teacher: FaceMeshTeacher, leave_out: str = ""
) -> tuple[Float[np.ndarray, "photographs 478 3"], Float[np.ndarray, "photographs 52"]]:
    """Find the mesh and the blendshape scores of the face in every photograph of a folder.

    Args:
        folder: Holds .jpg and .png files.
        teacher: Finds the meshes.
        leave_out: Pattern of file names (without suffix) that are left for tests, such as "*9".

    Raises:
        InputError: No photograph shows a face.
    """
    meshes, scores = [], []
    for path in sorted([*folder.glob("*.jpg"), *folder.glob("*.png")]):
        if fnmatch(path.stem, leave_out):
            continue
        image = read_picture(path)
        teacher.reset()
        if teacher(image) is None:
            continue
        again = teacher(image)  # a second look at a better region is more precise
        if again is not None:
            meshes.append(again.mesh)
            scores.append(again.blendshapes)
    if not meshes:
        msg = f"{folder} shows no face; give a folder of photographs (.jpg or .png) of faces"
        raise InputError(msg)
    return np.array(meshes), np.array(scores)


def read_picture(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read a picture as RGB.

    Raises:
        InputError: It is no picture.
    """
    picture = cv2.imread(str(path))
    if picture is None:
        msg = f"{path} is not a picture that OpenCV decodes; leave only pictures in that folder"
        raise InputError(msg)
    return picture[:, :, ::-1].copy()


def mean_face(
    meshes: Float[np.ndarray, "photographs 478 3"],
    scores: Float[np.ndarray, "photographs 52"],
    canonical: CanonicalFace,
) -> Float[np.ndarray, "478 3"]:
    """Average the frontal faces at rest, in normalized units, symmetric, lips touching.

    Each mesh is turned and scaled onto the canonical face (then onto the mean) by the points that
    move with the skull, so "straight at the viewer" is what the canonical face says.

    Raises:
        InputError: No photograph shows a frontal face at rest.
    """
    skull = RIGID[RIGID < SURFACE_POINTS]
    limits = np.array([_AT_REST.get(name, np.inf) for name in BLENDSHAPES])
    resting = meshes[(scores < limits).all(1)]
    fits = [fit_similarity(canonical.vertices[skull], mesh[skull]) for mesh in resting]
    turns = np.array([rotation_angles(rotation) for _, rotation, _ in fits])
    resting = resting[(np.abs(turns) < _FRONTAL).all(1)]
    if not len(resting):
        msg = "no photograph shows a frontal face at rest; give more photographs"
        raise InputError(msg)
    _log.info("%d of %d photographs show a frontal face at rest", len(resting), len(meshes))
    target = canonical.vertices[skull]
    mean = np.zeros(())
    for _ in range(3):
        moved = []
        for mesh in resting:
            scale, rotation, shift = fit_similarity(mesh[skull].astype(np.float64), target)
            moved.append(scale * mesh @ rotation.T + shift)
        mean = np.mean(moved, 0)
        mirror = mirror_of(mean)
        mean = (mean + mean[mirror] * [-1, 1, 1]) / 2
        target = mean[skull]
    upper, lower = UPPER_LIP_INNER[1:-1], LOWER_LIP_INNER[1:-1]
    mean[upper] = mean[lower] = (mean[upper] + mean[lower]) / 2
    return (mean - mean[168]) / np.linalg.norm(mean[263] - mean[33])


def mirror_of(face: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
    """Find each point's mirror image in a face that is about symmetric in x."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - slow to import

    distance = np.linalg.norm(face[:, None] - face[None] * [-1, 1, 1], axis=-1)
    _, mirror = linear_sum_assignment(distance**2)
    return mirror
