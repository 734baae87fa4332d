"""The user's own weights: imported checkpoints in a folder beside the shipped ones.

The folder has a manifest of its own, with the same rows as that of `pretrained/`, so that imported
files are listed and verified by the same commands.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from torch import Tensor

from speech2face.checkpoints import store
from speech2face.errors import InputError, OutputError, WeightsError
from speech2face.media.output import atomic_output

FOLDER_VARIABLE = "SPEECH2FACE_WEIGHTS"
"""The environment variable that names another folder for imported weights."""

SUFFIX = ".safetensors"
CALIBRATION = ".calibration"
"""What the name of a checkpoint's calibration ends with."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_OURS = ("fast", "warp")
"""Names of systems that ship; an imported file may not hide one."""
_REMEDY = "import it again with speech2face weights import"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A weight file that a user named, and what is known of it."""

    path: Path
    sha256: str
    licence: str
    trained_on: str


def weights_folder() -> Path:
    """Return the folder of imported weights; it may not exist yet."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser()
    return platformdirs.user_data_path("speech2face", appauthor=False) / "weights"


def check_name(name: str) -> str:
    """Refuse a name under which weights could not be found again.

    Raises:
        InputError: It has other letters than file names take everywhere, or it is one of ours.
    """
    if not _NAME.fullmatch(name) or name in _OURS:
        msg = (
            f"the name {name!r} cannot be used for weights; expected small letters, digits, - and "
            f"_, and none of {', '.join(_OURS)}; give another --name, like vox256"
        )
        raise InputError(msg)
    return name


def imported() -> dict[str, store.Shipped]:
    """Read what has been imported, by name; nothing yet is no error.

    Raises:
        WeightsError: The manifest of the folder is damaged.
    """  # noqa: DOC502 store raises it
    folder = weights_folder()
    return store.manifest(folder, _REMEDY) if (folder / "manifest.json").is_file() else {}


def find(name: str) -> Weights:
    """Find weights by their name, or by the path of a file that was imported to another place.

    Args:
        name: A name that `speech2face weights list` shows, or a path.

    Raises:
        WeightsError: There is no such file, or it is damaged.
    """
    if is_path(name):
        path = Path(name).expanduser()
        if not path.is_file():
            msg = f"there is no weight file {path}; expected one made by speech2face weights import"
            raise WeightsError(msg)
        _, config = store.read_config(path)
        return Weights(
            path=path, sha256=store.file_sha256(path),
            licence=str(config.get("licence", "unknown")),
            trained_on=str(config.get("trained_on", "unknown")),
        )  # fmt: skip
    rows = imported()
    if name not in rows:
        known = ", ".join(row for row in sorted(rows) if "." not in row) or "none yet"
        msg = (
            f"no weights named {name!r} have been imported (there are: {known}); "
            f"import a checkpoint with speech2face weights import FILE --name {name}"
        )
        raise WeightsError(msg)
    row = rows[name]
    path = store.verified_file(weights_folder() / row.file, row, _REMEDY)
    return Weights(path=path, sha256=row.sha256, licence=row.licence, trained_on=row.trained_on)


def calibration_path(weights: Weights) -> Path:
    """Return where the calibration of a weight file lies, if it has one: beside it."""
    stem = weights.path.name.removesuffix(SUFFIX)
    return weights.path.with_name(f"{stem}{CALIBRATION}{SUFFIX}")


def is_path(name: str) -> bool:
    """Return a path from a name."""
    return name.endswith(SUFFIX) or "/" in name or os.sep in name


def prepare_folder(*, name: str, overwrite: bool) -> Path:
    """Make the folder and give the path for weights of that name.

    Raises:
        OutputError: The folder cannot be made, or the name is taken.
    """
    folder = weights_folder()
    path = folder / f"{check_name(name)}{SUFFIX}"
    if not overwrite and (path.exists() or name in imported()):
        msg = f"weights named {name!r} exist already ({path}); give another --name, or -y"
        raise OutputError(msg)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = (
            f"the folder {folder} for imported weights cannot be made ({error.strerror}); "
            f"name another one in the variable {FOLDER_VARIABLE}"
        )
        raise OutputError(msg) from error
    return path


def add(
    path: Path, tensors: dict[str, Tensor], config: dict[str, Any], *, what: str, command: str
) -> None:
    """Write weights; in the folder of imported weights they are entered into its manifest.

    Args:
        path: Where to; an existing file is replaced, whole or not at all.
        tensors: What to write.
        config: What to store with them; `licence` and `trained_on` are in it.
        what: One line: which network this is.
        command: The command that made them.

    Raises:
        OutputError: The file cannot be written.
    """  # noqa: DOC502 atomic_output raises it
    with atomic_output(path, overwrite=True) as temporary:
        store.write_weights(temporary, tensors, config)
    if path.parent == weights_folder():
        row = {
            "file": path.name, "what": what, "licence": str(config["licence"]),
            "trained_on": str(config["trained_on"]), "command": command,
        }  # fmt: skip
        store.register(path.parent, path.name.removesuffix(SUFFIX), row)
