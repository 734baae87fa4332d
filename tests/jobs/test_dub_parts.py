"""Long dubbed videos are made in parts, and other tracks of a video are carried over."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import described, ffmpeg
from talking import EXAMPLES, talking_video

from speech2face.errors import Speech2FaceWarning
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.dub import parts
from speech2face.jobs.dub.frames import Dubbed
from speech2face.jobs.dub.settings import DubSettings
from speech2face.media.video.video import VideoReader

SMALL = DubSettings(size=96)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give 0.8 s of the example's portrait speaking, 192 px."""
    return talking_video(tmp_path_factory.mktemp("talking"), seconds=0.8)


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "voice.wav"
    ffmpeg("-ss", "4", "-i", str(EXAMPLES / "speech.wav"), "-t", "0.8", str(path))
    return path


class _KilledError(Exception):
    """Stands for a kill: no part of a finished part is taken back."""


def test_a_run_that_was_killed_goes_on_and_gives_what_an_unbroken_run_gives(
    engine: Speech2Face, video: Path, voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_SECONDS", Fraction(6, 25))
    whole, killed = tmp_path / "whole" / "out.mp4", tmp_path / "killed" / "out.mp4"
    whole.parent.mkdir()
    killed.parent.mkdir()
    drawn, draw = [], Dubbed.drawn

    def counted(self: Dubbed, part: range) -> Iterator[np.ndarray]:
        drawn.append(part.start)
        for number, frame in enumerate(draw(self, part), part.start):
            if number == stop:
                raise _KilledError
            yield frame

    monkeypatch.setattr(Dubbed, "drawn", counted)
    stop = -1
    engine.dub(video, voice, whole, settings=SMALL)
    stop = 15
    with pytest.raises(_KilledError):
        engine.dub(video, voice, killed, settings=SMALL)
    left = sorted(killed.parent.glob(".out.mp4.*.parts/*"))
    stop = -1
    engine.dub(video, voice, killed, settings=SMALL)

    assert drawn == [0, 6, 12, 18, 0, 6, 12, 12, 18]
    assert [file.name for file in left] == ["000000.mp4", "000001.mp4"]
    assert killed.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in killed.parent.iterdir()) == ["out.json", "out.mp4"]


def test_parts_joined_are_the_frames_that_are_drawn_at_once(
    engine: Speech2Face, video: Path, voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_SECONDS", Fraction(6, 25))
    out = tmp_path / "out.mp4"

    dubbed = engine.dub(video, voice, out, settings=SMALL)

    written = list(VideoReader(out))
    assert len(written) == len(dubbed) == 20
    for one, other in zip(dubbed, written, strict=True):
        assert np.abs(one.astype(float) - other).mean() < 2


def test_other_settings_and_other_inputs_have_parts_of_their_own(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"

    one = parts.folder_for(out, {"settings": {"size": 96}})

    assert one == parts.folder_for(out, {"settings": {"size": 96}})
    assert one != parts.folder_for(out, {"settings": {"size": 112}})
    assert one.parent == tmp_path
    assert one.name.startswith(".out.mp4.")


def test_a_video_is_cut_into_parts_that_cover_it() -> None:
    assert parts.parts_of(20, Fraction(25)) == [range(20)]
    assert parts.parts_of(600, Fraction(30_000, 1001)) == [range(300), range(300, 600)]
    assert parts.parts_of(501, Fraction(25)) == [range(250), range(250, 500), range(500, 501)]


@pytest.fixture(scope="module")
def tracks(video: Path) -> Path:
    """Give the video with a second sound and subtitles, as MKV."""
    texts = video.with_name("texts.srt")
    texts.write_text(
        "1\n00:00:00,100 --> 00:00:00,300\nhello\n\n2\n00:00:00,500 --> 00:00:00,700\ngood bye\n",
        "utf-8",
    )
    path = video.with_name("tracks.mkv")
    ffmpeg(
        "-i", str(video), "-f", "lavfi", "-i", "sine=440:d=0.8", "-i", str(texts), "-map", "0:v",
        "-map", "0:a", "-map", "1:a", "-map", "2:s", "-c:v", "copy", "-c:a", "aac", "-c:s", "srt",
        "-metadata:s:a:1", "language=fra", "-metadata:s:s:0", "language=deu", str(path),
    )  # fmt: skip
    return path


def test_sounds_and_subtitles_that_are_not_replaced_are_carried_over(
    engine: Speech2Face, tracks: Path, voice: Path, tmp_path: Path
) -> None:
    out, texts = tmp_path / "out.mp4", tmp_path / "texts.srt"

    engine.dub(tracks, voice, out, settings=DubSettings(size=96, start=0.4))

    told = described(out)
    assert told.count("Audio: aac") == 2
    assert "(fra): Audio" in told
    assert "(deu): Subtitle: mov_text" in told
    ffmpeg("-i", str(out), "-map", "0:s", str(texts))
    lines = texts.read_text("utf-8").split("\n")
    assert lines[1:3] == ["00:00:00,100 --> 00:00:00,300", "good bye"]
    assert "hello" not in lines


def test_what_cannot_be_carried_over_is_said(
    engine: Speech2Face, tracks: Path, voice: Path, tmp_path: Path
) -> None:
    settings = DubSettings(size=96, sync_mode="loop", end=0.2, preview=2)

    with pytest.warns(Speech2FaceWarning, match="not carried over"):
        engine.dub(tracks, voice, tmp_path / "out.mp4", settings=settings)

    assert described(tmp_path / "out.mp4").count("Stream") == 2
