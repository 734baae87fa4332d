"""The options of `dub` and `reenact`: the README names them."""

from pathlib import Path

import pytest

from speech2face.configs import settings_of
from speech2face.jobs.dub.settings import DubSettings
from speech2face.jobs.reenact.settings import ReenactSettings

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("kind", [DubSettings, ReenactSettings])
def test_the_readme_names_every_option(kind: type) -> None:
    text = README.read_text(encoding="utf-8")

    assert [name for name in settings_of(kind) if f"`--{name.replace('_', '-')}`" not in text] == []
