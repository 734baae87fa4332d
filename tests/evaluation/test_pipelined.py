import pytest

from speech2face.errors import InputError
from speech2face.evaluation.video.pipelined import settings_of


def test_words_become_settings_with_their_types():
    settings = settings_of({"size": "256", "emotion": "happy:1", "fps": "29.97", "seed": 3})

    assert (settings.size, settings.emotion, settings.seed) == (256, "happy:1", 3)
    assert settings.rate.denominator == 1001


@pytest.mark.parametrize(("name", "value"), [("sise", "256"), ("size", "large"), ("size", "7")])
def test_a_setting_that_cannot_be_used_is_refused(name: str, value: str):
    with pytest.raises(InputError):
        settings_of({name: value})
