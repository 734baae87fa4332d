from pathlib import Path

import numpy as np
import pytest
from drawn_face import DrawnJudge, draw, film

from speech2face.errors import InputError
from speech2face.evaluation.material import GridClip
from speech2face.evaluation.video.studio import Studio
from speech2face.media.image import write_png


class Film:
    """Animates the drawn face, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[dict] = []

    def __call__(self, portrait: Path, audio: Path, output: Path, **settings: str) -> None:
        assert portrait.exists()
        assert audio.suffix
        self.asked.append(settings)
        film(output, np.linspace(0, 0.4, 10))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    write_png(tmp_path / "p0009.png", draw(0.1))
    return tmp_path / "p0009.png"


def test_a_video_is_made_once_and_judged_once(tmp_path: Path, portrait: Path):
    animate = Film()
    studio = Studio(animate=animate, judge=DrawnJudge(), folder=tmp_path / "videos")
    sound = tmp_path / "hello.wav"

    first = studio.video(portrait, sound, "happy", emotion="happy")
    again = studio.video(portrait, sound, "happy", emotion="happy")
    other = studio.video(portrait, sound, "sad", emotion="sad")

    assert first == again != other
    assert animate.asked == [{"emotion": "happy"}, {"emotion": "sad"}]
    assert studio.track(first) is studio.track(first)


def test_settings_of_the_studio_go_into_every_video_and_its_name(tmp_path: Path, portrait: Path):
    animate = Film()
    studio = Studio(
        animate=animate, judge=DrawnJudge(), folder=tmp_path, settings={"pose": "still"}
    )

    video = studio.video(portrait, tmp_path / "hello.wav", "sad", emotion="sad")

    assert animate.asked == [{"pose": "still", "emotion": "sad"}]
    assert video.stem.endswith("hello_pose-still_sad")


def test_pairs_hold_the_output_the_recording_its_mirror_image_and_the_still(
    tmp_path: Path, portrait: Path
):
    real = film(tmp_path / "real.mp4", np.linspace(0.4, 0, 12))
    clip = GridClip(video=real, speaker="s31", words=())
    studio = Studio(animate=Film(), judge=DrawnJudge(), folder=tmp_path / "videos")

    (pair,) = studio.pairs([clip], [portrait])

    np.testing.assert_allclose(pair.output.mouth_opening, np.linspace(0, 0.4, 10), atol=0.02)
    np.testing.assert_allclose(pair.mirrored.mouth_opening, pair.real.mouth_opening, atol=0.01)
    np.testing.assert_allclose(pair.still.mouth_opening, np.full(12, 0.1), atol=0.01)
    assert pair.portrait == "p0009"


def test_without_a_pipeline_only_sanity_rows_are_made(tmp_path: Path, portrait: Path):
    real = film(tmp_path / "real.mp4", np.zeros(5))
    clip = GridClip(video=real, speaker="s31", words=())
    studio = Studio(animate=None, judge=DrawnJudge(), folder=tmp_path / "videos")

    (pair,) = studio.pairs([clip], [portrait])

    assert pair.output is None
    with pytest.raises(InputError, match="no pipeline"):
        studio.video(portrait, real)
