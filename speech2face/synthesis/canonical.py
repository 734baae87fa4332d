"""The canonical face of a face landmarker task file: 468 points and their triangles.

Source: MediaPipe's canonical face model (Apache-2.0), which a `.task` file carries as the protocol
buffer `GeometryPipelineMetadata` (mediapipe/tasks/cc/vision/face_geometry/proto).
"""

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from speech2face.errors import WeightsError

_ENTRY = "geometry_pipeline_metadata_landmarks.binarypb"
_CANONICAL_MESH, _VERTEX_BUFFER, _INDEX_BUFFER = 1, 3, 4
"""Field numbers of the two messages."""
_VARINT, _BYTES, _FIXED32 = 0, 2, 5
"""Wire types of the protocol buffer encoding."""
_VERTEX_FLOATS = 5
"""A vertex is x, y, z, u, v."""


@dataclass(frozen=True, kw_only=True)
class CanonicalFace:
    """The face that MediaPipe's geometry is measured against."""

    vertices: Float[np.ndarray, "468 3"]
    """In centimetres: x right as seen, y down, z away from the viewer."""
    triangles: Int[np.ndarray, "triangles 3"]


def read_canonical(task: Path) -> CanonicalFace:
    """Read the canonical face.

    Raises:
        WeightsError: The file is no face landmarker task file.
    """
    try:
        with zipfile.ZipFile(task) as archive:
            message = archive.read(_ENTRY)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        msg = f"{task} is not a face landmarker task file ({error}); give the path of one"
        raise WeightsError(msg) from error
    mesh = next(value for field, value in _fields(message) if field == _CANONICAL_MESH)
    floats, indices = [], []
    for field, value in _fields(mesh if isinstance(mesh, bytes) else b""):
        if field == _VERTEX_BUFFER and isinstance(value, bytes):
            floats += [v for (v,) in struct.iter_unpack("<f", value)]
        elif field == _INDEX_BUFFER:
            indices += [value] if isinstance(value, int) else _varints(value)
    vertices = np.array(floats).reshape(-1, _VERTEX_FLOATS)[:, :3] * [1, -1, -1]
    return CanonicalFace(vertices=vertices, triangles=np.array(indices).reshape(-1, 3))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Walk the fields of a message: numbers as int, everything else as bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield field, value
        else:
            length = 4 if wire == _FIXED32 else 8
            if wire == _BYTES:
                length, place = _varint(message, place)
            yield field, message[place : place + length]
            place += length


def _varints(packed: bytes) -> list[int]:
    values, place = [], 0
    while place < len(packed):
        value, place = _varint(packed, place)
        values.append(value)
    return values


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:  # noqa: PLR2004 - the top bit says that more bytes follow
            return value, place
