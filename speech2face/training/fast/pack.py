"""Training pairs in one small file, to carry them to a machine that has a GPU for half an hour.

    speech2face pairs pack PAIRS -o pairs.pack --megabytes 60
    speech2face pairs unpack pairs.pack -o PAIRS

Frames travel as JPEG, meshes as half floats; flow and visibility, which would be most of the bytes,
stay behind: with that much more compute the pictures themselves teach the flow.
"""

from pathlib import Path

import cv2
import numpy as np

from speech2face.errors import InputError, shown
from speech2face.media.output import atomic_output, check_outputs
from speech2face.synthesis.pairs import (
    KINDS,
    IdentityFrames,
    is_held_out,
    list_identities,
    read_identity,
    write_identity,
)

_QUALITY = 93
MEGABYTE = 1 << 20


def pack(
    pairs: Path, file: Path, *, megabytes: float = 60.0, held_out: int = 8, overwrite: bool = False
) -> int:
    """Put identities of every kind into one file, as many as fit, the same bytes for each kind.

    Args:
        pairs: Folder of folders of identities.
        file: The file, which appears whole or not at all.
        megabytes: Its size, at most.
        held_out: Held-out identities of each kind.
        overwrite: Replace a file that exists.

    Returns:
        The file's size in bytes.

    Raises:
        InputError: The folder holds no pairs.
        OutputError: The file exists, or cannot be written.
    """  # noqa: DOC502 check_outputs raises it
    check_outputs(file, overwrite=overwrite)
    kinds = [kind for kind in KINDS if any((pairs / kind).glob("*.npz"))]
    if not kinds:
        msg = (
            f"{shown(pairs)} holds no training pairs; expected a folder with {' or '.join(KINDS)} "
            "in it; make them with speech2face synthesize"
        )
        raise InputError(msg)
    arrays: dict[str, np.ndarray] = {}
    for kind in kinds:
        left = megabytes * MEGABYTE / len(kinds)
        for number, path in enumerate(_spread(pairs / kind, held_out)):
            small = _small(read_identity(path))
            left -= sum(values.nbytes + 300 for values in small.values())
            if left < 0:
                break
            arrays |= {f"{kind}/{number}/{name}": values for name, values in small.items()}
    with atomic_output(file, overwrite) as partial, partial.open("wb") as opened:
        np.savez(opened, **arrays)  # pyright: ignore[reportArgumentType]
    return file.stat().st_size


def unpack(file: Path, pairs: Path) -> int:
    """Write the identities of a packed file as `synthesis.pairs` does; return how many."""
    with np.load(file) as arrays:
        names = sorted({name.rpartition("/")[0] for name in arrays.files})
        for name in names:
            kind = name.partition("/")[0]
            (pairs / kind).mkdir(parents=True, exist_ok=True)
            one = {key: arrays[f"{name}/{key}"] for key in ("name", "away", "ends", "jpeg", "mesh")}
            sample = IdentityFrames(
                kind=kind, identity=str(one["name"]), held_out=bool(one["away"]),
                frames=np.stack([
                    _decoded(one["jpeg"][start:end])
                    for start, end in zip([0, *one["ends"][:-1]], one["ends"], strict=True)
                ]),
                meshes=one["mesh"].astype(np.float32),
            )  # fmt: skip
            write_identity(pairs / kind / f"{name.replace('/', '_')}.npz", sample)
    return len(names)


def _spread(folder: Path, held_out: int) -> list[Path]:
    """Order identities so that any first part is spread over them; a few held-out ones first."""
    paths = list_identities(folder)
    away = [path for path in paths if is_held_out(path)]
    away = [away[int(i)] for i in np.linspace(0, len(away) - 1, min(held_out, len(away)))]
    learnt = [path for path in paths if not is_held_out(path)]
    order = np.random.default_rng(0).permutation(len(learnt))
    return away + [learnt[index] for index in order]


def _small(one: IdentityFrames) -> dict[str, np.ndarray]:
    coded = [_encoded(frame) for frame in one.frames]
    return {
        "name": np.array(one.identity),
        "away": np.array(one.held_out),
        "jpeg": np.concatenate(coded),
        "ends": np.cumsum([len(code) for code in coded]),
        "mesh": one.meshes.astype(np.float16),
    }


def _encoded(frame: np.ndarray) -> np.ndarray:
    # Full chroma: a lip's colour is a few pixels wide.
    options = [
        cv2.IMWRITE_JPEG_QUALITY, _QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    return cv2.imencode(".jpg", frame[..., ::-1], options)[1].ravel()


def _decoded(code: np.ndarray) -> np.ndarray:
    picture = cv2.imdecode(code, cv2.IMREAD_COLOR)
    if picture is None:
        msg = "a frame of the packed file does not decode; expected a whole file, carry it again"
        raise InputError(msg)
    return np.ascontiguousarray(picture[..., ::-1])
