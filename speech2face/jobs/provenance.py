"""Where a video comes from: tags inside it, and a JSON sidecar beside it. Always written.

The tags say that the picture was made by a trained algorithm, in the words of IPTC's NewsCodes.
The sidecar says with what: version, settings, seed, hashes of inputs and weights. It serves
reproducibility as much as honesty. Inputs are named without their folders.
"""

import hashlib
import json
import platform
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from speech2face import __version__
from speech2face.checkpoints import library, store
from speech2face.errors import Speech2FaceWarning
from speech2face.media.output import atomic_output

SYNTHETIC_TAGS = {
    "comment": "AI-generated video, made with speech2face",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}
"""Tags of a video whose every frame was generated (a portrait that speaks)."""

_MARK = "speech2face"
"""The key by which a sidecar is known as ours; its value is the version that wrote it."""

_NAMED_SOFTWARE = ("torch", "numpy", "librosa", "imageio-ffmpeg")


def sidecar_path(output: Path) -> Path:
    """Give the place of an output's sidecar: `clip.json` beside `clip.mp4`.

    Where that name belongs to another file (a timeline, say), it is `clip.mp4.json`.
    """
    path = output.with_suffix(".json")
    return path if not path.exists() or _is_ours(path) else output.with_name(f"{output.name}.json")


def sidecar(
    output: Path,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Path],
    weights: Iterable[str],
) -> None:
    """Write the sidecar of a finished output.

    Args:
        output: The finished file.
        settings: All that the user or a default chose, the seed and a consent note included.
            Dataclasses, paths, fractions and arrays are understood.
        inputs: The files that went in, by their role ("portrait", "sound").
        weights: Names of the weights that were used: shipped ones as in the manifest, imported
            ones as "facevid2vid:NAME".

    Raises:
        OutputError: The sidecar cannot be written.
        WeightsError: The manifest is missing or damaged, or has no weights of that name.
    """  # noqa: DOC502 those below raise them
    path = sidecar_path(output)
    if path != output.with_suffix(".json"):
        note = f"{output.with_suffix('.json')} is another file; the sidecar is {path.name}"
        warnings.warn(note, Speech2FaceWarning, stacklevel=2)
    told = {
        _MARK: __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "synthetic": True,
        "output": _file(output),
        "inputs": {role: _file(file) for role, file in inputs.items()},
        "settings": _plain(dict(settings)),
        "weights": {name: _weights(name) for name in weights},
        "software": {
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            **{name: _version(name) for name in _NAMED_SOFTWARE},
        },
    }
    with atomic_output(path, overwrite=True) as temporary:
        text = json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def _file(path: Path) -> dict[str, str | int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}


def _weights(name: str) -> dict[str, str]:
    _, colon, brought = name.partition(":")
    if colon:
        found = library.find(brought)
        return {
            "file": found.path.name,
            "sha256": found.sha256,
            "licence": found.licence,
            "trained_on": found.trained_on,
        }
    store.verified_path(name)  # refuses a name that the manifest lacks, and a damaged file
    shipped = store.manifest()[name]
    return {
        "file": shipped.file,
        "sha256": shipped.sha256,
        "licence": shipped.licence,
        "trained_on": shipped.trained_on,
    }


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _is_ours(path: Path) -> bool:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and _MARK in told and "synthetic" in told


def _plain(value: Any) -> Any:  # noqa: ANN401, PLR0911 whatever settings hold
    """Turn settings into what JSON knows.

    Raises:
        TypeError: It holds something whose meaning could not be read back.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Fraction():
            return str(value)
        case Path():
            return value.name
        case np.ndarray() | np.generic():
            return value.tolist()
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _plain(asdict(value))
        case _:
            msg = f"a setting of type {type(value).__name__} has no place in a sidecar"
            raise TypeError(msg)
