"""What a Python program gives is checked by its annotations, in one place."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import jaxtyping
import numpy as np
import pytest

from speech2face.checked import require_types, typed
from speech2face.errors import InputError
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.settings import Settings
from speech2face.training.speech.recipe import Recipe


@pytest.fixture(autouse=True)
def as_users_have_it() -> Iterator[None]:
    """Switch off what checks types in tests alone: it comes before ours."""
    jaxtyping.config.update("jaxtyping_disable", True)  # noqa: FBT003 its own signature
    yield
    jaxtyping.config.update("jaxtyping_disable", False)  # noqa: FBT003


class Nothing:
    """Of a type that no setting takes."""

    def __repr__(self) -> str:
        return "nothing\nat all"


@dataclass(frozen=True, kw_only=True)
class Odd:
    """Fields of every kind of annotation there is."""

    number: float = 1.0
    whole: int | None = None
    word: Literal["a", "b"] = "a"
    path: Path = Path()
    table: Mapping[str, float] = field(default_factory=dict)
    many: Sequence[float] = ()
    pair: tuple[int, str] = (1, "x")
    call: Callable[[int], int] | None = None
    anything: Any = None

    def __post_init__(self) -> None:
        require_types(self)


@pytest.mark.parametrize("name", [one.name for one in fields(Settings)])
def test_every_setting_refuses_what_is_of_no_type_of_its(name: str) -> None:
    for wrong in (Nothing(), b"bytes", 3j, [Nothing()], {Nothing(): 1}):
        with pytest.raises(InputError, match=f"^{name}=.* is of the type .*; expected ") as caught:
            Settings(**{name: wrong})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": "big"}, "size='big' is of the type str; expected a whole number or None"),
        ({"size": 2.5}, "size=2.5 is of the type float; expected a whole number or None"),
        ({"size": True}, "size=True is of the type bool"),
        ({"seed": False}, "seed=False is of the type bool; expected a whole number"),
        ({"emotion": 3}, "emotion=3 is of the type int; expected a text or a table of numbers"),
        ({"emotion": {"happy": "much"}}, "emotion=.* expected a text or a table of numbers"),
        ({"fps": None}, "fps=None is of the type NoneType; expected a text or a number or"),
        ({"fps": True}, "fps=True is of the type bool"),
        ({"full": "no"}, "full='no' is of the type str; expected True or False"),
        ({"full": 1}, "full=1 is of the type int; expected True or False"),
        ({"gaze": 5}, "gaze=5 is of the type int; expected a text or a list of numbers"),
        ({"pose_strength": "1"}, "pose_strength='1' is of the type str; expected a number"),
        ({"preview": "ten"}, "preview='ten'"),
        ({"timeline": {"blink": "off"}}, "timeline=.* expected a Timeline or a path or None"),
        ({"background": (1, 2, 3)}, "background=.* expected a text"),
        ({"max_duration": 10**400}, "max_duration=.* expected a number or None"),
    ],
)
def test_a_setting_of_a_wrong_type_is_named_with_what_it_takes(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        Settings(**given)


def test_what_means_the_same_is_taken() -> None:
    settings = Settings(
        size=np.int64(256), expression_scale=1, pose_strength=np.float32(0.5),
        fps=np.float64(29.97),
        blink=[np.float32(0.5), 2], gaze=(1, -2), emotion={"happy": np.float32(1)},
    )  # fmt: skip

    assert (type(settings.size), settings.rate) == (int, Fraction(30_000, 1001))
    assert (type(settings.expression_scale), settings.pose_strength) == (float, 0.5)
    assert settings.resolve().blink == (0.5, 2.0)


def test_a_text_is_a_path_where_no_text_is_taken(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"blink": "off"}')

    settings = Settings(timeline=str(tmp_path / "t.json"), speech2landmarks="me.safetensors")

    assert settings.resolve().blink == "off"
    assert settings.files == (tmp_path / "t.json", Path("me.safetensors"))


@pytest.mark.parametrize(
    "given",
    [
        {"number": "1"}, {"whole": 1.0}, {"word": "c"}, {"path": 3}, {"table": {1: 1.0}},
        {"table": [1]}, {"many": "12"}, {"many": (1, "2")}, {"pair": (1,)}, {"pair": (1, 2)},
        {"call": 3}, {"number": float},
    ],
)  # fmt: skip
def test_every_kind_of_annotation_is_checked(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(InputError, match=f"^{name}="):
        Odd(**given)


def test_every_kind_of_annotation_takes_its_own() -> None:
    odd = Odd(
        number=2, whole=np.int8(3), word="b", path="x", table={"a": 1}, many=[1, 2.5],
        pair=(1, "y"), call=abs, anything=Nothing(),
    )  # fmt: skip

    assert (odd.number, odd.whole, odd.path, odd.many) == (2.0, 3, Path("x"), (1.0, 2.5))


def test_recipes_are_checked_too() -> None:
    for given in ({"steps": 2.5}, {"rate": "fast"}, {"seed": None}, {"betas": (1, "x")}):
        with pytest.raises(InputError, match=r"is of the type|expected"):
            Recipe(**given)


def test_functions_are_checked_by_their_own_annotations() -> None:
    @typed
    def said(number: float, *, word: str = "x") -> tuple[float, str]:
        return number, word

    assert said(1) == (1.0, "x")
    with pytest.raises(InputError, match=r"^word=3"):
        said(1.0, word=3)
    with pytest.raises(TypeError, match=r"missing"):
        said()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ((3, "s.wav"), "portrait"), (("p.png", None), "audio"), (("p.png", "s.wav", 3), "output"),
        ((None, "s.wav"), "portrait"), (("p.png", "s.wav", None, "x"), None),
    ],
)  # fmt: skip
def test_the_engine_names_an_argument_of_a_wrong_type(
    engine: Speech2Face, given: tuple[Any, ...], name: str | None
) -> None:
    with pytest.raises(InputError if name else TypeError, match=f"^{name}=" if name else None):
        engine.animate(*given)


def test_settings_and_words_of_a_wrong_type_are_named(engine: Speech2Face) -> None:
    with pytest.raises(InputError, match=r"^settings=.* expected a Settings or None"):
        engine.animate("p.png", "s.wav", settings={"size": 256})
    with pytest.raises(InputError, match=r"^overwrite='yes'"):
        engine.animate("p.png", "s.wav", overwrite="yes")
    with pytest.raises(InputError, match=r"^progress=3"):
        engine.animate("p.png", "s.wav", progress=3)
    with pytest.raises(InputError, match=r"^device=None"):
        Speech2Face.from_pretrained(None)
    with pytest.raises(InputError, match=r"^portrait="):
        engine.avatar(np.zeros((4, 4), np.uint8))
