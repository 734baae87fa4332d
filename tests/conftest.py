"""What many tests share: a small portrait, a short sound, and the shipped pipeline loaded once.

Nothing of the package is imported before the tests are collected: the checks of shapes are put on
while it is imported.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import hypothesis
import imageio_ffmpeg
import pytest
import soundfile
import torch
from forked import Commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np

    from speech2face.face.rig import Rig
    from speech2face.face.track import FaceTracker
    from speech2face.face.view import View
    from speech2face.generators.base import Generator
    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.avatar import Parts
    from speech2face.jobs.settings import Settings

EXAMPLES = Path(__file__).parents[1] / "examples"
_SIDE = 360

hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    # Two programs with two threads each slow each other down tenfold on two cores.
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example's portrait at a small size, as PNG."""
    picture = cv2.imread(str(EXAMPLES / "portrait.png"))
    assert picture is not None
    scale = _SIDE / min(picture.shape[:2])
    path = tmp_path_factory.mktemp("portrait") / "person.png"
    cv2.imwrite(str(path), cv2.resize(picture, None, fx=scale, fy=scale, interpolation=3))
    return path


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """Return the example's portrait at its own size, RGB."""
    return cv2.cvtColor(cv2.imread(str(EXAMPLES / "portrait.png")), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="session")
def tracker() -> FaceTracker:
    from speech2face.face.track import FaceTracker

    return FaceTracker.from_pretrained("cpu")


@pytest.fixture(scope="session")
def rig() -> Rig:
    from speech2face.face.rig import load_rig

    return load_rig()


@pytest.fixture(scope="session")
def cut_speech(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """Return a function that cuts seconds from the example's speech, as WAV."""
    folder = tmp_path_factory.mktemp("speech")

    def cut(seconds: float) -> Path:
        path = folder / f"speech_{seconds:g}.wav"
        if not path.exists():
            samples, rate = soundfile.read(EXAMPLES / "speech.wav", dtype="int16")
            soundfile.write(path, samples[: round(seconds * rate)], rate)
        return path

    return cut


@pytest.fixture(scope="session")
def speech(cut_speech: Callable[[float], Path]) -> Path:
    """Return 0.8 s of the example's speech."""
    return cut_speech(0.8)


class Remembering:
    """A generator that looks only once at a portrait it knows: most tests animate the same one."""

    def __init__(self, generator: Generator[Any]) -> None:
        self.spec = generator.spec
        self.drive, self.read, self.render = generator.drive, generator.read, generator.render
        self._generator = generator
        self._states: dict[bytes, Any] = {}

    def encode(self, views: Sequence[View], after: object = None, **more: object) -> object:
        if after is not None:
            return self._generator.encode(views, after=after, **more)  # type: ignore[call-arg]
        key = b"".join(view.crop.tobytes() + view.mesh.tobytes() for view in views)
        if key not in self._states:
            self._states[key] = self._generator.encode(views)
        return self._states[key]


@pytest.fixture(scope="session")
def engine() -> Speech2Face:
    """Load the shipped pipeline."""
    from speech2face.jobs.animate import Speech2Face

    class Engine(Speech2Face):
        known: ClassVar[dict[int, Remembering]] = {}

        def parts(self, settings: Settings, *, driven: bool = True) -> Parts:
            loaded = super().parts(settings, driven=driven)
            generator = self.known.setdefault(id(loaded.generator), Remembering(loaded.generator))
            return replace(loaded, generator=generator)

    return Engine.from_pretrained("cpu")


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Give what starts commands in processes of their own."""
    running = Commands(tmp_path_factory.mktemp("commands"))
    yield running
    running.close()


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What ffmpeg says of a video, not our own code."""

    frames: int
    video: str
    """ffmpeg's line on the picture: codec, pixel format, size, rate."""
    audio: str
    tags: str
    seconds: Fraction
    """Length of the picture by its frames and rate."""


@pytest.fixture(scope="session")
def probe() -> Callable[[Path], Probed]:
    """Return a function that lets ffmpeg decode a video and tell about it."""

    def look(path: Path) -> Probed:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-map", "0", "-f", "null", "-"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        head = told.partition("Output #0")[0]
        frames = int(re.findall(r"frame=\s*(\d+)", told)[-1])
        rate = Fraction(re.findall(r"([\d.]+) fps", head)[0])
        return Probed(
            frames=frames,
            video=next(line for line in head.splitlines() if "Video:" in line),
            audio=next((line for line in head.splitlines() if "Audio:" in line), ""),
            tags=head,
            seconds=frames / rate,
        )

    return look
