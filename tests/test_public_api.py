"""What `import speech2face` offers, and that it costs nothing."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import speech2face

REPOSITORY = Path(__file__).parents[1]

PUBLIC_NAMES = [
    "Avatar",
    "Clip",
    "DeviceError",
    "DubSettings",
    "Dubbed",
    "GroupClip",
    "InputError",
    "MediaError",
    "NoFaceError",
    "OutputError",
    "Piece",
    "Progress",
    "ReenactSettings",
    "Session",
    "Settings",
    "Speaker",
    "Speech2Face",
    "Speech2FaceError",
    "Speech2FaceWarning",
    "WeightsError",
    "__version__",
]


def modules_after(code: str) -> set[str]:
    """Names of the modules that a fresh interpreter has loaded after running some code."""
    program = f"import sys\n{code}\nsys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return set(done.stderr.split())


def test_the_public_names_are_these() -> None:
    assert speech2face.__all__ == PUBLIC_NAMES


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_every_public_name_can_be_used(name: str) -> None:
    assert getattr(speech2face, name) is not None


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'animate_everything'"):
        _ = speech2face.animate_everything  # type: ignore[attr-defined]


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = modules_after("import speech2face")

    assert "speech2face" in loaded
    assert not loaded & {"torch", "numpy", "typer", "speech2face.jobs.animate"}


@pytest.mark.parametrize("arguments", [["--help"], ["animate", "--help"], ["--version"]])
def test_help_does_not_import_torch(arguments: list[str]) -> None:
    loaded = modules_after(f"from speech2face.__main__ import main\nmain({arguments!r})")

    assert "typer" in loaded
    assert not loaded & {"torch", "numpy", "cv2", "librosa"}


def test_the_version_is_the_one_of_the_project_file() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))

    assert project["project"]["version"] == speech2face.__version__


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(speech2face.__file__).parent / "py.typed").exists()
