"""`speech2face doctor`: whether this installation can make videos, and with what."""

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import typer

from speech2face.errors import OutputError, Speech2FaceError, WeightsError

_LEAST_SPACE = 200_000_000
_PACKAGES = (
    "torch", "torchvision", "torchaudio", "facenet-pytorch", "librosa", "numpy", "scipy",
    "soundfile", "opencv-python", "pillow", "av", "moviepy", "safetensors",
)  # fmt: skip
_OPTIONAL = {
    "pillow_heif": "HEIC pictures: pip install 'speech2face[heif]'",
    "matplotlib": "--plot: pip install 'speech2face[plot]'",
    "fastapi": "serve: pip install 'speech2face[serve]'",
}


def doctor() -> None:
    """Check python, packages, encoders, weights, devices and disk: can this machine make videos?

    The exit status is not 0 if something needed is absent.
    """  # noqa: DOC501 - the text is the command's help
    status = 0
    for name, check in _checks():
        try:
            typer.echo(f"ok    {name:<12} {check()}")
        except Speech2FaceError as error:
            typer.echo(f"FAIL  {name:<12} {error}")
            status = status or error.exit_code
    for module, purpose in _OPTIONAL.items():
        state = "there" if find_spec(module) else f"absent, only for {purpose}"
        typer.echo(f"      {module:<12} {state}")
    raise typer.Exit(status)


def _checks() -> Iterator[tuple[str, Callable[[], str]]]:
    yield "python", lambda: f"{platform.python_version()} on {platform.platform()}"
    yield "packages", _packages
    yield "device", _device
    yield "encoders", _encoders
    yield "weights", _weights
    yield "imported", _imported
    for name in _imported_names():
        yield "imported", partial(_checkpoint, name)
    for folder in dict.fromkeys((Path.cwd(), Path(tempfile.gettempdir()))):
        yield "disk", partial(_disk, folder)


def _packages() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError as error:
            msg = f"the package {name} is not installed; install speech2face again"
            raise Speech2FaceError(msg) from error
    return ", ".join(found)


def _device() -> str:
    import torch

    from speech2face import devices

    place = devices.resolve("auto")
    name = torch.cuda.get_device_name(place) if place.type == "cuda" else platform.processor()
    return f"{place} {name}, {torch.get_num_threads()} threads of {os.cpu_count()} cores".strip()


def _encoders() -> str:
    import av

    from speech2face.media.video.encode import require_encoders

    require_encoders()
    return f"H.264 and AAC by PyAV {av.__version__}"


def _weights() -> str:
    from speech2face.checkpoints.store import manifest, verified_path

    names = sorted(manifest())
    for name in names:
        verified_path(name)
    return f"{len(names)} files are whole: {', '.join(names)}"


def _imported() -> str:
    from speech2face.checkpoints import library

    library.imported()  # raises where the manifest is damaged
    names = ", ".join(_imported_names()) or "none"
    return f"checkpoints in {library.weights_folder()}: {names}"


def _imported_names() -> list[str]:
    """List imported checkpoints; of a damaged manifest `_imported` tells."""
    from speech2face.checkpoints import library

    with suppress(WeightsError):
        return sorted(name for name in library.imported() if not name.endswith(library.CALIBRATION))
    return []


def _checkpoint(name: str) -> str:
    from speech2face.checkpoints import library, store
    from speech2face.generators.imported.drive import load_calibration
    from speech2face.generators.registry import kind_of, needs_calibration

    found = library.find(name)
    tensors, _ = store.read_config(found.path)
    whole = f"{name} is whole ({len(tensors)} tensors)"
    if needs_calibration(name):
        return f"{whole}; not calibrated yet: its first use does that"
    if not library.calibration_path(found).is_file():
        return f"{whole}; without a motion extractor: its keypoints ride on the face's surface"
    library.find(f"{name}{library.CALIBRATION}")
    load_calibration(f"{kind_of(name)}:{name}")
    return f"{whole} and calibrated"


def _disk(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_SPACE or not os.access(folder, os.W_OK):
        msg = (
            f"{folder} has {free / 1e6:.0f} MB free or is read-only; expected "
            f"{_LEAST_SPACE / 1e6:.0f} MB that can be written; free some space"
        )
        raise OutputError(msg)
    return f"{folder}: {free / 1e9:.1f} GB free"
