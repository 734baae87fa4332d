"""The rooms of the package and which of them may know which."""

import ast
from pathlib import Path

import pytest

import speech2face

ROOT = Path(speech2face.__file__).parent
LEVELS = (  # from the bottom up: a part imports only parts of the lines above its own
    {"errors", "emotions"},
    {
        "types",
        "timing",
        "geometry",
        "landmarks",
        "devices",
        "signals",
        "configs",
        "checked",
        "steps",
        "sizes",
        "progress",
        "regions",
    },
    {"media"},
    {"models"},
    {"checkpoints"},
    {"face"},
    {"motion"},
    {"sources"},
    {"controls"},
    {"generators"},
    {"stages"},
    {"session"},
    {"synthesis"},
    {"training"},
    {"jobs"},
    {"evaluation"},
    {"serve"},
    {"cli"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LEVELS) for part in parts}
FILES = [file for file in sorted(ROOT.rglob("*.py")) if file != ROOT / "__init__.py"]


def imported_parts(code: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("speech2face.")}


def part_of(file: Path) -> str:
    return file.relative_to(ROOT).with_suffix("").parts[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_imports_only_rooms_below_its_own(file: Path) -> None:
    part = part_of(file)
    level = LEVEL[part]  # a KeyError here: give the new part its level

    imported = imported_parts(file.read_text(encoding="utf-8")) - {part}
    # `from speech2face import __version__` names no room.
    not_lower = {name for name in imported if LEVEL.get(name, -1) >= level}

    assert not not_lower


@pytest.mark.parametrize("room", ["synthesis", "training"])
def test_what_makes_data_and_weights_never_knows_the_pipeline(room: str) -> None:
    files = [file for file in FILES if part_of(file) == room]

    known = {part for file in files for part in imported_parts(file.read_text(encoding="utf-8"))}

    assert files
    assert "jobs" not in known


@pytest.mark.parametrize(
    "line",
    [
        "import speech2face.jobs.animate",
        "from speech2face import jobs",
        "from speech2face.jobs.animate import Speech2Face",
    ],
)
def test_every_way_to_import_a_room_is_seen(line: str) -> None:
    assert imported_parts(line) == {"jobs"}


@pytest.mark.parametrize("folder", sorted({file.parent for file in FILES}), ids=str)
def test_a_folder_holds_what_one_sees_at_once(folder: Path) -> None:
    files = [file.name for file in folder.glob("*.py") if file.name != "__init__.py"]

    assert len(files) <= 16 or folder == ROOT


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_function_is_read_without_scrolling(file: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    # The options of a command are a list, whatever its length: its body counts.
    long = {
        node.name: lines
        for node in functions
        if (lines := (node.end_lineno or 0) - node.body[0].lineno + 1) > 60
    }

    assert not long
