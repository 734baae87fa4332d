"""What commands print on standard output: the files that they have made."""

import sys
from pathlib import Path

from speech2face.errors import shown


def say_path(path: Path | None) -> None:
    """Print the name of a file that was made: as it is into a pipe, harmless on a terminal."""
    name = shown(path) if sys.stdout.isatty() else str(path)
    sys.stdout.write(f"{name}\n")
    sys.stdout.flush()
