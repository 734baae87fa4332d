"""An avatar: a portrait in any form is looked at once and says sound in any form."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.avatar import Avatar
from speech2face.jobs.settings import Settings
from speech2face.media.image import read_image

SMALL = Settings(size=64, full=False)


@pytest.fixture(scope="module")
def avatar(engine: Speech2Face, portrait: Path) -> Avatar:
    return engine.avatar(portrait, SMALL)


def test_a_portrait_may_be_a_path_bytes_a_picture_or_pixels(
    engine: Speech2Face, portrait: Path, avatar: Avatar
) -> None:
    forms = [str(portrait), portrait.read_bytes(), Image.open(portrait), read_image(portrait)]

    for form in forms:
        seen = engine.avatar(form, SMALL).view
        np.testing.assert_array_equal(seen.crop, avatar.view.crop)
        np.testing.assert_array_equal(seen.mesh, avatar.view.mesh)


def test_a_sound_may_be_a_path_bytes_or_an_array(avatar: Avatar, speech: Path) -> None:
    samples, rate = soundfile.read(speech, dtype="float32")

    clips = [avatar.say(form) for form in (speech, speech.read_bytes(), (samples, rate))]

    frames = [np.stack(list(clip)) for clip in clips]
    assert len(frames[0]) == 20
    for others in frames[1:]:
        assert np.abs(others.astype(int) - frames[0]).max() <= 1


def test_a_portrait_says_the_same_as_in_a_whole_job(
    engine: Speech2Face, avatar: Avatar, portrait: Path, speech: Path
) -> None:
    clip = engine.animate(portrait, speech, settings=SMALL)

    for one, other in zip(clip, avatar.say(speech), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_iterator_is_said_while_it_yields(avatar: Avatar, speech: Path) -> None:
    samples, rate = soundfile.read(speech, dtype="float32")
    asked: list[int] = []

    def pieces() -> Iterator[np.ndarray]:
        for start in range(0, len(samples), rate // 10):
            asked.append(start)
            yield samples[start : start + rate // 10]

    stream = avatar.stream(pieces(), rate)
    first = next(stream)

    assert first.start == 0
    assert len(asked) < 8  # of 8: it did not wait for the end
    rest = list(stream)
    assert sum(len(piece.frames) for piece in [first, *rest]) == 20
    heard = np.concatenate([piece.samples for piece in [first, *rest]])
    np.testing.assert_array_equal(heard, samples)


def test_other_settings_change_what_it_does_and_not_who_it_is(avatar: Avatar, speech: Path) -> None:
    calm, happy = (
        np.stack(list(avatar.say(speech, settings)))
        for settings in (SMALL, Settings(full=False, emotion="happy"))
    )

    assert calm.shape == happy.shape
    assert np.abs(calm.astype(int) - happy).mean() > 0.3
