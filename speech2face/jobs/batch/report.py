"""What became of a batch: a table for people, one for programs, and a sheet of pictures."""

import csv
import io
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from speech2face import __version__
from speech2face.errors import Speech2FaceError
from speech2face.jobs.batch.batch import FAILED, Outcome
from speech2face.media.output import atomic_outputs, check_outputs
from speech2face.media.video.video import VideoReader

_MARK = "speech2face batch"
"""The key by which a report is known as ours."""
_STEM = "batch"
_TILE, _ACROSS, _CAPTION = 160, 8, 16
_MOST_TILES = 400
_SHOWN_AT = Fraction(1)
"""Seconds into a video that its tile shows, or its last frame: people speak by then."""


def report_paths(folder: Path, *, overwrite: bool) -> tuple[Path, Path, Path]:
    """Return where the report of a batch goes: `batch.csv`, `.json` and `.png` in its folder.

    Raises:
        OutputError: One of them exists and is not an earlier report.
    """  # noqa: DOC502 check_outputs raises it
    table, listing, sheet = (folder / f"{_STEM}{suffix}" for suffix in (".csv", ".json", ".png"))
    if folder.exists():
        check_outputs(table, listing, sheet, overwrite=overwrite or _is_report(listing))
    return table, listing, sheet


def write_report(outcomes: Sequence[Outcome], paths: tuple[Path, Path, Path]) -> None:
    """Write the report of a batch in the order of its rows; an earlier one is replaced."""
    ordered = sorted(outcomes, key=lambda one: one.row)
    rows = [{name: _plain(value) for name, value in asdict(outcome).items()} for outcome in ordered]
    table = io.StringIO()
    writer = csv.DictWriter(table, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    listing = json.dumps({_MARK: __version__, "rows": rows}, indent=1, ensure_ascii=False)
    with atomic_outputs(paths, overwrite=True) as (csv_path, json_path, sheet_path):
        csv_path.write_text(table.getvalue(), "utf-8", "backslashreplace")
        json_path.write_text(listing + "\n", "utf-8", "backslashreplace")
        _sheet(ordered[:_MOST_TILES]).save(sheet_path, "PNG")


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(value, 2)
    return str(value) if isinstance(value, Path) else value


def _is_report(listing: Path) -> bool:
    try:
        return _MARK in json.loads(listing.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _sheet(outcomes: Sequence[Outcome]) -> Image.Image:
    """Draw a tile a row: a frame of its video, or grey where there is none."""
    down = -(-len(outcomes) // _ACROSS)
    height = _TILE + _CAPTION
    sheet = Image.new("RGB", (min(len(outcomes), _ACROSS) * _TILE, down * height), "white")
    draw = ImageDraw.Draw(sheet)
    for index, outcome in enumerate(outcomes):
        left, top = index % _ACROSS * _TILE, index // _ACROSS * height
        frame = None if outcome.status == FAILED else _frame(outcome.output)
        if frame is None:
            draw.rectangle((left, top, left + _TILE - 2, top + _TILE - 2), fill="lightgrey")
        else:
            picture = Image.fromarray(frame)
            picture.thumbnail((_TILE - 2, _TILE - 2))
            sheet.paste(picture, (left, top))
        draw.text((left + 2, top + _TILE), f"{outcome.row} {outcome.status}", fill="black")
    return sheet


def _frame(video: Path) -> np.ndarray | None:
    """Return the frame that a tile shows; None where the video has gone meanwhile."""
    try:
        reader = VideoReader(video)
        frames = deque(islice(reader, int(_SHOWN_AT * reader.fps) + 1), maxlen=1)
    except Speech2FaceError:
        return None
    return frames[0] if frames else None
