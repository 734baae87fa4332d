"""The rows of a batch: from a table (CSV, JSON Lines) or from the files of a folder."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speech2face.configs import settings_of
from speech2face.errors import InputError, shown
from speech2face.jobs.settings import Settings

_INPUTS = ("portrait", "audio")
_OUTPUT = "output"
_PICTURES = {
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic",
}  # fmt: skip
_SOUNDS = {
    ".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aiff", ".aif", ".wma", ".mp4",
    ".mov", ".mkv", ".webm", ".m4v",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One video of a batch, as it is asked for; nothing of it has been looked at."""

    number: int
    """From 1."""
    portrait: Path
    audio: Path
    output: Path | None = None
    """A file; None: in the batch's folder, named after the inputs."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Words by the names of settings; what is left out is as for the whole batch."""
    fault: str = ""
    """Why the row cannot be used at all; empty where it can."""


def read_rows(jobs: Path) -> list[Row]:
    """Read what is to be made.

    Args:
        jobs: A CSV with a header, or a file of one JSON object a line, with the columns portrait,
            audio, output (may be left out) and any setting; its paths are relative to its folder.
            Or a folder: pictures and sounds of the same name belong together; a single picture
            speaks all sounds, a single sound is spoken by all pictures.

    Returns:
        The rows; one that cannot be read says so in its `fault`.

    Raises:
        InputError: There is no such file or folder, its header names an unknown setting, or it
            holds no row.
    """
    if jobs.is_dir():
        rows = _of_folder(jobs)
    elif jobs.suffix.lower() in {".csv", ".jsonl", ".ndjson"}:
        try:
            text = jobs.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"the jobs {shown(jobs)} cannot be read ({error}); expected a text file in UTF-8"
            raise InputError(msg) from error
        tables = _csv(text, jobs) if jobs.suffix.lower() == ".csv" else _json_lines(text)
        rows = [_row(number, table, jobs.parent) for number, table in enumerate(tables, 1)]
    else:
        msg = (
            f"the jobs {shown(jobs)} are neither a folder nor a .csv or .jsonl file; give one of "
            "them"
        )
        raise InputError(msg)
    if not rows:
        msg = f"{shown(jobs)} holds no job; expected at least a portrait and a sound"
        raise InputError(msg)
    return rows


def _csv(text: str, jobs: Path) -> Iterable[dict[str, Any] | str]:
    reader = csv.DictReader(text.splitlines(), restkey="", skipinitialspace=True)
    known = {*_INPUTS, _OUTPUT, *settings_of(Settings)}
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    for name in header:
        if name.replace("-", "_") not in known:
            msg = (
                f"{shown(jobs)} has the unknown column {name!r}; expected portrait, audio, output "
                f"or a setting ({', '.join(settings_of(Settings))}); correct or remove it"
            )
            raise InputError(msg)
    for cells in reader:
        if "" in cells:
            yield f"it has more cells than the {len(header)} columns of the header"
        else:
            yield {name: cell.strip() for name, cell in cells.items() if cell and cell.strip()}


def _json_lines(text: str) -> Iterable[dict[str, Any] | str]:
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            table = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"it is not JSON ({error})"
            continue
        yield table if isinstance(table, dict) else "it is not a JSON object"


def _row(number: int, table: dict[str, Any] | str, folder: Path) -> Row:
    if isinstance(table, str):
        return Row(number=number, portrait=Path(), audio=Path(), fault=table)
    names = (*_INPUTS, _OUTPUT)
    portrait, audio, output = (
        place if isinstance(place := table.get(name), str) else "" for name in names
    )
    lacking = [name for name, place in zip(_INPUTS, (portrait, audio), strict=True) if not place]
    return Row(
        number=number, portrait=folder / portrait, audio=folder / audio,
        output=Path(output) if output else None,
        settings={
            name: _beside(value, name, folder)
            for name, value in table.items() if name not in names
        },
        fault=f"it names no {' and no '.join(lacking)}" if lacking else "",
    )  # fmt: skip


def _beside(value: Any, name: str, folder: Path) -> Any:  # noqa: ANN401 - whatever a cell holds
    """Return a setting's value; one that names a file does so from the folder of the jobs."""
    if not isinstance(value, str):
        return value
    kind = settings_of(Settings).get(name.replace("-", "_"))
    is_file = kind is not None and kind.kind is Path
    # A pose is a word or a video.
    return str(folder / value) if is_file or (folder / value).is_file() else value


def _of_folder(folder: Path) -> list[Row]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    pictures = [path for path in files if path.suffix.lower() in _PICTURES]
    sounds = [path for path in files if path.suffix.lower() in _SOUNDS]
    if len(pictures) == 1 or len(sounds) == 1:
        pairs = [(picture, sound) for picture in pictures for sound in sounds]
    else:
        pairs = [
            (picture, sound)
            for picture in pictures for sound in sounds if sound.stem == picture.stem
        ]  # fmt: skip
    return [
        Row(number=number, portrait=picture, audio=sound)
        for number, (picture, sound) in enumerate(pairs, 1)
    ]
