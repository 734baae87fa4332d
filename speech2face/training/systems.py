"""Which networks `speech2face train` can train: a recipe says `system = "..."`, and here is what.

A new network enters by one function that reads its recipe's table and gives a `Training`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech2face.configs import from_table, read_table
from speech2face.errors import InputError
from speech2face.training.loop.config import LoopConfig
from speech2face.training.loop.task import AdversarialTask, Task

RECIPES = Path(__file__).with_name("recipes")
"""Folder of the shipped recipes."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A recipe that has been read: how to train, and how to get at the task."""

    config: LoopConfig
    open: Callable[[Path, Path], Task | AdversarialTask]
    """Reads the prepared material in a folder and builds the networks; what is made of the material
    on the way is kept in the second folder, the run's."""
    ship: Callable[[Path, Path], Path]
    """Enters trained weights into a pretrained folder."""
    made_by: str
    """The command that prepares the material."""


def _speech2landmarks(table: dict[str, Any], where: str) -> Training:
    from speech2face.training.speech import speech2landmarks as system  # noqa: PLC0415 - only if wanted

    recipe = from_table(system.Recipe, table, where)
    return Training(
        config=recipe, open=lambda data, _: system.open_task(recipe, data), ship=system.ship,
        made_by="speech2face prepare",
    )  # fmt: skip


def _hearing(table: dict[str, Any], where: str) -> Training:
    from speech2face.training.speech import hearing as system  # noqa: PLC0415 - only if wanted

    recipe = from_table(system.HearingRecipe, table, where)
    return Training(
        config=recipe, open=lambda data, _: system.open_task(recipe, data), ship=system.ship,
        made_by="speech2face prepare --only voices",
    )  # fmt: skip


def _sync(table: dict[str, Any], where: str) -> Training:
    from speech2face.training.speech import sync as system  # noqa: PLC0415 - only if wanted

    recipe = from_table(system.SyncRecipe, table, where)
    return Training(
        config=recipe, open=lambda data, _: system.SyncTask.prepared(recipe, data),
        ship=system.ship, made_by="speech2face prepare",
    )  # fmt: skip


def _fast(table: dict[str, Any], where: str) -> Training:
    from speech2face.training.fast import open as system  # noqa: PLC0415 - only if wanted

    recipe = from_table(system.FastRecipe, table, where)
    return Training(
        config=recipe, open=lambda data, _: system.open_task(recipe, data), ship=system.ship,
        made_by="speech2face synthesize",
    )  # fmt: skip


def _tracker(table: dict[str, Any], where: str) -> Training:
    from speech2face.training.tracker import task as system  # noqa: PLC0415 - only if wanted

    recipe = from_table(system.TrackerRecipe, table, where)
    return Training(
        config=recipe, open=lambda data, out: system.open_task(recipe, data, out),
        ship=system.ship, made_by="the folder with portraits/, grid/ and models/",
    )  # fmt: skip


SYSTEMS: dict[str, Callable[[dict[str, Any], str], Training]] = {
    "speech2landmarks": _speech2landmarks,
    "hearing": _hearing,
    "sync": _sync,
    "facevid2vid-fast": _fast,
    "tracker": _tracker,
}
"""By the word in the recipe; the network's file is imported when its recipe is read."""


def find_recipe(name: str) -> Path:
    """Find a recipe by its path, or a shipped one by its name.

    Raises:
        InputError: There is none.
    """
    for path in (Path(name), RECIPES / name, RECIPES / f"{name}.toml"):
        if path.is_file():
            return path
    shipped = ", ".join(sorted(path.name for path in RECIPES.glob("*.toml")))
    msg = f"there is no recipe {name}; expected a TOML file or one of the shipped {shipped}"
    raise InputError(msg)


def read_training(path: Path, changes: dict[str, Any] | None = None) -> Training:
    """Read a recipe of any system.

    Args:
        path: The TOML file.
        changes: Keys of its top table that are replaced.

    Raises:
        InputError: It is no recipe, or it names no system that is here.
    """
    table = read_table(path) | (changes or {})
    system = table.pop("system", None)
    if system not in SYSTEMS:
        msg = (
            f"{path} says system = {system!r}; expected one of {', '.join(SYSTEMS)}; correct the "
            "recipe"
        )
        raise InputError(msg)
    return SYSTEMS[system](table, str(path))
