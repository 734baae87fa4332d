"""The face-mesh teacher: MediaPipe's face landmarker, read from a `.task` file that a user brings.

It teaches our tracker and judges our videos; it is never shipped and nothing needs it at run time.
Its three networks run in LiteRT (`pip install 'speech2face[train]'`), without MediaPipe itself.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from speech2face.errors import WeightsError
from speech2face.face.detect import detect_faces
from speech2face.face.regions import Region, region_of_detection, region_of_mesh

TASK = Path("models") / "face_landmarker_v2_with_blendshapes.task"
"""Where the file lies in a folder of data, unless a user says otherwise."""
_SIZE = 256
"""Side of the landmark network's input."""

# fmt: off
_BLENDSHAPE_POINTS = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65,
    66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136,
    144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172,
    173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283,
    284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324,
    332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385,
    386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472,
    473, 474, 475, 476, 477,
])
"""Mesh points that the blendshape network takes (MediaPipe's face_blendshapes_graph)."""

BLENDSHAPES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft",
    "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft",
    "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen",
    "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)
# fmt: on


@dataclass(frozen=True, kw_only=True)
class TeacherFace:
    """What the teacher sees in one picture."""

    mesh: Float[np.ndarray, "478 3"]
    """In pixels of the picture; z in the same unit, away from the viewer."""
    presence: float
    """Probability that the region shows a face, 0 to 1."""
    blendshapes: Float[np.ndarray, " 52"]
    """One score for each of `BLENDSHAPES`, 0 to 1; "left" is the person's own left."""


class FaceMeshTeacher:
    """Follows one face from picture to picture with the networks of a face landmarker task file."""

    def __init__(self, task: Path, threads: int = 1) -> None:
        """Read the networks.

        Args:
            task: A `face_landmarker*.task` file.
            threads: CPU threads for each network.

        Raises:
            WeightsError: LiteRT is not installed, or the file is no task file.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 # pyright: ignore[reportMissingImports]
        except ImportError as error:
            msg = "the face-mesh teacher needs LiteRT; run pip install 'speech2face[train]'"
            raise WeightsError(msg) from error
        try:
            with zipfile.ZipFile(task) as archive:
                networks = [
                    archive.read(f"{name}.tflite")
                    for name in ("face_landmarks_detector", "face_blendshapes")
                ]
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            msg = f"{task} is not a face landmarker task file ({error}); give the path of one"
            raise WeightsError(msg) from error
        self._landmarks, self._blendshapes = (
            _Network(Interpreter(model_content=network, num_threads=threads))
            for network in networks
        )
        self._last: Region | None = None

    def reset(self) -> None:
        """Forget the last face: the next picture is searched anew."""
        self._last = None

    def __call__(self, image: UInt8[np.ndarray, "height width 3"]) -> TeacherFace | None:
        """Find the face near the last one, or the largest; None where there is none."""
        if self._last is not None:
            found = self._look(image, self._last)
            if found.presence > 0.5:  # noqa: PLR2004 - more likely than not
                self._last = region_of_mesh(found.mesh)
                return found
        detections = detect_faces(image)
        if not detections:
            self._last = None
            return None
        rough = self._look(image, region_of_detection(detections[0]))
        self._last = region_of_mesh(rough.mesh)
        found = self._look(image, self._last)
        return found if found.presence > 0.5 else None  # noqa: PLR2004 - as above

    def _look(self, image: UInt8[np.ndarray, "height width 3"], region: Region) -> TeacherFace:
        cut = region.cut(image, _SIZE).astype(np.float32)[None] / 255
        outputs = self._landmarks(cut)
        points = next(out for out in outputs if out.size == 478 * 3).reshape(478, 3)
        # Two outputs are single numbers: the logit of presence has four axes, the other (a
        # probability that the tongue shows) two.
        presence = next(float(out.item()) for out in outputs if out.shape == (1, 1, 1, 1))
        # Its coordinates count from the cut's edge, ours from the centre of the first pixel:
        # without this a picture and its mirror image give meshes 0.9 px of the cut apart.
        mesh = region.to_image(points - np.array([0.5, 0.5, 0.0], np.float32), _SIZE)
        flat = mesh[_BLENDSHAPE_POINTS, :2][None].astype(np.float32)
        scores = self._blendshapes(flat)[0].ravel()
        return TeacherFace(
            mesh=mesh, presence=float(1 / (1 + np.exp(-presence))), blendshapes=scores
        )


class _Network:
    def __init__(self, interpreter: Any) -> None:  # noqa: ANN401 - LiteRT has no types
        interpreter.allocate_tensors()
        self._interpreter = interpreter
        self._input = interpreter.get_input_details()[0]["index"]
        self._outputs = [details["index"] for details in interpreter.get_output_details()]

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index).copy() for index in self._outputs]
