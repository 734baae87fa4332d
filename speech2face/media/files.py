"""Input files: what must hold before any decoder sees one."""

import os
import stat
from pathlib import Path

from speech2face.errors import InputError, MediaError, shown

_CHECK = "check the name and the folder"
_QUOTES = "\"'“”‘’«»`"


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
    name = shown(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        reason = "does not exist" if gone else f"cannot be opened ({_reason(error)})"
        msg = f"the {what} {name} {reason}; expected a file; {hint(str(path)) or _CHECK}"
        raise InputError(msg) from error
    if stat.S_ISDIR(mode):
        msg = f"the {what} {name} is a folder; expected a file; name a file in it"
        raise InputError(msg)
    if not os.access(path, os.R_OK):
        msg = f"the {what} {name} may not be read; expected a readable file; change its permissions"
        raise InputError(msg)
    if stat.S_ISREG(mode) and path.stat().st_size == 0:
        msg = f"the {what} {name} is empty (0 bytes); expected media; copy or download it again"
        raise MediaError(msg)
    return path


def require_stored(path: Path, what: str) -> Path:
    """Check what `require_file` does, and that the file can be read at any position.

    Raises:
        InputError: It cannot; or see `require_file`.
    """
    require_file(path, what)
    if not stat.S_ISREG(path.stat().st_mode):
        msg = f"the {what} {shown(path)} is a pipe or a device; expected a file; save it first"
        raise InputError(msg)
    return path


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def hint(text: str) -> str | None:
    """Return what to do about a name that no file has, where it is one of the usual slips."""
    if text.startswith("file:"):
        return "leave out file:// and write the path alone"
    if "://" in text or text.startswith(("http:/", "https:/")):  # pathlib joins both slashes
        return "only files of this machine are read: download it first"
    if text.strip(_QUOTES) != text:
        return "leave out the quotes inside the name"
    if text.startswith("~"):
        return "the shell left ~ as it is: write the home folder's full path"
    if text.strip() != text:
        return "its name begins or ends with a space: leave that out"
    return None
