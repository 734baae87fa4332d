import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from make.blender import blender, to_blender
from make.portrait import finish
from speech2face.errors import InputError
from speech2face.face.detect import detect_faces

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_portrait_shows_one_large_upright_face():
    path = EXAMPLES / "portrait.png"
    assert path.stat().st_size < 1_500_000
    picture = np.asarray(Image.open(path))
    assert picture.shape == (768, 768, 3)
    (face,) = detect_faces(picture)
    assert face.score > 0.99


def test_the_example_speech_is_short_clear_and_small():
    path = EXAMPLES / "speech.wav"
    assert path.stat().st_size < 600_000
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
    assert 8 < info.duration < 12
    sound, _ = soundfile.read(path)
    assert 0.3 < np.abs(sound).max() < 0.99


def test_the_camera_adds_grain_but_keeps_the_brightness():
    grey = np.full((64, 64, 3), 0.5)
    photo = finish(grey, seed=1)
    assert photo.dtype == np.uint8
    middle = photo[24:40, 24:40].astype(float)
    assert middle.mean() == pytest.approx(127.5, abs=2)
    assert 1 < middle.std() < 5
    np.testing.assert_array_equal(photo, finish(grey, seed=1))


def test_what_is_up_in_the_head_is_up_in_blender():
    np.testing.assert_allclose(to_blender(np.array([1.0, 2.0, 3.0])), [0.01, -0.03, 0.02])


@pytest.mark.skipif(importlib.util.find_spec("bpy") is not None, reason="Blender is installed")
def test_rendering_without_blender_says_what_to_install():
    with pytest.raises(InputError, match="pip install bpy"):
        blender()
