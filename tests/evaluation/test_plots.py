import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from babble import babble

from speech2face.controls.director import direct
from speech2face.controls.settings import ControlSettings
from speech2face.errors import InputError, OutputError
from speech2face.evaluation.plots import (
    plot_faces,
    plot_motion,
)
from speech2face.face.normalize import Head, normalize
from speech2face.face.rig import load_rig
from speech2face.face.view import View
from speech2face.geometry import rotation_matrix
from speech2face.landmarks import from_mesh
from speech2face.media.image import read_image
from speech2face.types import Face, LandmarkTrack, LatentTrack, Speech

pytest.importorskip("matplotlib")
FPS = Fraction(25)


@pytest.fixture
def portrait() -> View:
    """A gray picture with the rig's own face in it, turned a little."""
    head = Head(
        scale=60.0, rotation=rotation_matrix(np.array([8.0, 3.0, -5.0])),
        translation=np.array([128.0, 110.0, 0.0]),
    )  # fmt: skip
    mesh = head.to_image(load_rig().neutral.astype(np.float64)).astype(np.float32)
    gray = np.full((256, 256, 3), 90, np.uint8)
    face = Face(mesh=mesh, box=np.array([60.0, 60.0, 190.0, 210.0]), score=1.0)
    return View(image=gray, crop=gray, to_crop=np.eye(2, 3), face=face)


def speaking(portrait: View, frames: int) -> LandmarkTrack:
    rest = normalize(portrait.face.mesh)
    points = np.tile(rest, (frames, 1, 1))
    points[:, 64:68, 1] += 0.1 * (1 + np.sin(np.arange(frames)))[:, None].astype(np.float32)
    return LandmarkTrack(points=points, fps=FPS)


def test_motion_is_drawn_over_the_spectrogram(tmp_path: Path, portrait: View) -> None:
    speech = babble(4.0)
    bare, full = tmp_path / "bare.png", tmp_path / "full.png"

    plot_motion(bare, speech)
    plot_motion(
        full,
        speech,
        landmarks=speaking(portrait, 100),
        controls=direct(speech, ControlSettings(emotion="happy", blink="1,2"), 100),
        latents=LatentTrack(values=np.eye(100, 59, dtype=np.float32), space="warp", fps=FPS),
    )

    small, large = read_image(bare), read_image(full)
    assert large.shape[0] > small.shape[0]
    assert small.std() > 20
    assert large.std() > 20


def test_blinks_are_seen_where_they_are(tmp_path: Path) -> None:
    speech = Speech(samples=np.zeros(64_000, np.float32))

    def picture(blink: str) -> np.ndarray:
        path = tmp_path / f"{blink}.png"
        plot_motion(path, speech, controls=direct(speech, ControlSettings(blink=blink), 100))
        return read_image(path)[60:100, 100:].astype(float)  # inside of the spectrogram

    changed = np.abs(picture("1,3") - picture("off")).max((0, 2)) > 50
    starts = np.flatnonzero(np.diff(changed.astype(int)) == 1)

    assert len(starts) == 2
    # Two seconds of four lie between them, of an axis that fills most of the picture.
    assert 0.45 < (starts[1] - starts[0]) / changed.size < 0.55


@pytest.mark.parametrize("seconds", [0.01, 0.5, 300.0])
def test_sounds_of_any_length_are_drawn(tmp_path: Path, seconds: float) -> None:
    samples = np.full(round(seconds * 16_000), 0.1, np.float32)

    plot_motion(tmp_path / "a.png", Speech(samples=samples))

    assert read_image(tmp_path / "a.png").std() > 5


def test_landmarks_are_drawn_on_every_frame(tmp_path: Path, portrait: View) -> None:
    points = [from_mesh(portrait.mesh)] * 6
    plot_faces(tmp_path / "a.png", [portrait.crop] * 6, points, ["0 s"] * 6)

    sheet = read_image(tmp_path / "a.png").astype(int)
    green = (sheet[..., 1] - sheet[..., 0] > 80) & (sheet[..., 1] - sheet[..., 2] > 80)
    red = (sheet[..., 0] - sheet[..., 1] > 80) & (sheet[..., 0] - sheet[..., 2] > 80)
    assert green.sum() > 2000
    assert red.sum() > 6 * 2 * 5  # two irises a face


def test_one_frame_is_a_sheet_and_none_is_refused(tmp_path: Path) -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    plot_faces(tmp_path / "a.png", [image], [np.full((70, 2), 20.0)], ["0 s"])

    assert read_image(tmp_path / "a.png").size > 0
    with pytest.raises(InputError, match="no frames"):
        plot_faces(tmp_path / "b.png", [], [], [])


def test_an_existing_plot_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    plot_motion(path, babble(0.5))

    with pytest.raises(OutputError, match="exists already"):
        plot_motion(path, babble(0.5))
    plot_motion(path, babble(0.5), overwrite=True)


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(InputError, match=r"pip install 'speech2face\[plot\]'"):
        plot_motion(tmp_path / "a.png", babble(0.5))
    assert list(tmp_path.iterdir()) == []
