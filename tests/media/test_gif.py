"""GIFs of videos: size, rate, and what is refused."""

from pathlib import Path

import clips
import pytest
from PIL import Image

from speech2face.__main__ import main
from speech2face.errors import InputError, MediaError, OutputError
from speech2face.media.video.gif import write_gif


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.video(tmp_path_factory.mktemp("gif") / "clip.mp4")


def test_a_gif_has_the_width_and_rate_that_were_asked_for(video: Path, tmp_path: Path) -> None:
    write_gif(video, tmp_path / "clip.gif", width=32, fps=10)

    with Image.open(tmp_path / "clip.gif") as gif:
        assert gif.size == (32, 24)
        assert gif.n_frames == 10
        assert gif.info["duration"] == 100


def test_the_command_writes_it_once(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "clip.gif"

    assert main(["gif", str(video), "-o", str(output), "--width", "32", "--fps", "5"]) == 0
    assert main(["gif", str(video), "-o", str(output)]) == OutputError.exit_code


@pytest.mark.parametrize(
    ("name", "width", "fps"), [("a.mp4", 32, 5), ("a.gif", 0, 5), ("a.gif", 32, 99)]
)
def test_what_no_gif_can_be_is_refused(
    video: Path, tmp_path: Path, name: str, width: int, fps: int
) -> None:
    with pytest.raises(InputError, match="expected"):
        write_gif(video, tmp_path / name, width=width, fps=fps)


def test_what_is_no_video_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 8)

    with pytest.raises(MediaError):
        write_gif(tmp_path / "noise.mp4", tmp_path / "clip.gif")

    assert not (tmp_path / "clip.gif").exists()
