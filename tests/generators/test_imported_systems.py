"""Every system with imported weights, from a file in its makers' layout to a talking video."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from clips import ffmpeg
from public_checkpoints import dagan, dagan_depth, fomm, x2face, zhang

from speech2face.__main__ import main
from speech2face.checkpoints import library
from speech2face.errors import InputError, WeightsError
from speech2face.face.choose import prepare_view
from speech2face.face.rig import Rig
from speech2face.face.track import FaceTracker
from speech2face.face.view import View
from speech2face.generators import registry
from speech2face.generators.base import Generator
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.reenact.settings import ReenactSettings
from speech2face.media.image import read_image
from speech2face.media.sound.audio import read_speech
from speech2face.motion.motion import Motion
from speech2face.training.calibration.calibrate import calibrate
from speech2face.training.calibration.fit import CalibrationPlan
from speech2face.training.calibration.motion import MotionPlan
from speech2face.types import Speech

CPU = torch.device("cpu")
SHORT = CalibrationPlan(motion=MotionPlan(random=20, seconds=0.5), steps=20)


@dataclass(frozen=True)
class Published:
    """A system's file at toy size."""

    kind: str
    file: str
    write: Callable[[Path], Path]
    latent: int


SYSTEMS = (
    Published("fomm", "vox-cpk.pth.tar", fomm, 30),
    Published("dagan", "DaGAN_vox_adv_256.pth.tar", dagan, 30),
    Published("x2face", "x2face_model.pth", x2face, 12),
)
IDS = [system.kind for system in SYSTEMS]
every_system = pytest.mark.parametrize("system", SYSTEMS, ids=IDS)


@pytest.fixture(scope="module")
def face(portrait: Path) -> View:
    return prepare_view(read_image(portrait), FaceTracker.from_pretrained(), size=80)


@pytest.fixture(scope="module")
def sound(cut_speech: Callable[[float], Path]) -> Speech:
    return read_speech(cut_speech(2.0))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "weights"
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(place))
    return place


def bring(system: Published, folder: Path) -> str:
    """Import the system's file and return its generator's name."""
    path = library.prepare_folder(name="toy", overwrite=True)
    converted = registry.convert([system.write(folder.parent / system.file)])
    library.add(path, converted.tensors, converted.config, what="toy", command="none")
    return f"{system.kind}:toy"


@every_system
def test_a_file_is_known_by_its_content_and_keeps_every_tensor(system: Published, folder: Path):
    path = system.write(folder.parent / "renamed.bin")
    saved = torch.load(path, weights_only=True)

    converted = registry.convert([path])

    assert converted.system.kind == converted.config["kind"] == system.kind
    assert converted.preset == "tiny"
    states = {converted.system.aliases.get(name): state for name, state in saved.items()}
    for name in converted.system.networks:
        for key, value in states[name].items():
            plain = key.removeprefix("module.")
            assert torch.equal(converted.tensors[f"{name}.{plain}"], value), key
    left = [line for line in converted.report if line.startswith("left aside")]
    assert len(left) == len(set(saved) - set(converted.system.aliases))


@every_system
def test_a_file_that_is_not_whole_is_refused_by_name(system: Published, folder: Path):
    path = system.write(folder.parent / system.file)
    saved = torch.load(path, weights_only=True)
    theirs = next(name for name in saved if name in registry.convert([path]).system.aliases)
    key = min(saved[theirs])

    def refused(change: Callable[[dict], None], words: str) -> None:
        changed = {name: dict(part) if isinstance(part, dict) else part
                   for name, part in saved.items()}  # fmt: skip
        change(changed)
        torch.save(changed, path)
        with pytest.raises(WeightsError, match=words) as caught:
            registry.convert([path])
        assert "\n" not in str(caught.value)

    refused(
        lambda all_of_it: all_of_it[theirs].pop(key), f"lacks 1 of .*{key.removeprefix('module.')}"
    )
    refused(lambda all_of_it: all_of_it[theirs].update({key: torch.zeros(2, 2)}), "has the shape")
    broken = torch.full_like(saved[theirs][key], torch.nan)
    refused(lambda all_of_it: all_of_it[theirs].update({key: broken}), "not finite")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(WeightsError, match="fetch it again"):
        registry.convert([path])


@every_system
def test_zero_draws_the_source_and_frames_do_not_depend_on_each_other(
    system: Published, folder: Path, face: View
):
    generator = registry.create(bring(system, folder), CPU)
    state = generator.encode([face])
    values = np.random.default_rng(0).normal(0, 0.1, (3, system.latent)).astype(np.float32)
    values[0] = 0

    frames = generator.render(state, values)
    alone = np.concatenate([generator.render(state, row[None]) for row in values])
    followed = generator.read(state, np.stack([face.crop, face.crop[:, ::-1]]), face.crop[None])

    assert isinstance(generator, Generator)
    assert (generator.spec.latent_size, generator.spec.reads) == (system.latent, True)
    assert frames.shape == (3, 80, 80, 3)
    assert np.abs(frames.astype(int) - alone).max() <= 2
    assert np.abs(frames[0].astype(int) - frames[1]).max() > 2
    np.testing.assert_allclose(followed[0], 0, atol=1e-4)
    assert np.abs(followed[1]).max() > 1e-3


@every_system
def test_calibration_makes_motion_latents(
    system: Published, folder: Path, face: View, sound: Speech, rig: Rig
):
    name = bring(system, folder)
    still = Motion.of(np.zeros((1, len(rig.names))))
    with pytest.raises(WeightsError, match=f"run speech2face calibrate --generator {name}"):
        registry.create(name, CPU).drive(registry.create(name, CPU).encode([face]), still)
    assert registry.needs_calibration("toy")

    made = calibrate(name, registry.extractor(name, CPU), [face], sound, plan=SHORT)

    assert not registry.needs_calibration("toy")
    assert registry.weights_of(name) == (name, f"{name}.calibration")
    assert made.errors["network"]["faces"] < made.errors["no motion"]["faces"]
    assert made.unit in made.table()
    generator = registry.create(name, CPU)
    state = generator.encode([face])
    opened = Motion.of(rig.weights(jawOpen=0.8)[None])
    np.testing.assert_allclose(generator.drive(state, still), 0, atol=1e-5)
    assert np.abs(generator.drive(state, opened)).max() > 1e-4


@every_system
def test_another_familys_weights_are_refused_with_their_own_name(system: Published, folder: Path):
    name = bring(system, folder)

    with pytest.raises(WeightsError, match=f"use {name}"):
        registry.require("facevid2vid:toy")
    with pytest.raises(WeightsError, match="holds no face-vid2vid system"):
        registry.create("facevid2vid:toy", CPU)
    with pytest.raises(InputError, match="is ours"):
        registry.extractor("warp", CPU)


@pytest.mark.slow
@every_system
def test_a_portrait_talks_and_follows_a_video(
    system: Published, portrait: Path, speech: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], probe: Callable, face: View, sound: Speech,
):  # fmt: skip
    file = system.write(tmp_path / system.file)
    who = ["--generator", f"{system.kind}:toy", "--size", "64", "--crop", "--device", "cpu"]
    talk, moved, driving = (tmp_path / f"{name}.mp4" for name in ("talk", "moved", "driving"))
    ffmpeg("-loop", "1", "-i", str(portrait), "-t", "0.4", "-r", "10", str(driving))

    assert main(["weights", "import", str(file), "--name", "toy"]) == 0
    assert f"--generator {system.kind}:toy uses it" in capsys.readouterr().err
    extractor = registry.extractor(f"{system.kind}:toy", CPU)
    calibrate(f"{system.kind}:toy", extractor, [face], sound, plan=SHORT)
    assert main(["animate", str(portrait), str(speech), "-o", str(talk), *who]) == 0
    assert main(["reenact", str(portrait), str(driving), "-o", str(moved), *who]) == 0
    assert probe(moved).frames == 4
    own = ["--motion", "own", "-y"]
    assert main(["reenact", str(portrait), str(driving), "-o", str(moved), *who, *own]) == 0
    assert main(["doctor"]) == 0

    told = json.loads(talk.with_suffix(".json").read_text())
    assert probe(talk).frames > 4
    assert probe(moved).frames == 4
    assert set(told["weights"]) >= {f"{system.kind}:toy", f"{system.kind}:toy.calibration"}


def test_an_extractor_of_its_own_follows_the_driver_without_calibration(
    portrait: Path, folder: Path, tmp_path: Path
):
    name = bring(SYSTEMS[0], folder)
    engine, still, moving = Speech2Face.from_pretrained("cpu"), *(
        tmp_path / f"{kind}.mp4" for kind in ("still", "moving")
    )  # fmt: skip
    for path, place in ((still, "20"), (moving, "20+100*t")):
        picture = ["-loop", "1", "-i", str(portrait), "-t", "0.4", "-r", "10"]
        ffmpeg(*picture, "-vf", f"crop=iw-80:ih:{place}:0,format=yuv420p", "-qp", "0", str(path))
    settings = ReenactSettings(motion="own", generator=name, size=64, full=False)

    calm, led = (
        engine.reenact(portrait, path, settings=settings).latents.values for path in (still, moving)
    )

    np.testing.assert_allclose(calm, 0, atol=1e-4)
    assert len(led) == 4
    assert np.abs(led).max() > 1e-3
    assert registry.needs_calibration("toy")
    with pytest.raises(InputError, match="leave out --audio"):
        engine.reenact(portrait, moving, audio=portrait, settings=settings)


def test_either_way_of_sampling_can_be_told(folder: Path):
    path = fomm(folder.parent / "vox-cpk.pth.tar")

    assert registry.convert([path]).config["network"]["align_corners"] is True
    told = registry.convert([path], align_corners=False)
    assert told.config["network"]["align_corners"] is False


def test_half_a_container_is_held_against_the_system_it_resembles(folder: Path):
    for write, kind in ((fomm, "FOMM"), (zhang, "face-vid2vid")):
        path = write(folder.parent / "half.pth.tar")
        saved = torch.load(path, weights_only=True)
        del saved["kp_detector"]
        torch.save(saved, path)

        with pytest.raises(WeightsError, match=f"holds no kp_detector .*of {kind}"):
            registry.convert([path])


def test_the_files_of_dagans_depth_network_are_named_where_they_lack(folder: Path):
    path = dagan(folder.parent / "DaGAN_vox_adv_256.pth.tar", "tiny-spade")
    saved = torch.load(path, weights_only=True)
    torch.save({name: saved[name] for name in ("generator", "kp_detector")}, path)

    with pytest.raises(WeightsError, match=r"no depth_encoder and no depth_decoder.*encoder.pth"):
        registry.convert([path])
    whole = registry.convert([path, *dagan_depth(folder.parent)])

    assert whole.preset == "tiny-spade"
    assert whole.config["networks"] == [
        "depth_decoder", "depth_encoder", "generator", "kp_detector"
    ]  # fmt: skip
    assert any("height" in line for line in whole.report)
