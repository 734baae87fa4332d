"""The generator with imported weights, and the registry that knows it by name."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from public_checkpoints import sadtalker, zhang

from speech2face.__main__ import main
from speech2face.checkpoints import library
from speech2face.checkpoints.store import read_weights, write_weights
from speech2face.errors import InputError, WeightsError
from speech2face.face.choose import prepare_view
from speech2face.face.normalize import fit_head
from speech2face.face.track import FaceTracker
from speech2face.face.view import View
from speech2face.generators import registry
from speech2face.generators.base import Generator
from speech2face.generators.facevid2vid.extractor import load_extractor, tracked_pose
from speech2face.generators.facevid2vid.generator import FaceVid2Vid
from speech2face.generators.facevid2vid.head_pose import rotation_matrix
from speech2face.generators.facevid2vid.network import PRESETS, FaceVid2VidGenerator
from speech2face.generators.imported.drive import load_calibration
from speech2face.generators.imported.extractor import pictures, resized
from speech2face.generators.registry import convert, needs_calibration
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.settings import Settings
from speech2face.media.image import read_image
from speech2face.motion.motion import Motion

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def face(portrait: Path) -> View:
    return prepare_view(read_image(portrait), FaceTracker.from_pretrained(), size=80)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "weights"
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(place))
    return place


@pytest.fixture
def bring(tmp_path: Path, folder: Path) -> Callable[[str, Callable], Path]:
    """Import a checkpoint of toy size under a name."""
    assert not folder.exists()

    def run(name: str, write: Callable) -> Path:
        path = library.prepare_folder(name=name, overwrite=True)
        converted = convert([write(tmp_path / f"{name}.pth")])
        library.add(path, converted.tensors, converted.config, what="toy", command="none")
        return path

    return run


def test_frames_have_the_size_of_the_crop_and_zero_draws_the_source(face: View, bring):
    bring("toy", zhang)
    generator = registry.create("facevid2vid:toy", CPU)
    assert isinstance(generator, Generator)
    assert isinstance(generator, FaceVid2Vid)

    state = generator.encode([face])
    frames = generator.render(state, np.zeros((3, generator.spec.latent_size), np.float32))

    network, points = generator.network, state.source.keypoints
    picture = pictures(face.crop[None], generator.extractor.size, CPU)
    with torch.no_grad():
        drawn = network.render(network.encode(picture), points, points)
    pixels = (drawn[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert frames.shape == (3, 80, 80, 3)
    assert (
        np.abs(frames[0].astype(int) - resized(pixels, 80)).max() <= 2
    )  # a batch rounds otherwise
    assert (generator.spec.name, generator.spec.latent_size) == ("facevid2vid:toy", 15)
    assert not network.training


@pytest.mark.parametrize("preset", ["tiny", "tiny-original"])
def test_the_network_is_sped_up_and_its_pictures_are_the_same(
    face: View, bring: Callable, preset: str
):
    path = bring("toy", partial(zhang, preset=preset))
    fast = registry.create("facevid2vid:toy", CPU)
    tensors, config = read_weights(path)
    plain = FaceVid2VidGenerator(PRESETS[preset])
    plain.load_state_dict(
        {k[10:]: v for k, v in tensors.items() if k.startswith("generator.")}, strict=True
    )
    slow = FaceVid2Vid("toy", plain.eval(), fast.extractor)
    values = np.random.default_rng(0).normal(0, 0.1, (2, 15)).astype(np.float32)

    quickly, slowly = (way.render(way.encode([face]), values).astype(int) for way in (fast, slow))

    assert type(fast.network.dense_motion_network) is not type(plain.dense_motion_network)
    assert np.abs(quickly - slowly).max() <= 2
    assert config["network"]["decoder"] == PRESETS[preset].decoder


def test_a_frame_does_not_depend_on_its_neighbours(face: View, bring):
    bring("toy", zhang)
    generator = registry.create("facevid2vid:toy", CPU)
    values = np.random.default_rng(0).normal(0, 0.2, (3, 15)).astype(np.float32)
    state = generator.encode([face])

    together = generator.render(state, values)
    alone = np.concatenate([generator.render(state, row[None]) for row in values])

    assert np.abs(together.astype(int) - alone).max() <= 2
    assert np.abs(together[0].astype(int) - together[1]).max() > 5


def test_the_tracked_pose_is_the_same_rotation_in_the_checkpoints_order(face: View):
    pose = tracked_pose(face, 5, CPU)

    rotation = rotation_matrix(pose, "zhang")[0].numpy()

    # Its radians are degrees / 180 * 3.14: a thousandth off.
    np.testing.assert_allclose(rotation, fit_head(face.mesh).rotation, atol=2e-3)
    assert not pose.t.any()
    assert not pose.exp.any()


def test_a_checkpoint_without_estimator_takes_the_pose_from_our_tracker(face: View, bring):
    bring("sad", sadtalker)
    extractor = load_extractor("sad", CPU)

    source = extractor.source(face)

    torch.testing.assert_close(source.pose.yaw, tracked_pose(face, 5, CPU).yaw)
    with pytest.raises(WeightsError, match="no head-pose estimator"):
        extractor.read(face.crop[None])


def test_other_weights_are_refused_by_what_they_are(tmp_path: Path):
    path = tmp_path / "rig.safetensors"
    write_weights(path, {"x": torch.zeros(1)}, {"kind": "rig"})

    with pytest.raises(WeightsError, match=r"holds no face-vid2vid system \(rig\)"):
        load_extractor(str(path), CPU)


def test_weights_of_another_version_are_refused(bring):
    path = bring("toy", zhang)
    other = path.with_name("other.safetensors")
    write_weights(other, {}, {"kind": "facevid2vid", "network": {"unheard": 1}})

    with pytest.raises(WeightsError, match="import it again"):
        load_extractor(str(other), CPU)


def test_pictures_change_size_without_changing_colour():
    flat = np.full((10, 10, 3), 77, np.uint8)

    assert resized(flat, 10) is flat
    for size in (7, 25):
        assert (resized(flat, size) == 77).all()
        assert resized(flat, size).shape == (size, size, 3)


@pytest.mark.usefixtures("folder")
def test_names_are_spelled_out_and_unknown_ones_refused():
    assert registry.full_name("warp") == "warp"
    assert registry.full_name("facevid2vid:vox") == "facevid2vid:vox"
    for name in ("gan", "warp:x", "facevid2vid:"):
        with pytest.raises(InputError, match=f"there is no generator named '{name}'"):
            registry.full_name(name)
    with pytest.raises(WeightsError, match="no weights named 'vox'"):
        registry.require("facevid2vid:vox")
    registry.require("warp")


def test_the_weights_behind_a_generator_are_named(bring):
    path = bring("toy", zhang)

    assert registry.weights_of("warp") == ("rig", "mouth")
    assert registry.weights_of("facevid2vid:toy") == ("facevid2vid:toy",)
    library.calibration_path(library.find("toy")).write_bytes(b"x")
    assert registry.weights_of("facevid2vid:toy")[1] == "facevid2vid:toy.calibration"
    assert registry.weights_of(f"facevid2vid:{path}")[1].endswith("toy.calibration.safetensors")


def test_weights_with_an_estimator_ask_for_calibration(face: View, bring):
    bring("toy", zhang)
    bring("sad", sadtalker)

    assert needs_calibration("toy")
    assert not needs_calibration("sad")
    generator, still = registry.create("facevid2vid:toy", CPU), Motion.of(np.zeros((1, 60)))
    state = generator.encode([face])
    with pytest.raises(WeightsError, match="run speech2face calibrate --generator facevid2vid:toy"):
        generator.drive(state, still)
    with pytest.raises(WeightsError, match="has not been calibrated"):
        load_calibration("facevid2vid:toy")


def test_the_doctor_looks_at_every_imported_checkpoint(
    bring, folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["doctor"]) == 0
    assert f"checkpoints in {folder}: none" in capsys.readouterr().out
    bring("sad", sadtalker)
    damaged = bring("toy", zhang)
    bring("vox", zhang)

    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "toy is whole" in told
    assert "not calibrated yet" in told
    assert "without a motion extractor" in told

    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert main(["doctor"]) == 6
    told = capsys.readouterr().out
    assert f"FAIL  imported     {damaged} is damaged" in told
    assert "ok    imported     vox is whole" in told

    (folder / "manifest.json").write_text("{")
    assert main(["doctor"]) == 6
    assert "manifest.json is damaged" in capsys.readouterr().out


def test_a_sadtalker_file_animates_without_further_steps(
    portrait: Path, speech: Path, tmp_path: Path, bring, probe: Callable
):
    path = bring("sad", sadtalker)
    engine = Speech2Face.from_pretrained("cpu")
    output = tmp_path / "talk.mp4"

    clip = engine.animate(
        portrait,
        speech,
        output,
        settings=Settings(size=64, full=False, generator="facevid2vid:sad"),
    )

    told = json.loads(output.with_suffix(".json").read_text())
    assert probe(output).frames == len(clip)
    assert told["settings"]["generator"] == "facevid2vid:sad"
    assert told["weights"]["facevid2vid:sad"]["sha256"] == library.find("sad").sha256
    assert told["weights"]["facevid2vid:sad"]["file"] == path.name
    assert np.abs(clip.latents.values).max() > 0.01


def test_the_stages_of_the_command_line_take_imported_weights(
    portrait: Path, speech: Path, tmp_path: Path, bring
):
    bring("sad", sadtalker)
    track, latents, video = (str(tmp_path / name) for name in ("a.npz", "b.npz", "c.mp4"))
    who = ["--generator", "facevid2vid:sad", "--device", "cpu"]

    of = ["--portrait", str(portrait)]
    assert main(["landmarks", str(speech), *of, "-o", track]) == 0
    assert main(["latents", str(portrait), track, "--audio", str(speech), "-o", latents, *who]) == 0
    assert main(["render", str(portrait), latents, "-o", video, "--size", "64", "--crop"]) == 0
    assert Path(video).stat().st_size > 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "status"), [("facevid2vid:absent", 6), ("facevid2vid:/no/file.safetensors", 6)]
)
def test_absent_weights_end_the_command_before_any_work(
    portrait: Path, speech: Path, name: str, status: int, tmp_path: Path
):
    command = ["animate", str(portrait), str(speech), "-o", str(tmp_path / "x.mp4")]

    assert main([*command, "--generator", name]) == status
