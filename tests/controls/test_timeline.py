import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech2face.controls.keyframes import sample
from speech2face.controls.timeline import Key, Timeline, constant
from speech2face.errors import InputError, MediaError

EXAMPLE = """
version = 1
emotion = [
  {time = 0.0, value = "neutral"},
  {time = 2.0, value = "happy:0.8", ease = "linear"},
]
blink = [1.2, 0.5]
gaze = [{time = 0, value = [0, 0]}, {time = 1, value = [10, -5], ease = "hold"}]
pose = [{time = 0, value = [0, 0, 0]}, {time = 1, value = [6, 0, -2]}]
pose_strength = 0.5
expression = [{time = 0, value = 1.0}, {time = 4, value = 0}]
"""


def write(folder: Path, text: str, name: str = "plan.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_of_the_format_is_read(tmp_path: Path) -> None:
    plan = Timeline.read(write(tmp_path, EXAMPLE))

    assert plan.blink == (0.5, 1.2)
    assert plan.pose_strength == constant(0.5)
    np.testing.assert_allclose(sample(plan.emotion, np.array([1.0, 2.0]))[:, 1], [0.4, 0.8])
    assert isinstance(plan.gaze, tuple)
    np.testing.assert_allclose(sample(plan.gaze, np.array([0.96, 1.0])), [[0, 0], [10, -5]])
    assert isinstance(plan.pose, tuple)
    np.testing.assert_allclose(sample(plan.pose, np.array([0.5, 9.0])), [[3, 0, -1], [6, 0, -2]])


def test_json_and_toml_say_the_same(tmp_path: Path) -> None:
    table = {"blink": 20, "gaze": "camera", "pose": "still", "emotion": "happy:0.5+sad:0.1"}
    toml = "\n".join(f"{name} = {json.dumps(entry)}" for name, entry in table.items())

    from_json = Timeline.read(write(tmp_path, json.dumps(table), "plan.JSON"))

    assert from_json == Timeline.read(write(tmp_path, toml)) == Timeline.parse(table)
    assert from_json.blink == 20.0


def test_a_file_without_entries_asks_for_nature(tmp_path: Path) -> None:
    assert Timeline.read(write(tmp_path, "# nothing yet")) == Timeline()
    with pytest.raises(MediaError, match="is empty"):
        Timeline.read(write(tmp_path, ""))


@settings(deadline=None)
@given(
    times=st.lists(st.sampled_from([0.0, 0.5, 0.5000001, 1.0, 3.0]), min_size=1, max_size=6),
    eases=st.lists(st.sampled_from(["linear", "smooth", "hold"]), min_size=6, max_size=6),
)
def test_keys_of_equal_times_and_values_never_divide_by_zero(
    times: list[float], eases: list[str]
) -> None:
    keys = tuple(
        Key(time=time, value=(float(index % 3), 2.0), ease=ease)  # type: ignore[arg-type]
        for index, (time, ease) in enumerate(zip(sorted(times), eases, strict=False))
    )

    with np.errstate(all="raise"):
        values = sample(keys, np.array([0.0, 0.25, 0.5, 0.75, 1.0, 9.0]))

    assert np.isfinite(values).all()
    assert (values[:, 1] == 2.0).all()
    assert values[-1, 0] == keys[-1].value[0]


def test_of_keys_at_one_time_the_last_counts_from_then_on() -> None:
    keys = tuple(
        Key(time=time, value=(value,), ease="linear")
        for time, value in ((0.0, 0.0), (1.0, 1.0), (1.0, 5.0), (2.0, 6.0))
    )

    values = sample(keys, np.array([0.5, 1.0 - 1e-9, 1.0, 1.5]))[:, 0]

    np.testing.assert_allclose(values, [0.5, 1.0, 5.0, 5.5], atol=1e-6)


def test_values_hold_before_the_first_key_and_after_the_last() -> None:
    keys = (Key(time=1.0, value=(3.0,)), Key(time=2.0, value=(7.0,)))

    np.testing.assert_allclose(sample(keys, np.array([0.0, 1.0, 1.5, 2.0, 50.0]))[:, 0],
                               [3, 3, 5, 7, 7])  # fmt: skip


def test_a_jump_stays_at_the_old_value_until_its_time() -> None:
    keys = (Key(time=0.0, value=(0.0,)), Key(time=1.0, value=(7.0,), ease="hold"))

    np.testing.assert_array_equal(sample(keys, np.array([0.0, 0.99, 1.0]))[:, 0], [0, 0, 7])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("blink = [\nnonsense", "line 2"),
        ("colour = 1", "unknown track 'colour'.*emotion, blink"),
        ("version = 2", "version 2.*version 1"),
        ("version = true", "version True"),
        ("blink = true", "track blink: True is not a number"),
        ("blink = 100", "track blink: 100 blinks a minute"),
        ("blink = [1, -1]", "track blink.*-1 s"),
        ("blink = 'sometimes'", "track blink.*natural, off"),
        ("gaze = [40, 0]", "track gaze.*40 degrees"),
        ("gaze = 'away'", "track gaze.*camera"),
        ("gaze = [{time = 0, value = [1]}]", r"track gaze: keyframe 1.*\[yaw, pitch\]"),
        ("pose = [0, 99, 0]", "track pose.*pitch of 99"),
        ("pose = [{time = 0, value = 5}]", "track pose: keyframe 1: 5 cannot"),
        ("pose = [{time = 0, value = [0, nan, 0]}]", "nan is not a number"),
        ("pose = 3", "track pose: 3 cannot be used"),
        ("pose_strength = 3", "strength 3 is out of range"),
        ("expression = 'strong'", "track expression: 'strong' is not a number"),
        ("emotion = 1", "track emotion: 1 is no emotion"),
        ("emotion = []", "track emotion: there are no keyframes"),
        ("emotion = [{time = 1, value = 'joy'}]", "keyframe 1: the emotion 'joy'.*unknown"),
        ("emotion = [{time = 1, value = 'sad'}, {time = 0, value = 'sad'}]", "keyframe 2 at 0 s"),
        ("emotion = [{time = -1, value = 'sad'}]", "keyframe 1: its time -1 s is negative"),
        ("emotion = [{time = 'one', value = 'sad'}]", "keyframe 1: 'one' is not a number"),
        ("emotion = [{time = 1}]", "keyframe 1: no 'value'"),
        ("emotion = [{time = 1, value = 'sad', speed = 1}]", "unknown 'speed'"),
        ("emotion = [{time = 1, value = 'sad', ease = 'bounce'}]", "'bounce'.*linear, smooth"),
        ("emotion = [{time = 1, value = 'sad', ease = [1]}]", "linear, smooth"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        Timeline.read(write(tmp_path, text))

    assert "plan.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "3", "null", "{", '{"blink": [1,', "[" * 100_000])
def test_json_that_is_no_table_or_damaged_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"plan\.json"):
        Timeline.read(write(tmp_path, text, "plan.json"))


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the timeline .*absent.toml does not exist"):
        Timeline.read(tmp_path / "absent.toml")
    (tmp_path / "sound.toml").write_bytes(b"RIFF\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="is no text"):
        Timeline.read(tmp_path / "sound.toml")


def test_no_blink_times_in_a_file_are_no_blinks() -> None:
    assert Timeline.parse({"blink": []}).blink == "off"


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["time", "value", "ease", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["emotion", "blink", "gaze", "pose", "pose_strength", "version"]), values
    )
)
def test_any_table_is_read_or_refused(table: dict[str, object]) -> None:
    try:
        plan = Timeline.parse(table)
    except InputError:
        return
    assert np.isfinite(sample(plan.emotion, np.arange(3) / 25)).all()
