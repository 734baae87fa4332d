import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from speech2face.checkpoints import store
from speech2face.errors import Speech2FaceWarning, WeightsError
from speech2face.jobs.provenance import SYNTHETIC_TAGS, sidecar, sidecar_path


@dataclass(frozen=True)
class Settings:
    fps: Fraction
    timeline: Path | None


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a video")
    return path


def test_the_sidecar_names_output_inputs_settings_and_weights(tmp_path: Path, output: Path) -> None:
    portrait = tmp_path / "anna.png"
    portrait.write_bytes(b"a picture")
    weights = sorted(store.manifest())[:1]
    settings = {
        "seed": 7,
        "emotion": "happy:0.7",
        "video": Settings(fps=Fraction(30000, 1001), timeline=Path("/home/anna/t.toml")),
        "box": (1, np.float32(2.5), np.arange(2)),
        "consent": None,
    }

    sidecar(output, settings, {"portrait": portrait}, weights)

    told = json.loads((tmp_path / "clip.json").read_text(encoding="utf-8"))
    assert told["synthetic"] is True
    assert told["output"] == {
        "file": "clip.mp4", "bytes": 7, "sha256": hashlib.sha256(b"a video").hexdigest()
    }  # fmt: skip
    assert told["inputs"]["portrait"]["sha256"] == hashlib.sha256(b"a picture").hexdigest()
    assert told["settings"] == {
        "seed": 7,
        "emotion": "happy:0.7",
        "video": {"fps": "30000/1001", "timeline": "t.toml"},
        "box": [1, 2.5, [0, 1]],
        "consent": None,
    }
    assert told["weights"][weights[0]]["sha256"] == store.manifest()[weights[0]].sha256
    assert set(told["software"]) >= {"python", "torch", "numpy"}


def test_no_folder_of_the_user_is_told(tmp_path: Path, output: Path) -> None:
    sidecar(output, {"sound": tmp_path / "a.wav"}, {"sound": output}, [])

    assert str(tmp_path) not in (tmp_path / "clip.json").read_text(encoding="utf-8")


def test_a_second_run_replaces_its_sidecar(tmp_path: Path, output: Path) -> None:
    sidecar(output, {"seed": 1}, {}, [])
    sidecar(output, {"seed": 2}, {}, [])

    assert json.loads((tmp_path / "clip.json").read_text(encoding="utf-8"))["settings"] == {
        "seed": 2
    }


@pytest.mark.parametrize("content", ['{"blink": []}', "[1]", "no JSON"])
def test_another_file_of_that_name_is_never_touched(
    tmp_path: Path, output: Path, content: str
) -> None:
    timeline = tmp_path / "clip.json"
    timeline.write_text(content)

    with pytest.warns(Speech2FaceWarning, match=r"clip\.mp4\.json"):
        sidecar(output, {}, {}, [])

    assert timeline.read_text() == content
    assert sidecar_path(output) == tmp_path / "clip.mp4.json"
    assert sidecar_path(output).exists()


def test_what_could_not_be_read_back_is_refused(output: Path) -> None:
    with pytest.raises(TypeError, match="object"):
        sidecar(output, {"thing": object()}, {}, [])
    with pytest.raises(WeightsError, match="nothing"):
        sidecar(output, {}, {}, ["nothing"])


def test_the_tag_uses_iptcs_address() -> None:
    address = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

    assert SYNTHETIC_TAGS["digitalSourceType"] == address
