"""Calibration: fitted to a known function of the picture it must find it, and be kept with care."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from public_checkpoints import sadtalker, zhang
from toy_extractor import toy_extractor

from speech2face import Settings, Speech2Face, Speech2FaceWarning
from speech2face.__main__ import main
from speech2face.checkpoints import library
from speech2face.errors import InputError, WeightsError
from speech2face.face.choose import prepare_view
from speech2face.face.rig import load_rig
from speech2face.face.track import FaceTracker
from speech2face.face.view import View
from speech2face.generators import registry
from speech2face.generators.facevid2vid.generator import FaceVid2Vid
from speech2face.generators.facevid2vid.network import FaceVid2VidGenerator
from speech2face.generators.imported.drive import load_calibration
from speech2face.generators.registry import convert, needs_calibration
from speech2face.generators.warp.latents import pack
from speech2face.media.image import read_image
from speech2face.media.sound.audio import read_speech
from speech2face.motion.motion import Motion
from speech2face.training.calibration import calibrate as calibration
from speech2face.training.calibration.calibrate import Calibrated, calibrate, fit
from speech2face.training.calibration.fit import CalibrationPlan
from speech2face.training.calibration.motion import (
    DESIGNED,
    RANDOM,
    SPOKEN,
    MotionPlan,
    plan_motion,
)
from speech2face.types import Speech, cut

CPU = torch.device("cpu")
SHORT = CalibrationPlan(motion=MotionPlan(random=60, seconds=2.0, every=1), steps=80)


@pytest.fixture(scope="module")
def face(portrait: Path) -> View:
    return prepare_view(read_image(portrait), FaceTracker.from_pretrained(), size=64)


@pytest.fixture(scope="module")
def sound(cut_speech) -> Speech:
    return read_speech(cut_speech(2.0))


@pytest.fixture(scope="module")
def fitted(face: View, sound: Speech) -> Calibrated:
    return fit(toy_extractor(), [face], sound, plan=SHORT)


def test_held_out_motion_is_predicted_far_better_than_none(fitted: Calibrated):
    errors = fitted.errors

    for kind in ("speech", "faces"):
        assert errors["network"][kind] < 0.5 * errors["no motion"][kind]
        assert errors["network"][kind] <= 1.02 * errors["linear"][kind]
    assert "no motion" in fitted.table()
    assert "network without sound" in fitted.table()
    assert not fitted.network.training


def test_the_fit_is_the_same_for_the_same_seed(fitted: Calibrated, face: View, sound: Speech):
    again = fit(toy_extractor(), [face], sound, plan=SHORT)

    assert again.errors == fitted.errors


def test_what_was_fitted_reproduces_what_the_extractor_reads(fitted: Calibrated, face: View):
    rig, extractor = load_rig(), toy_extractor()
    motion = Motion.of(
        np.stack([rig.weights(jawOpen=0.4 + 0.1 * row) for row in range(5)]),
        pose=np.array([[-8.0, 0, 0], [8, 0, 0], [0, 5, 0], [0, -5, 0], [0, 0, 4]]),
    )
    from speech2face.generators.warp.generator import WarpGenerator

    generator = WarpGenerator(CPU)
    frames = generator.render(generator.encode([face]), pack(motion))
    read = (extractor.read(frames).exp - extractor.source(face).pose.exp).numpy()

    network = FaceVid2VidGenerator(extractor.config).eval()
    calibrated = FaceVid2Vid("toy", network, extractor, fitted.network)
    predicted = calibrated.drive(calibrated.encode([face]), motion)

    assert np.linalg.norm(predicted.reshape(5, 5, 3) - read) < 0.5 * np.linalg.norm(read)


def test_several_faces_teach_the_network_to_look_at_the_face(face: View, sound: Speech):
    mirrored = np.ascontiguousarray(face.image[:, ::-1])
    other = prepare_view(mirrored, FaceTracker.from_pretrained(), size=64)
    seeing = toy_extractor()
    seeing.detector = seeing.estimator.spots  # canonical keypoints that differ from face to face
    plan = CalibrationPlan(motion=MotionPlan(random=20, seconds=1.0), steps=20)

    both = fit(seeing, [face, other], sound, plan=plan)

    assert both.network.source_gain.any()
    assert both.errors["network"]["faces"] < both.errors["no motion"]["faces"]


def test_the_plan_shows_every_channel_every_emotion_and_every_axis(face: View, sound: Speech):
    rig = load_rig()
    rng = np.random.default_rng(0)

    motion = plan_motion(rig, face, sound, SHORT.motion, rng)

    latents = cut(motion.motion, motion.kind == DESIGNED)
    shown = {rig.names[i] for i in np.flatnonzero(latents.weights.any(0))}
    assert {name for name in rig.names if not name.startswith(("eyeLook", "tongue"))} == shown
    assert latents.pose.any(0).all()
    assert latents.gaze.any(0).all()
    assert motion.motion.emotion.any(0).tolist() == [False] + [True] * 7
    assert {str(kind) for kind in np.unique(motion.kind)} == {DESIGNED, RANDOM, SPOKEN}
    assert motion.sound[motion.kind == SPOKEN].any()
    assert not motion.sound[motion.kind != SPOKEN].any()


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "weights"))
    return _bring(tmp_path, "toy", zhang)


def _bring(folder: Path, name: str, write) -> Path:
    path = library.prepare_folder(name=name, overwrite=True)
    converted = convert([write(folder / f"{name}.pth")])
    library.add(path, converted.tensors, converted.config, what="toy", command="none")
    return path


def test_a_calibration_lies_beside_the_weights_it_was_fitted_for(
    toy: Path, tmp_path: Path, face: View, sound: Speech, capsys: pytest.CaptureFixture[str]
):
    plan = CalibrationPlan(motion=MotionPlan(random=10, seconds=0.5), steps=20)
    name, steps = "facevid2vid:toy", []

    made = calibrate(
        name, registry.extractor(name, CPU), [face], sound,
        plan=plan, told=lambda *said: steps.append(said),
    )  # fmt: skip

    assert made.path == toy.with_name("toy.calibration.safetensors")
    assert not needs_calibration("toy")
    assert "toy.calibration" in library.imported()
    values = load_calibration(name).state_dict()
    assert all(torch.equal(values[key], value) for key, value in made.network.state_dict().items())
    assert {said[2] for said in steps} == {"looking", "fitting"}
    assert main(["doctor"]) == 0
    assert "and calibrated" in capsys.readouterr().out

    converted = convert([zhang(tmp_path / "other.pth", "tiny-original")])
    library.add(toy, converted.tensors, converted.config, what="toy", command="none")

    assert needs_calibration("toy")
    with pytest.raises(WeightsError, match="fitted to other weights"):
        load_calibration(name)


@pytest.mark.usefixtures("toy")
def test_without_a_motion_extractor_there_is_nothing_to_calibrate(
    tmp_path: Path, face: View, sound: Speech
):
    _bring(tmp_path, "sad", sadtalker)

    with pytest.raises(InputError, match="nothing to calibrate"):
        calibrate("facevid2vid:sad", registry.extractor("facevid2vid:sad", CPU), [face], sound)


def test_the_examples_are_found_and_their_absence_is_named():
    assert calibration.example("portrait.png").is_file()
    with pytest.raises(InputError, match="--portraits"):
        calibration.example("absent.png")


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_the_first_use_calibrates_and_the_second_does_not(
    portrait: Path, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    command = ["animate", str(portrait), str(speech), "--generator", "facevid2vid:toy"]
    command += ["--size", "64", "--crop", "--preview", "2", "--device", "cpu"]
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"

    assert main([*command, "-o", str(first)]) == 0
    assert "used for the first time" in capsys.readouterr().err
    assert main([*command, "-o", str(second)]) == 0
    assert "used for the first time" not in capsys.readouterr().err

    told = json.loads(second.with_suffix(".json").read_text())
    assert "facevid2vid:toy.calibration" in told["weights"]
    report = tmp_path / "errors.json"
    again = ["calibrate", "--generator", "facevid2vid:toy", "-o", str(report), "--device", "cpu"]
    assert main([*again, "--portraits", str(portrait), "--speech", str(speech)]) == 0
    assert json.loads(report.read_text()).keys() >= {"no motion", "linear", "network"}
    assert main([*again, "--progress", "none"]) == 7


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_the_first_use_calibrates_in_python_too():
    engine, settings = Speech2Face.from_pretrained("cpu"), Settings(generator="facevid2vid:toy")

    with pytest.warns(Speech2FaceWarning, match="used for the first time"):
        engine.parts(settings)

    assert not needs_calibration("toy")
