"""Videos in: rates, rotation, odd files."""

import gc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from clips import click, ffmpeg, video

from speech2face.errors import InputError, MediaError
from speech2face.media.video.video import VideoReader, probe_video
from speech2face.timing import parse_fps


@pytest.mark.parametrize("fps", ["12.5", "23.976", "24", "25", "29.97", "30", "50", "59.94", "60"])
@pytest.mark.parametrize("ending", ["mp4", "webm"])  # webm rounds its times to milliseconds
def test_the_rate_is_found_exactly(tmp_path: Path, fps: str, ending: str) -> None:
    rate = parse_fps(fps)
    codec = () if ending == "mp4" else ("-c:v", "libvpx", "-deadline", "realtime")
    path = video(tmp_path / f"a.{ending}", *codec, source=f"testsrc=s=32x32:r={rate}:d=3")

    info = probe_video(path)

    assert info.fps == rate
    assert not info.variable
    assert info.frames == len(list(VideoReader(path)))
    assert abs(info.duration - 3) < 2 / rate


def test_frames_come_in_order_and_each_is_an_array_of_its_own(tmp_path: Path) -> None:
    source = "color=black:s=32x32:r=25:d=2,geq=lum='16+N*4':cb=128:cr=128"
    path = video(tmp_path / "a.mp4", "-qp", "0", source=source)
    reader = VideoReader(path)

    frames = list(reader)

    assert len(frames) == reader.frames == 50
    assert frames[0].shape == (32, 32, 3)
    assert frames[0].dtype == np.uint8
    shades = [int(frame.mean()) for frame in frames]
    assert shades == [pytest.approx(round(index * 4 * 255 / 219), abs=1) for index in range(50)]
    assert [frame.tobytes() for frame in reader] == [frame.tobytes() for frame in frames]


def test_variable_rate_becomes_constant_by_the_timestamps(tmp_path: Path) -> None:
    # Shade = time; every third frame is missing, and two seconds stand still.
    source = "color=black:s=32x32:r=30:d=6,geq=lum='16+N':cb=128:cr=128"
    holes = "select='mod(n,3)*not(between(n,60,119))'"
    path = video(tmp_path / "a.mp4", "-vf", holes, "-fps_mode", "vfr", "-qp", "0", source=source)

    reader = VideoReader(path)
    shades = [frame.mean() * 219 / 255 for frame in reader]

    assert reader.info.variable
    assert reader.fps == 30
    assert len(shades) == pytest.approx(reader.frames, abs=1)
    assert shades[150] == pytest.approx(150, abs=2)
    assert shades[100] == pytest.approx(59, abs=2)


def test_rotation_metadata_is_honoured(tmp_path: Path) -> None:
    flat = video(tmp_path / "flat.mp4")
    ffmpeg("-display_rotation", "90", "-i", str(flat), "-c", "copy", str(tmp_path / "turned.mp4"))

    upright, turned = VideoReader(flat), VideoReader(tmp_path / "turned.mp4")

    assert upright.size == (64, 48)
    assert turned.size == (48, 64)
    expected = np.rot90(next(iter(upright)), 1)  # the matrix turns counter-clockwise
    assert np.abs(next(iter(turned)).astype(int) - expected).mean() < 6


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", source="testsrc=s=64x48:r=25:d=1,setsar=4/3")

    reader = VideoReader(path)

    assert reader.size == (85, 48)
    assert next(iter(reader)).shape == (48, 85, 3)


def test_a_picture_that_starts_late_is_held_so_that_sound_stays_in_place(tmp_path: Path) -> None:
    ffmpeg(
        "-itsoffset", "0.4", "-f", "lavfi", "-i", "testsrc=s=32x32:r=25:d=1",
        "-i", str(click(tmp_path / "a.wav", seconds=1.4)), "-map", "0", "-map", "1",
        str(tmp_path / "late.mp4"),
    )  # fmt: skip

    frames = list(VideoReader(tmp_path / "late.mp4"))

    assert len(frames) == 35
    # Some ffmpegs repeat the frame when they write, so that it is encoded again.
    assert max(np.abs(frames[0].astype(int) - frame).mean() for frame in frames[:10]) < 2


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    sound, art = click(tmp_path / "a.mp3"), tmp_path / "art.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", "1", str(art))
    ffmpeg(
        "-i", str(sound), "-i", str(art), "-map", "0", "-map", "1", "-c", "copy",
        "-disposition:v", "attached_pic", str(tmp_path / "b.mp3"),
    )  # fmt: skip

    with pytest.raises(MediaError, match="no video"):
        probe_video(tmp_path / "b.mp3")


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    still = tmp_path / "still.png"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", "1", str(still))
    (tmp_path / "text.mp4").write_text("no video")
    whole = video(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])  # its index was at the end

    refused = {
        still: "still picture",
        tmp_path / "text.mp4": "no video that can be decoded",
        tmp_path / "cut.mp4": "moov atom not found",
        click(tmp_path / "a.wav"): "no video that can be decoded",
    }
    for path, reason in refused.items():
        with pytest.raises(MediaError, match=reason):
            VideoReader(path)
    with pytest.raises(InputError, match="does not exist"):
        VideoReader(tmp_path / "missing.mp4")


def test_a_video_of_one_frame_has_the_rate_of_that_frame(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", source="testsrc=s=32x32:r=25:d=0.04")

    info = probe_video(path)

    assert (info.fps, info.frames) == (Fraction(25), 1)


def test_reading_may_stop_early(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", source="testsrc=s=640x480:r=25:d=4")

    frames = iter(VideoReader(path))
    first = next(frames)
    frames.close()  # ends ffmpeg, which has most of the video before it

    assert first.shape == (480, 640, 3)


def test_frames_that_were_read_are_let_go_of_at_once(tmp_path: Path) -> None:
    """Python looks for cycles seldom: a gigabyte of frames would wait for it."""
    reader = VideoReader(video(tmp_path / "card.mp4"))
    gc.collect()
    gc.disable()
    try:
        assert len(list(reader)) == 30
        # By type: `isinstance` asks weak proxies, whose object may be gone.
        left = sum(type(one) is VideoFrame for one in gc.get_objects())
    finally:
        gc.enable()

    assert left <= 2
