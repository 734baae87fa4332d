import hashlib
import json
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from speech2face.checkpoints import store
from speech2face.errors import InputError, OutputError, Speech2FaceWarning, WeightsError
from speech2face.jobs.provenance import SYNTHETIC_TAGS, sidecar, sidecar_path
from speech2face.media.inputs import open_input


@dataclass(frozen=True)
class Settings:
    fps: Fraction
    timeline: Path | None


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a video")
    return path


def write(
    output: Path, settings: dict, inputs: dict, weights: list[str], *, overwrite: bool = False
) -> Path:
    """Write a sidecar as the writer of videos does."""
    path = sidecar_path(output, inputs=inputs.values(), overwrite=overwrite)
    path.write_bytes(sidecar(output, settings, inputs, weights, path=path).content(output))
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

    write(output, settings, {"portrait": portrait}, weights)

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
    write(output, {"sound": tmp_path / "a.wav"}, {"sound": output}, [])

    assert str(tmp_path) not in (tmp_path / "clip.json").read_text(encoding="utf-8")


def test_a_second_run_replaces_its_sidecar_when_asked(tmp_path: Path, output: Path) -> None:
    write(output, {"seed": 1}, {}, [])
    with pytest.raises(OutputError, match="exists already"):
        write(output, {"seed": 2}, {}, [])
    write(output, {"seed": 2}, {}, [], overwrite=True)

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
        assert write(output, {}, {}, []) == tmp_path / "clip.mp4.json"

    assert timeline.read_text() == content


@pytest.mark.parametrize("overwrite", [False, True])
def test_where_both_names_are_other_files_the_output_is_refused(
    tmp_path: Path, output: Path, overwrite: bool
) -> None:
    for name in ("clip.json", "clip.mp4.json"):
        (tmp_path / name).write_text('{"blink": []}')

    with pytest.warns(Speech2FaceWarning), pytest.raises(OutputError, match="another file"):
        sidecar_path(output, overwrite=overwrite)
    with pytest.warns(Speech2FaceWarning), pytest.raises(InputError, match="is an input"):
        sidecar_path(output, inputs=[tmp_path / "clip.mp4.json"], overwrite=overwrite)


def test_mp4_and_m4v_have_sidecars_of_their_own(tmp_path: Path) -> None:
    names = [sidecar_path(tmp_path / name, overwrite=False).name for name in ("a.mp4", "a.m4v")]

    assert names == ["a.json", "a.m4v.json"]


def test_a_name_that_is_no_text_is_told_escaped(output: Path) -> None:
    settings = {"timeline": Path(os.fsdecode(b"t\xff.toml"))}

    told = json.loads(write(output, settings, {}, []).read_text(encoding="utf-8"))

    assert told["settings"] == {"timeline": "t\\udcff.toml"}


def test_what_is_hashed_is_what_was_read(tmp_path: Path, output: Path) -> None:
    sound = tmp_path / "a.wav"
    sound.write_bytes(b"as it was")
    opened = open_input(sound, "sound")
    sound.write_bytes(b"another file by now")

    told = json.loads(write(output, {}, {"sound": opened}, []).read_text(encoding="utf-8"))

    assert told["inputs"]["sound"]["sha256"] == hashlib.sha256(b"as it was").hexdigest()


def test_what_could_not_be_read_back_is_refused(output: Path) -> None:
    with pytest.raises(TypeError, match="object"):
        write(output, {"thing": object()}, {}, [])
    with pytest.raises(WeightsError, match="nothing"):
        write(output, {}, {}, ["nothing"])


def test_the_tag_uses_iptcs_address() -> None:
    address = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

    assert SYNTHETIC_TAGS["digitalSourceType"] == address
