"""The whole job in Python: what comes out, at which rate, how often the same."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from speech2face.errors import InputError, OutputError, Speech2FaceWarning
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.avatar import scaled
from speech2face.jobs.clip import Progress
from speech2face.jobs.preflight import check, named
from speech2face.jobs.settings import Settings, parse_colour
from speech2face.landmarks import mouth_opening
from speech2face.types import LandmarkTrack

SMALL = Settings(size=128, full=False)


@pytest.mark.parametrize(
    ("fps", "shown"),
    [
        ("23.976", "23.98"),
        ("25", "25"),
        ("29.97", "29.97"),
        ("30", "30"),
        ("50", "50"),
        ("60", "60"),
    ],
)
def test_any_rate_ends_within_a_frame_of_the_sound(
    engine: Speech2Face,
    portrait: Path,
    speech: Path,
    tmp_path: Path,
    probe: Callable,
    fps: str,
    shown: str,
) -> None:
    output = tmp_path / "talk.mp4"

    engine.animate(portrait, speech, output, settings=replace(SMALL, fps=fps))

    found, sound = probe(output), soundfile.info(speech)
    assert "h264" in found.video
    assert "yuv420p" in found.video
    assert "128x128" in found.video
    assert f" {shown} fps" in found.video
    assert f"{sound.samplerate} Hz" in found.audio
    assert "aac" in found.audio
    assert found.frames / Settings(fps=fps).rate - Fraction(sound.frames, sound.samplerate) >= 0
    assert found.frames / Settings(fps=fps).rate - Fraction(sound.frames, sound.samplerate) < (
        1 / Settings(fps=fps).rate
    )


def test_the_whole_picture_keeps_its_size_and_what_lies_outside_the_face(
    engine: Speech2Face, portrait: Path, speech: Path
) -> None:
    from speech2face.face.paste import PasteBack

    clip = engine.animate(portrait, speech, settings=Settings(preview=8))
    picture = cv2.imread(str(portrait))[..., ::-1]

    frames = list(clip)

    outside = PasteBack(clip.view).matte == 0
    assert len(frames) == len(clip) == 8
    assert clip.size == (picture.shape[1], picture.shape[0])
    assert outside.any()
    assert not outside.all()
    for frame in frames:
        assert np.array_equal(frame[outside], picture[outside])
    assert any((frame != picture).any() for frame in frames)


def test_a_square_beyond_the_pictures_edge_is_shown_without_stretched_pixels(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    picture = cv2.imread(str(portrait))
    cut = tmp_path / "cut.png"
    cv2.imwrite(str(cut), picture[:, picture.shape[1] // 4 :])

    clip = engine.animate(cut, speech, settings=replace(SMALL, preview=2))
    frames = list(clip)

    def stretched(image: np.ndarray) -> float:
        return float((np.diff(image[:, :8].astype(int), axis=1) == 0).mean())

    assert clip.size == (128, 128)
    assert stretched(clip.view.crop) > 0.95
    assert all(frame.shape == (128, 128, 3) and stretched(frame) < 0.8 for frame in frames)


def test_the_same_seed_gives_the_same_frames_and_another_one_does_not(
    engine: Speech2Face, portrait: Path, cut_speech: Callable
) -> None:
    sound, settings = cut_speech(2.5), replace(SMALL, seed=3)

    first, second = (engine.animate(portrait, sound, settings=settings) for _ in range(2))
    other = engine.animate(portrait, sound, settings=replace(SMALL, seed=4))

    assert np.array_equal(first.latents.values, second.latents.values)
    assert not np.array_equal(first.latents.values, other.latents.values)
    head = [
        np.stack([frame for frame, _ in zip(clip, range(5), strict=False)])
        for clip in (first, second)
    ]
    assert np.array_equal(*head)


def test_a_preview_is_the_start_of_the_whole(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path, probe: Callable
) -> None:
    whole = engine.animate(portrait, speech, settings=SMALL)
    output = tmp_path / "short.mp4"

    short = engine.animate(portrait, speech, output, settings=replace(SMALL, preview=5))

    assert len(whole) == 20
    assert len(short) == 5
    assert np.array_equal(short.latents.values, whole.latents.values[:5])
    assert probe(output).frames == 5
    assert abs(soundfile.info(speech).duration - 0.8) < 0.01


def test_frames_do_not_depend_on_how_many_are_drawn_at_once(
    engine: Speech2Face, portrait: Path, speech: Path
) -> None:
    few, many = (
        list(engine.animate(portrait, speech, settings=replace(SMALL, preview=7, batch_size=size)))
        for size in (3, 16)
    )

    difference = np.abs(np.stack(few).astype(int) - np.stack(many))

    assert difference.max() <= 1  # one grey level of rounding


def test_a_silent_sound_leaves_the_mouth_at_rest(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(16_000, np.int16), 16_000)
    still = replace(SMALL, blink="off", pose="still", gaze="camera", liveliness=0.0)

    with pytest.warns(Speech2FaceWarning, match="no speech"):
        quiet = engine.animate(portrait, silence, settings=still)
    spoken = engine.animate(portrait, speech, settings=still)

    # The last five are eyes and head, in degrees; the eyes tremble as living ones do.
    assert np.abs(quiet.latents.values[:, :-5]).max() < 0.15
    assert np.abs(spoken.latents.values[:, :-5]).max() > 0.2


def test_the_expression_scale_multiplies_the_motion_of_the_lips() -> None:
    rest = np.random.default_rng(0).normal(size=(70, 3)).astype(np.float32)
    motion = np.random.default_rng(1).normal(size=(4, 70, 3)).astype(np.float32)
    track = LandmarkTrack(points=rest + motion, fps=Fraction(25))

    half, none = scaled(track, rest, 0.5), scaled(track, rest, 0.0)

    np.testing.assert_allclose(half.points, rest + motion / 2, atol=1e-6)
    np.testing.assert_allclose(none.points, np.broadcast_to(rest, motion.shape), atol=1e-6)
    assert scaled(track, rest, 1.0) is track
    assert mouth_opening(none.points).std() < 1e-6


def test_progress_tells_of_every_stage_and_ends_complete(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    seen: list[Progress] = []

    engine.animate(
        portrait,
        speech,
        tmp_path / "a.mp4",
        settings=Settings(size=64, batch_size=8),
        progress=seen.append,
    )

    stages = list(dict.fromkeys(event.stage for event in seen))
    assert stages == [
        "portrait", "encode", "sound", "landmarks", "controls", "latents",
        "render", "paste", "write",
    ]  # fmt: skip
    written = [event.done for event in seen if event.stage == "write"]
    assert written == [2, 10, 18, 20]  # the first frames are drawn early
    assert (seen[-1].stage, seen[-1].done, seen[-1].total) == ("write", 20, 20)


def test_a_sidecar_says_how_the_video_was_made(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path, probe: Callable
) -> None:
    output = tmp_path / "talk.mp4"

    engine.animate(portrait, speech, output, settings=replace(SMALL, seed=11, emotion="happy:0.5"))

    told = json.loads((tmp_path / "talk.json").read_text(encoding="utf-8"))
    assert told["settings"]["seed"] == 11
    assert told["settings"]["emotion"] == "happy:0.5"
    assert told["settings"]["fps"] == "25"
    assert told["inputs"]["portrait"]["file"] == portrait.name
    assert len(told["inputs"]["audio"]["sha256"]) == 64
    assert told["weights"]["speech2landmarks"]["sha256"]
    assert b"trainedAlgorithmicMedia" in output.read_bytes()
    assert "speech2face" in probe(output).tags
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.json", "talk.mp4"]


def test_inputs_are_left_as_they_were(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in (portrait, speech)]
    beside = sorted(portrait.parent.iterdir())

    engine.animate(portrait, speech, tmp_path / "a.mp4", settings=replace(SMALL, preview=2))

    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in (portrait, speech)] == before
    assert sorted(portrait.parent.iterdir()) == beside


def test_an_interrupted_job_leaves_nothing(
    engine: Speech2Face, portrait: Path, speech: Path, tmp_path: Path
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage == "write":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.animate(
            portrait,
            speech,
            tmp_path / "a.mp4",
            settings=replace(SMALL, batch_size=4),
            progress=interrupt,
        )

    assert list(tmp_path.iterdir()) == []


def test_an_output_in_a_folder_is_named_after_its_inputs(tmp_path: Path) -> None:
    assert named(tmp_path, Path("a/me.jpg"), Path("b/talk.wav")) == tmp_path / "me_talk.mp4"
    assert named(Path("c.mp4"), Path("a/me.jpg"), Path("b/talk.wav")) == Path("c.mp4")


def test_an_input_is_never_the_output(portrait: Path, speech: Path) -> None:
    with pytest.raises(InputError, match="is an input, and inputs are never written to"):
        check(portrait, speech, speech, Settings(), overwrite=True)


def test_a_disk_without_room_is_found_before_any_work(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=17_000_000))
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros(8000 * 60, np.int16), 8000)

    with pytest.raises(OutputError, match="MB free"):
        check(portrait, long, tmp_path / "a.mp4", Settings())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"size": 100}, "the size 100"),
        ({"size": 32}, "the size 32"),
        ({"size": 4096}, "the size 4096"),
        ({"fps": "fast"}, "the frame rate 'fast'"),
        ({"fps": "0"}, "the frame rate 0"),
        ({"fps": "1/0"}, "the frame rate '1/0'"),
        ({"expression_scale": 3.0}, "the expression scale 3.0"),
        ({"expression_scale": float("nan")}, "the expression scale nan"),
        ({"preview": 0}, "a preview of 0 frames"),
        ({"max_duration": 0.0}, "the longest duration 0.0"),
        ({"batch_size": 0}, "the batch size 0"),
        ({"background": "transparent"}, "the colour 'transparent'"),
        ({"emotion": "hungry"}, "hungry"),
        ({"blink": "often"}, "often"),
        ({"gaze": "1,2,3"}, "1,2,3"),
        ({"pose": "lying"}, "lying"),
        ({"pose_strength": -1.0}, "-1"),
        ({"seed": -1}, "the seed -1"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(change: dict, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Settings(**change)


def test_rates_are_exact_however_they_are_written() -> None:
    assert Settings(fps="29.97").rate == Settings(fps=29.97).rate == Fraction(30000, 1001)
    assert Settings().rate == 25


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255)),
        ("#1020fF", (16, 32, 255)),
        ("1, 2,3", (1, 2, 3)),
        ("Black", (0, 0, 0)),
    ],
)
def test_colours_are_read_as_people_write_them(text: str, colour: tuple[int, int, int]) -> None:
    assert parse_colour(text) == colour


@pytest.mark.parametrize("text", ["", "#12345", "1,2", "256,0,0", "1,2,-3", "#gggggg"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is unknown; write a name"):
        parse_colour(text)


def test_a_picture_too_large_for_players_is_shrunk_and_said_so(
    speech: Path, tmp_path: Path
) -> None:
    wide = tmp_path / "wide.png"
    cv2.imwrite(str(wide), np.zeros((100, 5000, 3), np.uint8))

    with pytest.warns(Speech2FaceWarning, match="4096 x 82"):
        job = check(wide, speech, None, Settings())

    assert job.image.shape == (82, 4096, 3)
