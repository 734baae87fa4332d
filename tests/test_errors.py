import pytest

from speech2face.errors import shown


@pytest.mark.parametrize("name", ["a.wav", "a b.wav", "Übung 日本.wav", "it's", "C:\\x\\a.wav"])
def test_a_plain_name_is_shown_as_it_is(name: str) -> None:
    assert shown(name) == name


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("a\rb", r"'a\rb'"), ("a\x1b[31m", r"'a\x1b[31m'"), ("a  b", "'a  b'"), ("a ", "'a '"),
        ("a\nb", r"'a\nb'"), ("a\udcff", r"'a\udcff'"), (" a", "' a'"), ("a\u202eb", r"'a\u202eb'"),
    ],
)  # fmt: skip
def test_an_odd_name_is_quoted_so_that_it_cannot_be_taken_for_another(name: str, seen: str) -> None:
    assert shown(name) == seen
