"""Parts of a long video that are finished: a run that was killed goes on where it was.

While `OUT.mp4` is made, its parts of ten seconds lie beside it in a hidden folder,
`.OUT.mp4.KEY.parts`; the key is a hash of all that decides the video (inputs by their content,
settings, weights). Each part appears whole or not at all, as every output does, and is a function
of its own frames alone. So what lies there is right, and joined it is what an unbroken run gives.
The folder goes when the video is finished.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from speech2face import __version__
from speech2face.media.output import shortened
from speech2face.media.video.encode import VideoWriter

_SECONDS = 10
"""Length of a part: what a kill costs at most."""
_KEY = 16
"""Digits of the hash."""

Image = UInt8[np.ndarray, "height width 3"]


def parts_of(frames: int, fps: Fraction) -> list[range]:
    """Return the frames of each part of a video; one that is not longer than a part is one."""
    step = max(1, round(_SECONDS * fps))
    return [range(start, min(start + step, frames)) for start in range(0, frames, step)]


def folder_for(output: Path, decided_by: Mapping[str, Any]) -> Path:
    """Return the folder of an output's parts.

    Args:
        output: The video.
        decided_by: All that decides it; see `provenance.made_of`.
    """
    text = json.dumps([__version__, decided_by], sort_keys=True)
    key = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:_KEY]
    return output.with_name(shortened(f".{output.name}", f".{key}.parts"))


def finish_parts(
    folder: Path,
    parts: list[range],
    draw: Callable[[range], Iterator[Image]],
    size: tuple[int, int],
    fps: Fraction,
    skipped: Callable[[int], None],
) -> list[Path]:
    """Make the parts that are not there yet.

    Args:
        folder: Where they lie.
        parts: The frames of each.
        draw: Draws frames.
        size: Width and height of a frame.
        fps: Their rate.
        skipped: Called with the number of the first frame that is not part of what is there.

    Returns:
        The files, in order.
    """
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number:06d}.mp4" for number in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        if file.exists():
            skipped(part.stop)
            continue
        with VideoWriter(file, size=size, fps=fps, sound=None, overwrite=False, tags={}) as video:
            for frame in draw(part):
                video.write(frame)
    return files


def remove_parts(folder: Path) -> None:
    """Remove the parts of a video that is finished, and what a kill left half of one."""
    with suppress(OSError):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
