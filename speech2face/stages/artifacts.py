"""What the stages exchange, as files: plain npz archives that hold numbers and text, never code.

Each file holds `schema` (text: which kind it is), `version` (integer), and the arrays below;
tracks also hold `fps` as two integers, numerator and denominator. Floats are float32. `origin`
(text, JSON) says by SHA-256 from which portrait and which sound a stage made it.

| schema                  | arrays                                                                 |
|-------------------------|------------------------------------------------------------------------|
| speech2face/landmarks 1 | points (frames, 70, 3): normalized, see `types.LandmarkTrack`          |
| speech2face/controls 1  | emotion (frames, 8), blink (frames, 2), gaze (frames, 2),              |
|                         | pose (frames, 3), brow, frown, smile (frames): `types.ControlTrack`    |
| speech2face/latents 1   | values (frames, size), space (text): see `types.LatentTrack`           |
| speech2face/portrait 1  | image (height, width, 3), crop (size, size, 3): uint8; to_crop (2, 3), |
|                         | mesh (478, 3), box (4), score (): see `face.view.View`, `types.Face`   |
"""

import io
import json
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from speech2face.checked import require_types
from speech2face.errors import InputError, Speech2FaceWarning
from speech2face.face.view import View
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.output import atomic_output
from speech2face.media.sound.sound import Sound
from speech2face.timing import parse_fps
from speech2face.types import EMOTIONS, ControlTrack, Face, LandmarkTrack, LatentTrack

VERSION = 1
"""The version of the files; it grows when an old reader would misread a new file."""

Artifact = LandmarkTrack | ControlTrack | LatentTrack | View
_FILE = "stage file"
"""What it is to the user."""

Kind = TypeVar("Kind", LandmarkTrack, ControlTrack, LatentTrack, View)

_ARCHIVE = b"PK\x03\x04"
"""How an npz file begins."""
_MOST_BYTES = 8 << 30
"""An archive that claims more than this, unpacked, is damaged or an attack: 100 h of latents."""

_UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, SyntaxError, MemoryError,
    OverflowError, RuntimeError, NotImplementedError, RecursionError,
    zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip
"""All that numpy and zipfile raise at damaged bytes (found by mutating files)."""


@dataclass(frozen=True)
class _Schema:
    """One kind of file: its name, its arrays with their types and axes, and who makes it."""

    name: str
    arrays: Mapping[str, tuple[type[np.generic], tuple[int | str, ...]]]
    made_by: str


_SCHEMAS: Mapping[type[Artifact], _Schema] = {
    LandmarkTrack: _Schema(
        "landmarks", {"points": (np.float32, ("frames", 70, 3))}, "speech2face landmarks"
    ),
    ControlTrack: _Schema(
        "controls",
        {
            "emotion": (np.float32, ("frames", len(EMOTIONS))),
            "blink": (np.float32, ("frames", 2)),
            "gaze": (np.float32, ("frames", 2)),
            "pose": (np.float32, ("frames", 3)),
            "brow": (np.float32, ("frames",)),
            "frown": (np.float32, ("frames",)),
            "smile": (np.float32, ("frames",)),
        },
        "speech2face latents",
    ),
    LatentTrack: _Schema(
        "latents",
        {"values": (np.float32, ("frames", "size")), "space": (np.str_, ())},
        "speech2face latents",
    ),
    View: _Schema(
        "portrait",
        {
            "image": (np.uint8, ("height", "width", 3)),
            "crop": (np.uint8, ("size", "size", 3)),
            "to_crop": (np.float32, (2, 3)),
            "mesh": (np.float32, (478, 3)),
            "box": (np.float32, (4,)),
            "score": (np.float32, ()),
        },
        "speech2face landmarks",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a stage file was made from, so that what does not belong together is not mixed."""

    portrait: str | None = None
    """SHA-256 of the portrait's file; None: landmarks of an average face."""
    sound: str | None = None
    """SHA-256 of the sound's file; None: silence."""


def save_track(
    path: Path, track: Artifact, *, overwrite: bool = False, origin: Origin | None = None
) -> None:
    """Write a track or a portrait; the same values give the same bytes.

    Args:
        path: Where to; the file appears whole or not at all.
        track: What to write.
        overwrite: Whether an existing file may be replaced.
        origin: What it was made from; None: nothing is known of that.

    Raises:
        OutputError: The file exists already or cannot be written.
    """  # noqa: DOC502 atomic_output raises it
    schema = _SCHEMAS[type(track)]
    if isinstance(track, View):
        face = track.face
        source: dict[str, Any] = {
            "image": track.image, "crop": track.crop, "to_crop": track.to_crop,
            "mesh": face.mesh, "box": face.box, "score": face.score,
        }  # fmt: skip
    else:
        source = {name: getattr(track, name) for name in schema.arrays}
    arrays = {name: np.asarray(source[name], kind) for name, (kind, _) in schema.arrays.items()}
    arrays["schema"] = np.asarray(f"speech2face/{schema.name}")
    arrays["version"] = np.asarray(VERSION)
    if not isinstance(track, View):
        arrays["fps"] = np.asarray(track.fps.as_integer_ratio())
    if origin is not None:
        arrays["origin"] = np.asarray(json.dumps(asdict(origin), sort_keys=True))
    with atomic_output(path, overwrite) as temporary, temporary.open("wb") as file:
        # A file object: given a name, numpy would add ".npz" to one without it.
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_track(given: Readable | Opened, kind: type[Kind]) -> Kind:
    """Read a track or a portrait of the kind wanted.

    Args:
        given: The file.
        kind: `LandmarkTrack`, `ControlTrack`, `LatentTrack` or `View`.

    Raises:
        InputError: The file cannot be read, is damaged, or holds something else.
    """
    schema, file = _SCHEMAS[kind], open_input(given, _FILE)
    found = _read(file)
    name = str(found.pop("schema", ""))
    if name != f"speech2face/{schema.name}":
        holds = name.removeprefix("speech2face/") if name.startswith("speech2face/") else "others'"
        msg = f"{file} holds {holds} data, not {schema.name}; make it with {schema.made_by}"
        raise InputError(msg)
    version = found.pop("version", np.asarray(0))
    if version.shape != () or version.dtype.kind not in "iu" or int(version) != VERSION:
        msg = (
            f"{file} is of version {version.tolist()!r}, this program reads version {VERSION}; "
            f"make it again with {schema.made_by}"
        )
        raise InputError(msg)
    _check(file, found, schema)
    values: dict[str, Any] = {
        key: found[key].item() if found[key].shape == () else found[key] for key in schema.arrays
    }
    if kind is View:
        values["face"] = Face(**{key: values.pop(key) for key in ("mesh", "box", "score")})
    else:
        values["fps"] = _fps(file, found)
    return kind(**values)


def kind_of(given: Readable | Opened) -> type[Artifact] | None:
    """Return what a stage file holds; None: it is none.

    Raises:
        InputError: It is a damaged one.
    """  # noqa: DOC502 _read raises it
    file = open_input(given, _FILE)
    if file.read(0, len(_ARCHIVE)) != _ARCHIVE:
        return None
    name = str(_read(file, only="schema").get("schema", ""))
    named = {f"speech2face/{schema.name}": kind for kind, schema in _SCHEMAS.items()}
    return named.get(name)


def check_origin(
    given: Readable | Opened, *, portrait: Opened, sound: Sound | None = None, force: bool = False
) -> Origin:
    """Check that a stage file was made from the portrait and the sound that it is used with.

    Args:
        given: The stage file.
        portrait: The portrait it is used with.
        sound: The sound it is used with; None: none was given.
        force: Use it all the same.

    Returns:
        What it was made from.

    Raises:
        InputError: It was made from something else.
    """
    file = open_input(given, _FILE)
    origin = _origin(file)
    if origin is None:
        note = f"{file} does not say what it was made from; it is taken to belong here"
        warnings.warn(note, Speech2FaceWarning, stacklevel=2)
        return Origin(portrait=portrait.sha256, sound=sound and sound.sha256)
    wrong = None
    if origin.portrait is None:
        wrong = (
            f"{file} holds the landmarks of an average face; expected those of {portrait}; "
            f"make it again with landmarks --portrait {portrait}"
        )
    elif origin.portrait != portrait.sha256:
        wrong = (
            f"{file} was made for another portrait than {portrait}; expected the same "
            "picture in every stage; make it again with this one"
        )
    elif sound is not None and origin.sound is not None and origin.sound != sound.sha256:
        wrong = (
            f"{file} was made from another sound than {sound.name}; expected the same sound "
            "in every stage; make it again with this one"
        )
    if wrong is not None and not force:
        msg = f"{wrong}, or use it all the same with --force"
        raise InputError(msg)
    return origin


def require_drawable(file: Opened, track: LatentTrack, size: int) -> None:
    """Check that latents have the width that their generator draws.

    Raises:
        InputError: They have another.
    """
    if track.values.shape[1] != size:
        msg = (
            f"{file} holds {track.values.shape[1]} values a frame, {track.space} draws "
            f"{size}; make it again with speech2face latents --generator {track.space}"
        )
        raise InputError(msg)


def _origin(file: Opened) -> Origin | None:
    text = _read(file, only="origin").get("origin")
    if text is None:
        return None
    try:
        origin = Origin(**json.loads(str(text)))
        require_types(origin)
    except (ValueError, TypeError, InputError) as error:
        msg = f"{file} is damaged: its origin cannot be read ({error}); make it again"
        raise InputError(msg) from error
    return origin


def _read(file: Opened, only: str | None = None) -> dict[str, np.ndarray]:
    """Unpack every array of an archive, or one of them.

    Raises:
        InputError: It is no npz archive, or a damaged one.
    """
    try:
        with zipfile.ZipFile(io.BufferedReader(file.reader())) as archive:
            claimed = sum(member.file_size for member in archive.infolist())
        fits = claimed <= _MOST_BYTES
        with np.load(io.BufferedReader(file.reader()), allow_pickle=False) as archive:
            wanted = [name for name in archive.files if fits and only in {None, name}]
            found = {name: np.asarray(archive[name]) for name in wanted}
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        msg = f"{file} cannot be read as an npz file of a stage ({reason}); make it again"
        raise InputError(msg) from error
    if not fits:
        msg = f"{file} claims to hold {claimed >> 30} GiB, no stage writes so much; make it again"
        raise InputError(msg)
    return found


def _check(file: Opened, found: Mapping[str, np.ndarray], schema: _Schema) -> None:
    """Compare arrays with their schema: names, types, axes, finite values."""
    sizes: dict[str, int] = {}
    for name, (kind, axes) in schema.arrays.items():
        if name not in found:
            _refuse(file, f"it lacks the array {name!r}", schema)
        array = found[name]
        if not np.issubdtype(array.dtype, kind):
            _refuse(file, f"{name} is of type {array.dtype}, not {kind.__name__}", schema)
        fits = len(array.shape) == len(axes) and all(
            size == (axis if isinstance(axis, int) else sizes.setdefault(axis, size))
            for size, axis in zip(array.shape, axes, strict=True)
        )
        if not fits or 0 in array.shape:
            wanted = ", ".join(str(sizes.get(str(axis), axis)) for axis in axes)
            _refuse(file, f"{name} has the shape {array.shape}, not ({wanted})", schema)
        if kind is np.float32 and not np.isfinite(array).all():
            _refuse(file, f"{name} holds values that are not finite numbers", schema)


def _fps(file: Opened, found: Mapping[str, np.ndarray]) -> Fraction:
    """Read the rate of a track.

    Raises:
        InputError: It is missing or no frame rate.
    """
    ratio = found.get("fps", np.zeros(0))
    if ratio.shape != (2,) or ratio.dtype.kind not in "iu" or int(ratio[1]) <= 0:
        msg = f"{file} is damaged: its fps {ratio.tolist()!r} is no frame rate; make it again"
        raise InputError(msg)
    try:
        return parse_fps(Fraction(int(ratio[0]), int(ratio[1])))
    except InputError as error:
        msg = f"{file} is damaged: {error}; make it again"
        raise InputError(msg) from error


def _refuse(file: Opened, what: str, schema: _Schema) -> NoReturn:
    """Say what is wrong with a file.

    Raises:
        InputError: Always.
    """
    msg = f"{file} is damaged: {what}; make it again with {schema.made_by}"
    raise InputError(msg)
