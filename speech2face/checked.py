"""Values that come from a user's Python program, checked against the annotations that take them.

One rule for all settings of all jobs: a value of a wrong type ends in one `InputError` that names
the argument, what it was given and what it takes, before anything is done with it. Nothing numeric
loads.
"""

import collections.abc
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache, wraps
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from speech2face.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")

_WORDS: dict[object, str] = {
    bool: "True or False", int: "a whole number", float: "a number", str: "a text",
    bytes: "bytes", Path: "a path", NoneType: "None",
}  # fmt: skip
"""What a message calls a type; all others go by their own names."""

_UNFIT = object()
_SHOWN = 60


def require_types(settings: object) -> None:
    """Check every field of a frozen dataclass against its annotation.

    What means the same is kept as what the annotation says: a whole number as a float, a text as a
    path where no text is taken, numbers of numpy as Python's own. True and False are no numbers.

    Args:
        settings: The dataclass, from its `__post_init__`.

    Raises:
        InputError: A value is of another type.
    """  # noqa: DOC502 _taken raises it
    hints = _hints(type(settings))
    for one in fields(settings):  # pyright: ignore[reportArgumentType]
        value = getattr(settings, one.name)
        taken = _taken(one.name, hints[one.name], value)
        if taken is not value:
            object.__setattr__(settings, one.name, taken)


def typed(function: Callable[P, T]) -> Callable[P, T]:
    """Check what a public function is given against its annotations, as `require_types` does.

    Args:
        function: Every argument of it that users give is annotated.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*given: P.args, **named: P.kwargs) -> T:
        hints = _hints(function)
        bound = signature.bind(*given, **named)
        for name, value in bound.arguments.items():
            if name in hints:
                bound.arguments[name] = _taken(name, hints[name], value)
        return function(*bound.args, **bound.kwargs)

    return checked


@cache
def _hints(owner: Callable[..., object]) -> dict[str, Any]:
    return get_type_hints(owner)


def _taken(name: str, hint: Any, value: object) -> object:  # noqa: ANN401 - any annotation
    """Return a value as its annotation has it.

    Raises:
        InputError: It is of another type.
    """
    taken = _fitted(hint, value)
    if taken is _UNFIT:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
        shown = " ".join(shown.split())
        msg = (
            f"{name}={shown} is of the type {type(value).__name__}; expected {_told(hint)}; "
            "give that, or leave it out for its default"
        )
        raise InputError(msg)
    return taken


def _fitted(hint: Any, value: Any) -> Any:  # noqa: ANN401, PLR0911 - any annotation, a list of kinds
    """Return a value as a type has it, or `_UNFIT`; lists become tuples, tables copies."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        if any(type(value) is kind for kind in inner):
            return value
        fits = (_fitted(kind, value) for kind in inner)
        return next((fitted for fitted in fits if fitted is not _UNFIT), _UNFIT)
    if origin is Literal:
        return value if value in inner else _UNFIT
    if origin is collections.abc.Callable:
        return value if callable(value) else _UNFIT
    if origin is not None:
        return _fitted_container(origin, inner, value)
    if hint is Any or hint is object:
        return value
    if hint is int or hint is float:
        return _fitted_number(hint, value)
    if hint is Path and isinstance(value, str | os.PathLike):
        return Path(value)
    kind = NoneType if hint is None else getattr(hint, "__bound__", None) or hint
    return value if isinstance(value, kind) else _UNFIT


def _fitted_number(kind: Any, value: Any) -> Any:  # noqa: ANN401 - int or float, and anything
    if isinstance(value, bool) or not isinstance(value, Integral if kind is int else Real):
        return _UNFIT
    try:
        return value if type(value) is kind else kind(value)  # pyright: ignore[reportArgumentType]
    except (OverflowError, ValueError):
        return _UNFIT


def _fitted_container(origin: Any, inner: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    """Check a list, a tuple or a table with all that is in it."""
    if isinstance(value, str | bytes) or not isinstance(value, origin):
        return _UNFIT
    if isinstance(value, Mapping):
        keys = [_fitted(inner[0], key) for key in value]
        values = [_fitted(inner[1], one) for one in value.values()]
        fits = all(one is not _UNFIT for one in (*keys, *values))
        return dict(zip(keys, values, strict=True)) if fits else _UNFIT
    if not isinstance(value, Sequence):
        return value  # what an iterator gives is not known before it is asked
    kinds = inner if origin is tuple and inner[-1] is not ... else (inner[0],) * len(value)
    if len(kinds) != len(value):
        return _UNFIT
    taken = [_fitted(kind, one) for kind, one in zip(kinds, value, strict=True)]
    return _UNFIT if any(one is _UNFIT for one in taken) else tuple(taken)


def _told(hint: Any) -> str:  # noqa: ANN401 - any annotation
    """Describe a type as a message does."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return " or ".join(dict.fromkeys(_told(kind) for kind in inner))
    if origin is Literal:
        return " or ".join(repr(word) for word in inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a table of {_told(inner[1]).removeprefix('a ')}s"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list of {_told(inner[0]).removeprefix('a ')}s"
    if origin is collections.abc.Callable:
        return "a function"
    kind = NoneType if hint is None else origin or hint
    return _WORDS.get(kind, f"a {getattr(kind, '__name__', kind)}")
