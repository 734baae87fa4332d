import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.controls.emotion import living_emotion, parse_emotion
from speech2face.errors import InputError
from speech2face.types import EMOTIONS


def weights(**named: float) -> tuple[float, ...]:
    return tuple(named.get(label, 0.0) for label in EMOTIONS)


def test_a_label_alone_is_a_clear_expression() -> None:
    assert parse_emotion("happy") == weights(happy=1.0)


def test_a_label_with_an_intensity_and_a_mix_are_read() -> None:
    assert parse_emotion("sad:0.7") == weights(sad=0.7)
    assert parse_emotion(" Happy:0.5 + surprised : .3") == weights(happy=0.5, surprised=0.3)


@pytest.mark.parametrize("text", ["neutral", "neutral:0.4", "happy:0"])
def test_neutral_asks_for_nothing(text: str) -> None:
    assert parse_emotion(text) == weights()


def test_an_unknown_label_is_refused_with_the_labels() -> None:
    with pytest.raises(InputError, match=r"'joyful'.*happy, sad, angry.*contempt") as caught:
        parse_emotion("joyful:0.5")

    assert caught.value.exit_code == 4


@pytest.mark.parametrize("text", ["happy:1.6", "happy:-0.1", "happy:nan", "happy:very", "happy:"])
def test_an_intensity_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="intensity"):
        parse_emotion(text)


def test_a_label_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        parse_emotion("happy:0.2+happy:0.3")


@pytest.mark.parametrize("text", ["", "+", "happy+"])
def test_a_missing_label_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="unknown"):
        parse_emotion(text)


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_emotion(text)
    except InputError:
        return
    assert all(0 <= weight <= 1.5 for weight in found)


def test_an_expression_is_there_at_once_and_breathes_by_a_tenth() -> None:
    asked = np.tile(np.array(weights(happy=0.8)), (1500, 1))

    living = living_emotion(asked, np.arange(1500) / 25, np.random.default_rng(1))

    assert 0.72 <= living[:, 1].min() < 0.77
    assert 0.83 < living[:, 1].max() <= 0.88
    assert np.abs(np.diff(living[:, 1])).max() < 0.01
    assert (np.delete(living, 1, axis=1) == 0).all()
