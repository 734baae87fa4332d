"""Input files: what must hold before any decoder sees one."""

import os
from pathlib import Path

from speech2face.errors import InputError, MediaError


def require_file(path: Path, what: str) -> Path:
    """Check that a path names a readable file with something in it.

    Args:
        path: The file.
        what: What it is to the user: "portrait", "sound", "video".

    Returns:
        The same path.

    Raises:
        InputError: There is no such file, it is a folder, or it may not be read.
        MediaError: It is empty.
    """
    if path.is_dir():
        msg = f"the {what} {path} is a folder; expected a file; name a file in it"
        raise InputError(msg)
    if not path.exists():
        msg = f"the {what} {path} does not exist; expected a file; check the name and the folder"
        raise InputError(msg)
    if not os.access(path, os.R_OK):
        msg = f"the {what} {path} may not be read; expected a readable file; change its permissions"
        raise InputError(msg)
    if path.is_file() and path.stat().st_size == 0:
        msg = f"the {what} {path} is empty (0 bytes); expected media; copy or download it again"
        raise MediaError(msg)
    return path
