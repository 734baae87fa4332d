"""What the tool does with input that is not what it expects: the table of promises, and mutations.

Every case ends in one line, the exit status of its class and no output at all, or in a good video.
"""

import io
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from PIL import Image

from speech2face.__main__ import main
from speech2face.errors import InputError, MediaError, NoFaceError, Speech2FaceWarning
from speech2face.face.choose import prepare_view
from speech2face.face.track import FaceTracker
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.preflight import check
from speech2face.jobs.settings import Settings

SMALL = Settings(size=64, full=False, preview=2, pose="still", blink="off", gaze="camera")


@pytest.fixture
def refused(
    portrait: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Return what animates and proves that it ends with a status, one line and no file."""

    def run(status: int, *extra: str, picture: Path = portrait, sound: Path = speech) -> str:
        folder = tmp_path / "out"
        folder.mkdir(exist_ok=True)
        before = sorted(folder.iterdir())
        extra = extra if "-o" in extra else (*extra, "-o", str(folder / "talk.mp4"))

        found = main(["animate", str(picture), str(sound), "--progress", "none", *extra])

        told = [
            line
            for line in capsys.readouterr().err.splitlines()
            if not line.startswith(("speech2face: warning:", "speech2face: warp on"))
        ]
        assert found == status, told
        assert len(told) == 1
        assert told[0].startswith("speech2face: ")
        assert sorted(folder.iterdir()) == before
        return told[0]

    return run


@pytest.fixture
def animated(engine: Speech2Face, speech: Path) -> Callable[..., tuple[int, int]]:
    """Return a function that animates a picture for two frames and tells their size."""

    def run(picture: Path, sound: Path = speech, **changes: object) -> tuple[int, int]:
        clip = engine.animate(picture, sound, settings=replace(SMALL, **changes))
        frames = list(clip)
        assert len(frames) in {1, 2}
        assert all(frame.shape == (clip.size[1], clip.size[0], 3) for frame in frames)
        return clip.size

    return run


def picture_of(portrait: Path) -> np.ndarray:
    return cv2.imread(str(portrait))[..., ::-1]


def save(pixels: np.ndarray, path: Path, **options: object) -> Path:
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, **options)
    return path


# Faces


@pytest.mark.parametrize("kind", ["flat", "noise"])
def test_no_face(refused: Callable, tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    pixels = np.full((200, 300, 3), 128) if kind == "flat" else rng.integers(0, 256, (200, 300, 3))

    told = refused(3, picture=save(pixels.astype(np.uint8), tmp_path / "none.png"))

    assert "no face was found in the picture of 300 x 200 px" in told
    assert "score" in told


def test_several_faces(
    animated: Callable, portrait: Path, tmp_path: Path, refused: Callable
) -> None:
    one = picture_of(portrait)
    smaller = cv2.resize(one, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    canvas = np.full((one.shape[0], one.shape[1] + smaller.shape[1], 3), 255, np.uint8)
    canvas[: smaller.shape[0], : smaller.shape[1]] = smaller
    canvas[:, smaller.shape[1] :] = one
    two = save(canvas, tmp_path / "two.png")

    with pytest.warns(Speech2FaceWarning, match="2 faces"):
        animated(two)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*faces", Speech2FaceWarning)
        animated(two, face_select="2")

    assert "5" in refused(4, "--face-select", "5", picture=two)
    refused(4, "--face-select", "the tall one", picture=two)


def test_a_tiny_face(portrait: Path, tmp_path: Path, refused: Callable) -> None:
    small = save(
        cv2.resize(picture_of(portrait), (64, 64), interpolation=cv2.INTER_AREA), tmp_path / "a.png"
    )

    told = refused(3, picture=small)

    assert "px" in told or "no face" in told


def test_a_picture_that_lies_on_its_side(portrait: Path, tmp_path: Path, refused: Callable) -> None:
    turned = save(np.rot90(picture_of(portrait)), tmp_path / "side.png")

    assert "turn it by 90 degrees" in refused(3, picture=turned)


def test_a_face_larger_than_the_picture_is_told_to_show_more(
    portrait: Path, tracker: FaceTracker
) -> None:
    pixels = picture_of(portrait)
    left, top, right, bottom = tracker.find(pixels)[0].box.astype(int)
    across, down = (right - left) // 6, (bottom - top) // 6
    close = pixels[top + down : bottom - down, left + across : right - across]

    with pytest.raises(NoFaceError, match="larger than the picture: take one that shows the whole"):
        prepare_view(cv2.resize(close, (480, 560)), tracker)
    with pytest.raises(NoFaceError, match="one whole head") as caught:
        prepare_view(np.full((200, 300, 3), 128, np.uint8), tracker)
    assert "crop" not in str(caught.value)


def test_a_strip_in_which_no_face_fits(refused: Callable, tmp_path: Path) -> None:
    for shape in ((1, 1, 3), (10, 300, 3), (3000, 12, 3)):
        refused(3, picture=save(np.zeros(shape, np.uint8), tmp_path / "strip.png"))


# Sounds


def test_a_silent_sound_makes_a_video_with_a_warning(
    animated: Callable, portrait: Path, tmp_path: Path
) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(8000, np.int16), 16_000)

    with pytest.warns(Speech2FaceWarning, match="no speech was found"):
        animated(portrait, path)


def test_a_sound_of_no_length(refused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0, np.int16), 16_000)

    assert "0 s" in refused(4, sound=path)


@pytest.mark.parametrize("seconds", [1 / 16_000, 0.02, 0.1, 0.2, 0.8, 0.84, 0.88])
def test_very_short_sounds_make_a_video(
    engine: Speech2Face, portrait: Path, tmp_path: Path, seconds: float, probe: Callable
) -> None:
    path, output = tmp_path / "short.wav", tmp_path / "talk.mp4"
    tone = np.sin(np.arange(round(seconds * 16_000)) * 0.1)
    soundfile.write(path, tone, 16_000)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Speech2FaceWarning)
        engine.animate(portrait, path, output, settings=replace(SMALL, preview=None))

    assert probe(output).frames == max(1, -(-round(seconds * 16_000) // 640))


def test_a_sound_longer_than_allowed(refused: Callable) -> None:
    assert "at most 0.5 s are allowed" in refused(4, "--max-duration", "0.5")


def test_a_sound_of_nan(refused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.full(8000, np.nan, np.float32), 16_000, subtype="FLOAT")

    refused(4, sound=path)


# Files


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 5), (b"<html>not found</html>", 5), (b"\x89PNG\r\n\x1a\n", 5), (bytes(1000), 5)],
)
def test_a_damaged_or_mistyped_file(
    refused: Callable, tmp_path: Path, content: bytes, status: int
) -> None:
    picture, sound = tmp_path / "me.jpg", tmp_path / "talk.wav"
    picture.write_bytes(content)
    sound.write_bytes(content)

    assert "me.jpg" in refused(status, picture=picture)
    assert "talk.wav" in refused(status, sound=sound)


def test_inputs_in_the_wrong_order(refused: Callable, portrait: Path, speech: Path) -> None:
    refused(5, picture=speech, sound=portrait)


def test_a_truncated_jpeg(refused: Callable, portrait: Path, tmp_path: Path) -> None:
    path = save(picture_of(portrait), tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-2000])

    assert "is damaged" in refused(5, picture=path)


def test_a_missing_file_and_a_folder(refused: Callable, tmp_path: Path) -> None:
    assert "does not exist" in refused(4, picture=tmp_path / "nobody.png")
    assert "does not exist" in refused(4, sound=tmp_path / "nothing.wav")
    assert "is a folder" in refused(4, picture=tmp_path)


def test_a_file_type_is_known_by_its_content(
    animated: Callable, portrait: Path, tmp_path: Path
) -> None:
    for name in ("A.JPG", "a.b.png", "picture", "talk.wav"):
        path = tmp_path / name
        path.write_bytes(portrait.read_bytes())
        assert animated(path) == (64, 64)


@pytest.mark.parametrize(
    "name", ["my face.png", "mein Gesicht äöü.png", "顔写真.png", 'it\'s "me".png', "-y.png"]
)
def test_any_file_name(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path, name: str
) -> None:
    picture, sound = tmp_path / name, tmp_path / f"{name}.wav"
    picture.write_bytes(portrait.read_bytes())
    sound.write_bytes(speech.read_bytes())

    engine.animate(picture, sound, tmp_path / f"{name}.mp4", settings=SMALL)

    assert (tmp_path / f"{name}.mp4").stat().st_size > 0


# Pictures


def test_odd_sizes_keep_their_aspect(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path, probe: Callable
) -> None:
    pixels = picture_of(portrait)
    odd = save(
        pixels[: pixels.shape[0] // 2 * 2 - 1, : pixels.shape[1] // 2 * 2 - 1], tmp_path / "odd.png"
    )

    engine.animate(odd, speech, tmp_path / "a.mp4", settings=replace(SMALL, full=True))

    height, width = pixels.shape[:2]
    assert f"{width // 2 * 2}x{height // 2 * 2}" in probe(tmp_path / "a.mp4").video


def test_the_hidden_colour_of_transparent_pixels_never_shows(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    pixels = picture_of(portrait).copy()
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    pixels[:20], alpha[:20] = (255, 0, 255), 0
    path = save(np.dstack([pixels, alpha]), tmp_path / "alpha.png")

    clip = engine.animate(path, speech, settings=replace(SMALL, full=True, background="#104080"))
    frame = next(iter(clip))

    assert (frame[:10] == (16, 64, 128)).all()


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_the_rotation_that_a_camera_noted_is_applied(
    animated: Callable, portrait: Path, tmp_path: Path, orientation: int
) -> None:
    upright = picture_of(portrait)
    stored = np.rot90(upright, {3: 2, 6: 1, 8: 3}[orientation])
    exif = Image.Exif()
    exif[274] = orientation
    path = save(stored, tmp_path / "phone.jpg", exif=exif, quality=95)

    assert animated(path, full=True) == (upright.shape[1], upright.shape[0])


@pytest.mark.parametrize(
    "kind", ["gray", "CMYK", "palette", "sixteen", "gif", "webp", "tiff", "avif"]
)
def test_every_common_kind_of_picture(
    animated: Callable, portrait: Path, tmp_path: Path, kind: str
) -> None:
    image = Image.open(portrait).convert("RGB")
    path = tmp_path / f"picture.{kind}"
    if kind == "sixteen":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path, "PNG")
    elif kind == "avif" and ".avif" not in Image.registered_extensions():
        pytest.skip("this Pillow has no AVIF")
    else:
        mode = {"gray": "L", "CMYK": "CMYK", "palette": "P"}.get(kind, "RGB")
        form = {"gray": "PNG", "CMYK": "JPEG", "palette": "PNG"}.get(kind, kind)
        image.convert(mode).save(path, form)

    assert animated(path) == (64, 64)


def test_heic_without_its_extra_is_named(refused: Callable, tmp_path: Path) -> None:
    path = tmp_path / "phone.heic"
    path.write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200))

    told = refused(5, picture=path)

    assert "phone.heic" in told


# Outputs


def test_an_output_that_exists_is_kept_unless_told_otherwise(
    refused: Callable, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out" / "talk.mp4"
    output.parent.mkdir()
    output.write_text("mine")

    assert "exists already" in refused(7)
    assert output.read_text() == "mine"

    wanted = ["--size", "64", "--crop", "--preview", "2", "--progress", "none"]
    assert main(["animate", str(portrait), str(speech), "-o", str(output), "-y", *wanted]) == 0
    assert output.stat().st_size > 1000


def test_an_output_that_cannot_be_written(
    refused: Callable, tmp_path: Path, portrait: Path
) -> None:
    assert "does not exist" in refused(7, "-o", str(tmp_path / "nowhere" / "a.mp4"))
    assert "ending" in refused(7, "-o", str(tmp_path / "a.avi"))
    assert "inputs are never written to" in refused(4, "-o", str(portrait), "-y")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_that_may_not_be_written(refused: Callable, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)

    refused(7, "-o", str(locked / "a.mp4"))


# The installation


def test_a_missing_encoder_is_found_before_the_first_frame(
    refused: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(name: str, _mode: str) -> None:
        raise ValueError(name)

    monkeypatch.setattr("av.Codec", lacking)

    assert "cannot write H.264" in refused(5)


def test_missing_and_damaged_weights_are_named(
    refused: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech2face.checkpoints import store

    folder = tmp_path / "pretrained"
    folder.mkdir()
    for file in store.pretrained_folder().iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(store, "pretrained_folder", lambda: folder)
    damaged = folder / store.manifest()["speech2landmarks"].file

    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    assert damaged.name in refused(6)
    damaged.unlink()
    assert damaged.name in refused(6)
    assert main(["weights", "verify"]) == 6


@pytest.mark.parametrize("device", ["cuda:99", "mps", "toaster"])
def test_a_device_that_is_absent(refused: Callable, device: str) -> None:
    import torch

    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has an Apple GPU")
    assert device in refused(8, "--device", device)


def test_a_generator_that_is_absent(refused: Callable) -> None:
    assert "warp" in refused(4, "--generator", "diffusion")


# Mutations


def mutated(content: bytes, seed: int) -> bytes:
    """Damage a file in one of many ways."""
    rng = np.random.default_rng(seed)
    kind, size = seed % 6, len(content)
    data = bytearray(content)
    if kind == 0:
        return content[: int(rng.integers(0, size))]
    if kind == 1:
        for place in rng.integers(0, size, 20):
            data[place] = int(rng.integers(0, 256))
    elif kind == 2:  # the header promises what is not there
        for place in rng.integers(0, min(size, 64), 4):
            data[place] = 255
    elif kind == 3:
        start = int(rng.integers(0, size))
        data[start : start + int(rng.integers(1, 5000))] = b""
    elif kind == 4:
        start = int(rng.integers(0, size))
        data[start : start + 500] = rng.bytes(500)
    else:
        return bytes(rng.bytes(int(rng.integers(1, 3000))))
    return bytes(data)


def picture_bytes(portrait: Path, form: str) -> bytes:
    held = io.BytesIO()
    Image.open(portrait).convert("RGB").save(held, form)
    return held.getvalue()


def sound_bytes(speech: Path, form: str) -> bytes:
    held = io.BytesIO()
    samples, rate = soundfile.read(speech)
    soundfile.write(held, samples[: rate // 2], rate, format=form)
    return held.getvalue()


PICTURES = ("PNG", "JPEG", "GIF", "TIFF", "BMP")
SOUNDS = ("WAV", "FLAC", "OGG", "MP3", "AIFF")
SEEDS = range(8)


def goes_on(act: Callable[[], object]) -> bool:
    """Return whether an input was taken; an error that is no refusal goes through."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Speech2FaceWarning)
        try:
            act()
        except (InputError, MediaError):
            return False
    return True


@pytest.mark.parametrize("form", SOUNDS)
def test_a_mutated_sound_ends_in_a_typed_error_or_a_good_video(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path, form: str, probe: Callable
) -> None:
    content, path = sound_bytes(speech, form), tmp_path / "mutated"
    output = tmp_path / "out" / "talk.mp4"
    output.parent.mkdir()
    taken = 0

    for seed in SEEDS:
        path.write_bytes(mutated(content, seed))
        if goes_on(lambda: engine.animate(portrait, path, output, settings=SMALL)):
            taken += 1
            assert probe(output).frames in {1, 2}
            output.unlink()
            output.with_suffix(".json").unlink()
        assert list(output.parent.iterdir()) == []

    assert taken < len(SEEDS)  # some are cut off, some are noise


@pytest.mark.parametrize("form", PICTURES)
def test_a_mutated_picture_ends_in_a_typed_error_or_a_good_video(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path, form: str, probe: Callable
) -> None:
    content, path = picture_bytes(portrait, form), tmp_path / "mutated"
    output = tmp_path / "out" / "talk.mp4"
    output.parent.mkdir()
    taken = 0

    for seed in SEEDS:
        path.write_bytes(mutated(content, seed))
        job = None

        def look() -> None:
            nonlocal job
            job = check(path, speech, output, SMALL)
            engine.prepare(job)

        if goes_on(look):
            taken += 1
            if taken == 1:  # they differ in what they show, not in how they are drawn
                engine.run(job)
                assert probe(output).frames == 2
                output.unlink()
                output.with_suffix(".json").unlink()
        assert list(output.parent.iterdir()) == []

    assert taken < len(SEEDS)  # some are cut off, some are noise
