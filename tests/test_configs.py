"""A setting is declared once: its field and docstring are the option, the word and the value."""

from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest

from speech2face.configs import docstrings, from_words, settings_of
from speech2face.errors import InputError
from speech2face.jobs.settings import Settings


def test_every_setting_explains_itself() -> None:
    declared = settings_of(Settings)

    assert list(declared) == [one.name for one in fields(Settings)]
    assert all(one.help.endswith(".") and one.panel for one in declared.values())


def test_the_kind_of_a_setting_is_the_one_of_its_field() -> None:
    declared = settings_of(Settings)

    kinds = {
        "full": (bool, False, True), "fps": (str, False, "25"), "size": (int, True, None),
        "max_duration": (float, True, None), "pose": (str, False, "natural"),
        "timeline": (Path, True, None), "speech2landmarks": (Path, True, None),
        "blink": (str, False, "natural"),
    }  # fmt: skip
    assert {name: (one.kind, one.optional, one.default) for name, one in declared.items()
            if name in kinds} == kinds  # fmt: skip


def test_docstrings_of_bases_come_first() -> None:
    texts = docstrings(Settings)

    assert next(iter(texts)) == "emotion"
    assert texts["background"].startswith("What shows through")


@pytest.mark.parametrize(
    ("word", "value"), [("false", False), ("no", False), ("0", False), ("true", True)]
)
def test_a_word_for_no_means_no(word: str, value: bool) -> None:
    assert from_words(Settings, {"full": word}, "--set").full is value


def test_words_become_values_of_the_fields_types() -> None:
    words = {"size": "256", "max-duration": "5", "preview": "none", "fps": "29.97", "seed": 3}

    settings = from_words(Settings, words, "--set")

    assert (settings.size, settings.max_duration, settings.preview) == (256, 5.0, None)
    assert (settings.rate, settings.seed) == (Fraction(30000, 1001), 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"sise": "256"}, "unknown setting 'sise'; expected one of emotion, blink"),
        ({"size": "large"}, "size=large in row 3 cannot be used; expected a whole number"),
        ({"max_duration": "long"}, "max_duration=long in row 3 cannot be used; expected a number"),
        ({"full": "perhaps"}, "full=perhaps in row 3 is no answer; write true or false"),
        ({"size": "7"}, "the size 7 cannot be used"),
    ],
)
def test_a_word_that_cannot_be_used_is_refused(words: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_words(Settings, words, "row 3")
