"""What a user can choose about a video: an option for each of the `Settings`.

A command says which of them it heeds, and takes them as one value:

    @with_settings("size", "fps")
    def command(*, settings: "Settings") -> None: ...
"""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from speech2face.cli.options import RUN

if TYPE_CHECKING:
    from speech2face.jobs.settings import Settings

_CONTROL, _PICTURE = "What the face does", "The picture"


def _option(
    kind: Any,  # noqa: ANN401 - a type
    panel: str,
    text: str,
    *flags: str,
    default: object = None,
) -> tuple[Any, object]:
    return Annotated[kind, Option(*flags, help=text, rich_help_panel=panel)], default


OPTIONS: dict[str, tuple[Any, object]] = {
    "emotion": _option(
        str,
        _CONTROL,
        "neutral, happy, sad, angry, surprised, fearful, disgusted, contempt; with an intensity "
        "from 0 to 1.5, and mixed: happy:0.7, happy:0.5+surprised:0.3.",
        default="neutral",
    ),
    "blink": _option(
        str,
        _CONTROL,
        "natural, off, a rate a minute (12), or the times in seconds (0.5,2,3.1).",
        default="natural",
    ),
    "gaze": _option(
        str,
        _CONTROL,
        "camera, natural, or YAW,PITCH in degrees (to the image's right and up).",
        default="natural",
    ),
    "pose": _option(
        str,
        _CONTROL,
        "natural: the head moves with the voice; still; or a video whose head leads this one (a "
        "shorter one is played to and fro).",
        default="natural",
    ),
    "pose_strength": _option(float, _CONTROL, "How far the head moves; 1 is natural.", default=1.0),
    "timeline": _option(
        Path | None,
        _CONTROL,
        "A TOML or JSON file with emotion, blinks, gaze and pose over time; the options above take "
        "its tracks' place.",
    ),
    "expression_scale": _option(
        float, _CONTROL, "Strength of the lips' motion, 0 to 2.", default=1.0
    ),
    "seed": _option(int, _CONTROL, "Another number gives other blinks and head motion.", default=0),
    "size": _option(
        int | None,
        _PICTURE,
        "Side in pixels at which the square around the face is drawn: 256, 512, ... Without it: as "
        "fine as the picture, 512 at most.",
    ),
    "fps": _option(
        str, _PICTURE, "Frames per second: 25, 23.976, 29.97, 30000/1001, 60, ...", default="25"
    ),
    "full": _option(
        bool,
        _PICTURE,
        "The whole picture at its own size, or the square around the face alone.",
        "--full/--crop",
        default=True,
    ),
    "background": _option(
        str,
        _PICTURE,
        "What shows through a transparent picture: a name, #rrggbb or r,g,b.",
        default="white",
    ),
    "face_select": _option(
        str,
        _PICTURE,
        "Which of several faces: largest, left, right, a number from 1 (the largest), or a "
        "point X,Y.",
        default="largest",
    ),
    "force": _option(
        bool,
        _PICTURE,
        "Accept a face that is too small or too far turned away.",
        "--force",
        default=False,
    ),
    "preview": _option(
        int | None,
        RUN,
        "Make only the first N frames: a short video, equal to the start of the whole one.",
    ),
    "max_duration": _option(float | None, RUN, "Refuse a sound of more seconds than this."),
    "batch_size": _option(int, RUN, "Frames drawn at once; more need more memory.", default=8),
}
"""By the name of the setting: its option, and its default. That is the one of `Settings`, written
again because --help must not wait for what `Settings` imports; a test compares them."""


def with_settings(
    *names: str, **defaults: object
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each of some settings, where its parameter `settings` stands.

    Args:
        names: Which settings, in the order of the help; without any: all.
        defaults: Settings that have another default here.
    """
    heeded = {name: OPTIONS[name] for name in names or OPTIONS}
    parameters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=kind,
            default=defaults.get(name, default),
        )
        for name, (kind, default) in heeded.items()
    ]  # fmt: skip

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: object) -> None:
            chosen = {name: given.pop(name) for name in heeded}
            command(**given, settings=_settings(chosen))

        seen: list[inspect.Parameter] = []
        for own in inspect.signature(command).parameters.values():
            seen += parameters if own.name == "settings" else [own]
        run.__signature__ = inspect.Signature(seen)  # pyright: ignore[reportAttributeAccessIssue]
        run.__annotations__ = {one.name: one.annotation for one in seen}
        return run

    return decorate


def _settings(chosen: dict[str, Any]) -> "Settings":
    from speech2face.controls.timeline import Timeline
    from speech2face.jobs.settings import Settings

    if chosen.get("timeline") is not None:
        chosen["timeline"] = Timeline.read(chosen["timeline"])
    return Settings(**chosen)
