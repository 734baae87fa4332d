"""Where a video comes from: tags inside it, and a JSON sidecar beside it. Always written.

The tags say that the picture was made by a trained algorithm, in the words of IPTC's NewsCodes.
The sidecar says with what: version, settings, seed, hashes of inputs and weights. It serves
reproducibility as much as honesty. Inputs are named without their folders.
"""

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
from speech2face.errors import OutputError, Speech2FaceWarning, shown
from speech2face.media.inputs import Opened
from speech2face.media.output import check_outputs, require_name
from speech2face.media.video.encode import Beside

SYNTHETIC_TAGS = {
    "comment": "AI-generated video, made with speech2face",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}
"""Tags of a video whose every frame was generated (a portrait that speaks)."""

COMPOSITE_TAGS = {
    "comment": "A real video altered by AI: the mouth was made with speech2face",
    "digitalSourceType": (
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    ),
}
"""Tags of a video that was filmed, and in which a part of the picture was generated."""

_MARK = "speech2face"
"""The key by which a sidecar is known as ours; its value is the version that wrote it."""

_LONGEST_SIDECAR = 1 << 20
_NAMED_SOFTWARE = ("torch", "numpy", "librosa", "av")


def sidecar_path(output: Path, *, inputs: Iterable[object] = (), overwrite: bool) -> Path:
    """Return where an output's sidecar goes: `clip.json` beside `clip.mp4`, `clip.m4v.json` else.

    Where `clip.json` belongs to another file (a timeline, say), it is `clip.mp4.json`.

    Args:
        output: The video.
        inputs: All that is read; none of them is ever written to.
        overwrite: Whether an earlier sidecar of this output may be replaced.

    Raises:
        InputError: The name left for it is an input.
        OutputError: It cannot be written, exists and may not be replaced, or is another file.
    """  # noqa: DOC502 check_outputs raises it
    short, long = output.with_suffix(".json"), output.with_name(f"{output.name}.json")
    read = list(inputs)
    require_name(short)
    if output.suffix.lower() == ".mp4" and (not short.exists() or _is_of(short, output)):
        path = short
    else:
        path = long
        if output.suffix.lower() == ".mp4":
            note = f"{shown(short)} is another file; the sidecar is {shown(long.name)}"
            warnings.warn(note, Speech2FaceWarning, stacklevel=2)
    require_name(path)
    if path.exists() and not _is_of(path, output):
        check_outputs(path, inputs=read, overwrite=True)  # an input is named as such
        msg = (
            f"{shown(path)}, which the sidecar of {shown(output.name)} would be, is another file; "
            "it was left as it is; choose another name for the output"
        )
        raise OutputError(msg)
    check_outputs(path, inputs=read, overwrite=overwrite)
    return path


def sidecar(
    output: Path,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Opened | Path],
    weights: Iterable[str],
    *,
    path: Path,
) -> Beside:
    """Describe an output; the sidecar is written together with it.

    Args:
        output: The video.
        settings: All that the user or a default chose, the seed and a consent note included.
            Dataclasses, paths, fractions and arrays are understood.
        inputs: What went in, by its role ("portrait", "sound"): what was opened, so that what is
            hashed is what was read.
        weights: Names of the weights that were used: shipped ones as in the manifest, imported
            ones as "fomm:NAME".
        path: Where the sidecar goes; see `sidecar_path`.

    Raises:
        WeightsError: The manifest is missing or damaged, or has no weights of that name.
    """  # noqa: DOC502 those below raise them
    described = {
        **made_of(settings, inputs, weights),
        "software": {
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            **{name: _version(name) for name in _NAMED_SOFTWARE},
        },
    }

    def content(finished: Path) -> bytes:
        whole = {
            _MARK: __version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "synthetic": True,
            "output": _file(finished) | {"file": _text(output.name)},
            **described,
        }
        text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "backslashreplace") + b"\n"

    return Beside(path=path, content=content)


def made_of(
    settings: Mapping[str, Any], inputs: Mapping[str, Opened | Path], weights: Iterable[str]
) -> dict[str, Any]:
    """Return what decides an output, as its sidecar holds it; see `sidecar`."""
    return {
        "inputs": {role: _file(given) for role, given in inputs.items()},
        "settings": _plain(dict(settings)),
        "weights": {name: _weights(name) for name in weights},
    }


def is_made(output: Path, path: Path, decided_by: Mapping[str, Any]) -> bool:
    """Return whether an output lies there, whole, and was made as it would be made now.

    Args:
        output: The video.
        path: Its sidecar.
        decided_by: How it would be made; see `made_of`.
    """
    try:
        told = json.loads(path.read_bytes())
        same = all(told[part] == value for part, value in decided_by.items())
        return same and told["output"]["sha256"] == store.file_sha256(output)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _file(given: Opened | Path) -> dict[str, str | int]:
    if isinstance(given, Opened):
        return {"file": _text(given.name), "bytes": given.size, "sha256": given.sha256}
    size = given.stat().st_size
    return {"file": _text(given.name), "bytes": size, "sha256": store.file_sha256(given)}


def _text(name: str) -> str:
    """Return a file name as text; bytes that are none are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


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


def _is_of(path: Path, output: Path) -> bool:
    """Return whether a file is the sidecar of an output of this name."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LONGEST_SIDECAR))
        return _MARK in content and content["output"]["file"] == _text(output.name)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


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
            return _text(value.name)
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
