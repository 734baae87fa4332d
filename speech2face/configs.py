"""Recipes: TOML files that become frozen dataclasses, refusing what these do not know."""

import tomllib
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from speech2face.errors import InputError

T = TypeVar("T")


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
