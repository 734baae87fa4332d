"""Hostile and odd inputs, drawn from a seed: each ends in a typed error or a good result.

2,000 cases run with the other tests; SPEECH2FACE_HOSTILE=10000 runs more. No case may end in a
traceback of another kind, change its input, leave a file behind, or take ten seconds. Beside files,
options and names there are disks that fill up, signals at any moment, and pipes that nobody reads.
"""

import io
import os
import random
import resource
import signal
import struct
import time
import warnings
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from clips import click, video
from PIL import Image

from speech2face.cli.terminal.interruption import Interrupted, interruptible
from speech2face.errors import Speech2FaceError, Speech2FaceWarning
from speech2face.jobs.settings import Settings
from speech2face.media.image import read_image
from speech2face.media.output import atomic_outputs, check_outputs, remove_unfinished
from speech2face.media.sound.audio import open_sound
from speech2face.media.sound.raw_audio import RawFormat
from speech2face.media.video.encode import Beside, VideoWriter
from speech2face.media.video.gif import write_gif
from speech2face.media.video.mux import mux
from speech2face.media.video.video import VideoReader
from speech2face.stages.artifacts import Origin, check_origin, load_track, save_track
from speech2face.types import LandmarkTrack, LatentTrack

CASES = int(os.environ.get("SPEECH2FACE_HOSTILE", "2000"))
SIGNALS = "SPEECH2FACE_HOSTILE" in os.environ
LONGEST = 100
LATENTS = LatentTrack(values=np.zeros((3, 5), np.float32), space="warp", fps=Settings().rate)

Chance = random.Random  # noqa: S311 - nothing here is secret


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Small whole files of each kind, to be spoilt."""
    folder = tmp_path_factory.mktemp("seeds")
    picture = Image.fromarray(
        np.arange(48 * 40 * 3, dtype=np.uint32).reshape(48, 40, 3).astype("u1")
    )
    pictures = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO"):
        content = io.BytesIO()
        picture.save(content, kind)
        pictures.append(content.getvalue())
    endings = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".mov", ".aac")
    sounds = [click(folder / f"a{ending}", seconds=0.3).read_bytes() for ending in endings]
    films = [video(folder / f"v.{name}").read_bytes() for name in ("mp4", "mkv", "avi")]
    save_track(folder / "latents.npz", LATENTS, origin=Origin(portrait="0" * 64, sound=None))
    return {
        "picture": pictures, "sound": sounds, "video": films,
        "artefact": [(folder / "latents.npz").read_bytes()],
    }  # fmt: skip


def spoilt(chance: Chance, content: bytes, others: list[bytes]) -> bytes:  # noqa: C901 - a list
    """Spoil a file as copying, editing, downloading and attackers do."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(max(1, len(data)))
        match chance.randrange(9):
            case 0:
                del data[at:]
            case 1:
                data[at : at + chance.randint(1, 64)] = chance.randbytes(chance.randint(0, 64))
            case 2:
                data[at : at + 4] = struct.pack("<I", chance.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF]))
            case 3:
                data[at : at + 4] = struct.pack(">I", chance.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF]))
            case 4:
                data += chance.choice(others)
            case 5:
                data[:0] = chance.randbytes(chance.randint(1, 200))
            case 6:
                data[min(len(data) - 1, chance.randrange(64)) : 64] = b"\0" * chance.randint(0, 64)
            case 7:
                del data[at : at + chance.randint(1, 500)]
            case _:
                data[at:at] = data[: chance.randint(1, 500)]
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def odd_wav(chance: Chance) -> bytes:
    """A WAV of any rate, width and number of channels, whose header may lie."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        channels = chance.choice([1, 2, 3, 5, 6, 9, 16, 33])
        file.setnchannels(channels)
        file.setsampwidth(chance.choice([1, 2, 3, 4]))
        file.setframerate(chance.choice([1, 999, 7350, 8000, 44_100, 768_000, 4_000_000]))
        file.writeframes(chance.randbytes(channels * 12 * chance.randint(0, 200)))
    data = bytearray(content.getvalue())
    if chance.random() < 0.5:
        at = chance.choice([4, 20, 22, 24, 28, 32, 34, 40])
        data[at : at + 2] = chance.randbytes(2)
    return bytes(data) * chance.choice([1, 1, 2])


def hear(given: bytes | Path, chance: Chance) -> None:
    raw = RawFormat.parse("16000,2,s16") if chance.random() < 0.1 else None
    track = chance.choice([None, None, None, 1, 2, 0, -1])
    sound = open_sound(given, track=track, raw=raw)
    if chance.random() < 0.3:
        sound = sound.first(Settings().rate ** -1 * 5)
    samples = sound.speech().samples
    assert np.isfinite(samples).all()
    assert np.abs(samples).max(initial=0) <= 1.01


def see(given: bytes | Path, chance: Chance) -> None:
    pixels = read_image(given, longest=chance.choice([None, 16, 4096]))
    assert pixels.ndim == 3
    assert pixels.dtype == np.uint8


def watch(given: bytes | Path, chance: Chance) -> None:
    reader = VideoReader(given)
    for number, frame in enumerate(reader):
        assert frame.shape == (*reader.size[::-1], 3)
        if number > chance.randint(0, 40):
            break


def load(given: bytes | Path, chance: Chance) -> None:
    assert isinstance(given, Path)
    kind = chance.choice([LatentTrack, LandmarkTrack])
    load_track(given, kind)


def odd_word(chance: Chance) -> str:
    return chance.choice(
        [
            "", " ", "nan", "inf", "-1", "0", "1e400", "0x10", "True", "None", "\0", "a" * 5000,
            "happy:nan", "1,2,3,4", ",", "25/0", "-5/2", "1/3", "../..", "~", "#ffff", "256,0,0",
        ]
    )  # fmt: skip


def choose(_given: bytes | Path, chance: Chance) -> None:
    names = ["emotion", "blink", "gaze", "pose", "fps", "background", "face_select", "raw_audio"]
    Settings(**{chance.choice(names): odd_word(chance)})  # pyright: ignore[reportArgumentType]


def write(given: bytes | Path, chance: Chance) -> None:
    assert isinstance(given, Path)
    name = chance.choice(
        [odd_word(chance) + ".mp4", "x" * 300, given.name, f"./{given.name}", "日" * 90]
    )
    output = given.parent / name
    check_outputs(output, inputs=[given], overwrite=chance.random() < 0.5)
    with atomic_outputs([output, given.parent / "beside.json"], overwrite=False) as partial:
        partial[0].write_bytes(b"x")
        if chance.random() < 0.5:
            raise OSError(28, "No space left on device")
    for path in (output, given.parent / "beside.json"):
        path.unlink()


@contextmanager
def trouble(chance: Chance) -> Iterator[None]:
    """Let the disk fill up, or a signal come, at any moment; or neither.

    Signals come on demand only (`SIGNALS`): a moment is never the same twice, and a test that
    everybody runs has to be.
    """

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        match chance.randrange(3):
            case 0:
                resource.setrlimit(resource.RLIMIT_FSIZE, (chance.randrange(1, 9000), limits[1]))
            case 1 if SIGNALS:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0005, 0.04))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Unread:
    """A pipe whose reader goes away after some bytes."""

    def __init__(self, chance: Chance) -> None:
        self._left = chance.randrange(20_000)

    def write(self, data: bytes | memoryview) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        pass


def encode(given: bytes | Path, chance: Chance) -> None:
    """Write a video of noise with the sound that is given, in trouble."""
    assert isinstance(given, Path)
    output, beside = given.parent / "out.mp4", given.parent / "out.json"
    unread = chance.random() < 0.3
    frames = np.random.default_rng(chance.randrange(99)).integers(0, 256, (8, 48, 64, 3), "u1")
    try:
        with trouble(chance), VideoWriter(
            Unread(chance) if unread else output, size=(64, 48), fps=Settings().rate,
            sound=open_sound(given) if chance.random() < 0.7 else None,
            overwrite=chance.random() < 0.5, tags={}, seconds=Settings().rate ** -1 * 8,
            beside=None if unread else Beside(path=beside, content=lambda _: b"{}"),
        ) as writer:  # fmt: skip
            for frame in frames[: chance.randrange(9)]:
                writer.write(frame)
    except BrokenPipeError:
        assert unread
    finished = [path.is_file() for path in (output, beside)]
    assert finished in ([True, True], [False, False])
    if finished[0]:
        assert VideoReader(output).size == (64, 48)
        output.unlink()
        beside.unlink()


def convert(given: bytes | Path, chance: Chance) -> None:
    """Make a GIF of a video, or put a sound under it, in trouble."""
    assert isinstance(given, Path)
    output = given.parent / ("out.gif" if chance.random() < 0.5 else "out.mp4")
    try:
        with trouble(chance):
            if output.suffix == ".gif":
                write_gif(given, output, width=16, fps=chance.choice([1, 5, 50]))
            else:
                mux(given, given, output, False, {})  # noqa: FBT003 its own signature
    finally:
        if output.exists():
            VideoReader(output) if output.suffix == ".mp4" else Image.open(output).verify()
            output.unlink()


KINDS: list[tuple[str, Callable[[bytes | Path, Chance], None]]] = [
    ("picture", see), ("sound", hear), ("video", watch), ("artefact", load), ("sound", choose),
    ("artefact", write), ("video", hear), ("picture", hear), ("sound", see), ("wav", hear),
    ("sound", encode), ("video", convert),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("part", range(10))
def test_no_input_ends_in_anything_but_a_result_or_a_typed_error(
    tmp_path: Path, seeds: dict[str, list[bytes]], part: int
) -> None:
    for case in range(part, CASES, 10):
        chance = Chance(case)
        kind, work = chance.choice(KINDS)
        source = seeds["picture"] if kind == "wav" else seeds[kind]
        everything = [content for contents in seeds.values() for content in contents]
        whole = odd_wav(chance) if kind == "wav" else chance.choice(source)
        content = whole if kind == "wav" else spoilt(chance, whole, everything)
        path = tmp_path / chance.choice(["a.wav", "b c.png", "ü.mp4", "d", "e.npz"])
        path.write_bytes(content)
        given = content if work in {hear, see, watch} and chance.random() < 0.5 else path
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Speech2FaceWarning)
            try:
                interruptible(partial(work, given, chance))
            except Speech2FaceError as error:
                assert str(error), case  # noqa: PT017 - most cases raise, some do not
            except Interrupted:
                remove_unfinished()  # as the end of the process does
                for finished in tmp_path.glob("out.*"):
                    finished.unlink()
            except Exception as error:
                msg = f"case {case} ({kind}, {work.__name__}) ended in {error!r}"
                raise AssertionError(msg) from error
        assert time.perf_counter() - started < LONGEST, case
        assert path.read_bytes() == content, case
        path.unlink()
        assert list(tmp_path.iterdir()) == [], case


def test_the_origin_of_a_stage_file_may_be_anything(tmp_path: Path) -> None:
    from speech2face.media.inputs import open_input

    portrait = open_input(b"a portrait", "portrait")
    save_track(tmp_path / "a.npz", LATENTS, origin=Origin(portrait=portrait.sha256))
    save_track(tmp_path / "b.npz", LATENTS, origin=Origin(portrait="another"))
    save_track(tmp_path / "c.npz", LATENTS, origin=Origin())
    save_track(tmp_path / "d.npz", LATENTS)

    assert check_origin(tmp_path / "a.npz", portrait=portrait).portrait == portrait.sha256
    for name, reason in (("b.npz", "another portrait"), ("c.npz", "average face")):
        with pytest.raises(Speech2FaceError, match=reason):
            check_origin(tmp_path / name, portrait=portrait)
        check_origin(tmp_path / name, portrait=portrait, force=True)
    with pytest.warns(Speech2FaceWarning, match="does not say"):
        check_origin(tmp_path / "d.npz", portrait=portrait)
