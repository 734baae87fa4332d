"""An option for each of the `Settings`, read from the dataclass that declares them.

A command names the settings that it heeds, and takes them as one value:

    @with_settings("size", "fps")
    def command(*, settings: Settings) -> None: ...
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated

from typer import Option

from speech2face.configs import Setting, settings_of
from speech2face.jobs.settings import Settings


def with_settings(
    *names: str, kind: type = Settings, **defaults: object
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command's parameter `settings` an option for each of some settings.

    Args:
        names: Which settings, in the order of the help; without any: all.
        kind: The dataclass that declares them.
        defaults: Settings that have another default here.
    """
    declared = settings_of(kind)
    heeded = [declared[name] for name in names or declared]
    options = [_parameter(one, defaults.get(one.name, one.default)) for one in heeded]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: object) -> None:
            chosen = {one.name: given.pop(one.name) for one in heeded}
            command(**given, settings=kind(**chosen))  # pyright: ignore[reportArgumentType] - checked there

        # typer reads a command's options from its signature.
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            parameters += options if parameter.name == "settings" else [parameter]
        run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        return run

    return decorate


def _parameter(one: Setting, default: object) -> inspect.Parameter:
    flags = [one.flags] if one.flags else []
    kind = one.kind | None if one.optional else one.kind
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=default,
        annotation=Annotated[kind, Option(*flags, help=one.help, rich_help_panel=one.panel)],
    )  # fmt: skip
