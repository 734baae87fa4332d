"""Frozen dataclasses from outside: from TOML tables, from words, and as the options they declare.

A dataclass says everything once. Its fields with their types, defaults and docstrings are the keys
of a recipe, the options of a command, the words of a `--set`, and the sizes of a network.
"""

import ast
import inspect
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from speech2face.errors import InputError

T = TypeVar("T")

_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_WORD_KINDS = (bool, str, Path, int, float)
"""What a word can become, in the order of preference where a field takes several."""


def setting(panel: str, *, default: Any, flags: str | None = None) -> Any:  # noqa: ANN401 - of any type
    """Declare a field of settings.

    Args:
        panel: Title of the group of settings that it is shown in.
        default: Its default.
        flags: Its flags on the command line, where `--its-name` does not do.
    """
    return field(default=default, metadata={"panel": panel, "flags": flags})


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A field as a user meets it."""

    name: str
    kind: type
    """bool, str, int, float or Path: what its word becomes."""
    optional: bool
    """It may be None."""
    default: Any
    """As a word's value: a field that takes words has its default as a word."""
    help: str
    panel: str
    flags: str | None


@cache
def settings_of(kind: type) -> dict[str, Setting]:
    """Read the settings that a dataclass declares by `setting`, in their order.

    Args:
        kind: The dataclass.
    """
    hints, texts = get_type_hints(kind), docstrings(kind)
    declared: dict[str, Setting] = {}
    for one in fields(kind):
        hint = hints[one.name]
        allowed = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        word = next(kind for kind in _WORD_KINDS if kind in allowed)
        # `fps` is kept as a fraction, but its word is "25".
        default = str(one.default) if word is str and one.default is not None else one.default
        declared[one.name] = Setting(
            name=one.name, kind=word, optional=type(None) in allowed, default=default,
            help=texts[one.name], panel=one.metadata["panel"], flags=one.metadata["flags"],
        )  # fmt: skip
    return declared


def docstrings(kind: type) -> dict[str, str]:
    """Read the docstrings below the fields of a class and its bases, each as one line."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        body = definition.body if isinstance(definition, ast.ClassDef) else []
        for one, after in pairwise(body):
            match one, after:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[name] = " ".join(text.split())
                case _:
                    pass
    return texts


def from_words(kind: type[T], words: Mapping[str, Any], where: str) -> T:
    """Build settings from words, as a command line, a row of a batch or a form holds them.

    Args:
        kind: A dataclass that declares settings.
        words: By the names of the settings; values that are no strings pass as they are.
        where: What to call the words in an error.

    Raises:
        InputError: There is no such setting, or its word cannot be used.
    """
    known = settings_of(kind)
    values: dict[str, Any] = {}
    for written, word in words.items():
        name = written.replace("-", "_")
        if name not in known:
            msg = (
                f"{where} has the unknown setting {written!r}; expected one of "
                f"{', '.join(known)}; correct or remove it"
            )
            raise InputError(msg)
        values[name] = _read(known[name], word, where) if isinstance(word, str) else word
    return kind(**values)


def _read(one: Setting, word: str, where: str) -> Any:  # noqa: ANN401 - of the setting's kind
    """Read a word.

    Raises:
        InputError: It means nothing of the setting's kind.
    """
    text = word.strip()
    if one.optional and text.lower() in {"", "none"}:
        return None
    if one.kind is bool:
        if text.lower() not in _YES + _NO:
            msg = f"{one.name}={word} in {where} is no answer; write true or false"
            raise InputError(msg)
        return text.lower() in _YES
    try:
        return one.kind(text)
    except ValueError as error:
        expected = "a whole number" if one.kind is int else "a number"
        msg = f"{one.name}={word} in {where} cannot be used; expected {expected}; correct it"
        raise InputError(msg) from error


def read_table(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: It is absent or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{path} is not a recipe ({error}); expected a TOML file as in training/recipes"
        raise InputError(msg) from error


def from_table(kind: type[T], table: dict[str, Any], where: str) -> T:
    """Build a frozen dataclass, and those inside it, from a table.

    Args:
        kind: Which dataclass; what the table leaves out has the dataclass's default.
        table: Of plain values, lists and tables.
        where: What to call the table in an error.

    Raises:
        InputError: A key is unknown or missing, or a value is of another type.
    """
    hints = get_type_hints(kind)
    known = [one.name for one in fields(kind)]  # pyright: ignore[reportArgumentType]
    unknown = sorted(table.keys() - set(known))
    if unknown:
        msg = (
            f"{where} has the unknown key {unknown[0]!r}; expected one of {', '.join(known)}; "
            "correct or remove it"
        )
        raise InputError(msg)
    values = {
        name: _value(hints[name], value, f"{name!r} in {where}") for name, value in table.items()
    }
    for one in fields(kind):  # pyright: ignore[reportArgumentType]
        if one.name not in values and one.default is MISSING and one.default_factory is MISSING:
            msg = f"{where} lacks the key {one.name!r}, which has no default; add it"
            raise InputError(msg)
    return kind(**values)


def _value(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - of every type there is
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise _mismatch(where, "a table", value)
        return from_table(hint, value, where)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is tuple:
        if not isinstance(value, list) or (inner[-1] is not ... and len(value) != len(inner)):
            raise _mismatch(where, "a list", value)
        kinds = [inner[0]] * len(value) if inner[-1] is ... else list(inner)
        return tuple(_value(one, item, where) for one, item in zip(kinds, value, strict=True))
    if origin is dict:
        if not isinstance(value, dict):
            raise _mismatch(where, "a table", value)
        return {key: _value(inner[1], item, where) for key, item in value.items()}
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - of every type there is
    allowed = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if float in allowed and type(value) is int:
        return float(value)
    if not any(type(value) is one for one in allowed):
        raise _mismatch(where, " or ".join(getattr(one, "__name__", "") for one in allowed), value)
    return value


def _mismatch(where: str, wanted: str, value: Any) -> InputError:  # noqa: ANN401 - anything at all
    return InputError(f"{where} is {value!r}; expected {wanted}; correct the recipe")
