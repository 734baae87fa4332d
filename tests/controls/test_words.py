"""What is asked in words, and in Python's values."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.controls.settings import ControlSettings
from speech2face.controls.timeline import Timeline
from speech2face.controls.words import Blinks, parse_blink, parse_emotion, parse_gaze, parse_pose
from speech2face.emotions import EMOTIONS
from speech2face.errors import InputError


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


@pytest.mark.parametrize(
    ("text", "blinks"),
    [
        ("natural", "natural"),
        (" Off ", "off"),
        ("0", "off"),
        ("20", 20.0),
        ("1.2,0.5", (0.5, 1.2)),
        ("0.5,", (0.5,)),
    ],
)
def test_words_rates_and_times_are_read(text: str, blinks: Blinks) -> None:
    assert parse_blink(text) == blinks


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("often", "cannot be read"),
        ("1,x", "cannot be read"),
        ("", "out of range"),
        ("-3", "out of range"),
        ("61", "out of range"),
        ("nan", "out of range"),
        ("1,-2", "-2 s"),
        ("1,inf", "inf s"),
        (",", "empty list"),
    ],
)
def test_blinks_that_cannot_be_used_are_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_blink(text)


@pytest.mark.parametrize(
    ("text", "gaze"),
    [("camera", "camera"), ("Natural", "natural"), ("10,-5", (10, -5)), (" -25 , 15 ", (-25, 15))],
)
def test_words_and_angles_are_read(text: str, gaze: object) -> None:
    assert parse_gaze(text) == gaze


@pytest.mark.parametrize("text", ["left", "1", "1,2,3", "", "1,b"])
def test_a_gaze_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        parse_gaze(text)


@pytest.mark.parametrize("text", ["26,0", "0,-15.1", "nan,0", "0,inf"])
def test_a_gaze_beyond_what_eyes_can_do_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="25 degrees sideways and 15"):
        parse_gaze(text)


def test_pose_words_are_read_and_others_refused() -> None:
    assert parse_pose("Natural") == "natural"
    assert parse_pose(" still") == "still"
    with pytest.raises(InputError, match=r"'wild'.*natural or still.*timeline"):
        parse_pose("wild")


def test_values_mean_what_their_words_mean() -> None:
    words = ControlSettings(emotion="happy:0.5+sad:0.25", blink="0.5,1.2", gaze="10,-5")
    values = ControlSettings(
        emotion={"happy": 0.5, "sad": 0.25}, blink=(0.5, 1.2), gaze=(10.0, -5.0)
    )

    assert values.resolve() == words.resolve()
    assert parse_blink(12.0) == parse_blink("12")


@pytest.mark.parametrize(
    "asked",
    [
        {"emotion": {"joyful": 0.5}}, {"emotion": {"happy": 1.6}}, {"blink": (-1.0,)},
        {"blink": 61.0}, {"blink": ()}, {"gaze": (1.0,)}, {"gaze": (26.0, 0.0)},
        {"pose": Path("wild.mp4")},
    ],
)  # fmt: skip
def test_values_that_cannot_be_used_are_refused(asked: dict) -> None:
    with pytest.raises(InputError):
        ControlSettings(**asked)


def test_a_timeline_may_be_named_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('emotion = "sad:0.5"', encoding="utf-8")

    assert ControlSettings(timeline=path).resolve() == Timeline.read(path)
    with pytest.raises(InputError, match=r"nothing\.toml does not exist"):
        ControlSettings(timeline=tmp_path / "nothing.toml")
