"""High dynamic range and interlaced video become what everything else computes in."""

from pathlib import Path

import numpy as np
import pytest
from clips import ffmpeg, video

from speech2face.media.hdr import to_sdr
from speech2face.media.inputs import open_input
from speech2face.media.video.video import VideoReader, is_still


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.58), (18, 0.75)])
def test_diffuse_white_is_bright_and_black_is_black(transfer: int, white: float) -> None:
    ramp = np.repeat(
        (np.array([[0.0, 0.3, white, 1.0]]) * 65_535).astype(np.uint16)[..., None], 3, 2
    )

    shown = to_sdr(ramp, transfer)[0]

    assert shown[0].max() == 0
    assert np.ptp(shown.astype(int), axis=1).max() <= 2  # grey stays grey
    assert 225 <= shown[2].mean() <= 250
    assert shown[3].mean() >= 253
    assert (np.diff(shown[:, 0].astype(int)) > 0).all()


def test_a_ten_bit_hdr_video_is_read_as_srgb(tmp_path: Path) -> None:
    path = tmp_path / "hdr.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "color=c=gray:s=64x48:r=10:d=0.5", "-vf",
        "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc",
        "-c:v", "libx265", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le",
        "-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc",
        str(path),
    )  # fmt: skip

    reader = VideoReader(path)
    frames = list(reader)

    assert "(HLG)" in reader.info.changed
    assert len(frames) == 5
    assert frames[0].dtype == np.uint8
    assert 100 < frames[0].mean() < 200


def test_interlaced_frames_are_not_combed(tmp_path: Path) -> None:
    path = video(
        tmp_path / "fields.mp4", "-vf", "tinterlace=interleave_top,setfield=tff", "-flags",
        "+ilme+ildct", "-c:v", "mpeg2video", "-b:v", "4M",
        source="testsrc2=s=128x96:r=50:d=0.4",
    )  # fmt: skip

    reader = VideoReader(path)
    combed = [
        np.abs(frame[2:].astype(int) - frame[:-2]).mean() for frame in reader
    ]  # neighbouring rows of one field
    rows = [np.abs(np.diff(frame.astype(int), axis=0)).mean() for frame in reader]

    assert "one field" in reader.info.changed
    assert reader.size == (128, 96)
    assert np.mean(rows) < np.mean(combed)


def test_a_picture_is_no_video(portrait: Path, tmp_path: Path) -> None:
    card = video(tmp_path / "card.mp4")

    assert is_still(open_input(portrait, "video"))
    assert not is_still(open_input(card, "video"))
    assert not VideoReader(card).info.changed
