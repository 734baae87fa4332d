"""Public checkpoints: read without running them, converted without losing or inventing a tensor."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from public_checkpoints import named_weights, sadtalker, zhang
from safetensors.torch import save_file

from speech2face.checkpoints import library
from speech2face.checkpoints.containers import read_container
from speech2face.checkpoints.store import read_weights, write_weights
from speech2face.errors import InputError, OutputError, WeightsError
from speech2face.generators.facevid2vid.network import PRESETS
from speech2face.generators.facevid2vid.system import SYSTEM
from speech2face.generators.imported.importer import expected
from speech2face.generators.registry import convert

SPECS = os.environ.get("SPEECH2FACE_SPECS")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "weights"
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(place))
    return place


def test_zhangs_container_keeps_every_tensor(tmp_path: Path):
    converted = convert([zhang(tmp_path / "00000189-checkpoint.pth.tar")])

    assert converted.preset == "tiny"
    assert converted.layout == "zhang"
    assert converted.config["network"]["mask_floor"] == 0
    assert "BY-NC" in converted.config["licence"]
    for network in SYSTEM.networks:
        for key, value in named_weights(network, PRESETS["tiny"]).items():
            assert torch.equal(converted.tensors[f"{network}.{key}"], value), key


def test_what_a_file_holds_beside_the_networks_is_named(tmp_path: Path):
    path = zhang(tmp_path / "model.pth.tar")

    report = "\n".join(convert([path]).report)

    for word in ("discriminator", "optimizer_generator", "epoch", "num_batches_tracked"):
        assert word in report


def test_the_original_decoder_and_bare_names_are_recognised(tmp_path: Path):
    path = zhang(tmp_path / "model.pth.tar", "tiny-original", prefix="", counters=True)

    converted = convert([path])

    assert converted.preset == "tiny-original"
    assert converted.config["network"]["decoder"] == "original"
    assert "num_batches_tracked" not in "\n".join(converted.report)


def test_sadtalkers_safetensors_bring_its_conventions_and_no_estimator(tmp_path: Path):
    converted = convert([sadtalker(tmp_path / "SadTalker_V0.0.2_256.safetensors")])

    network = converted.config["network"]
    assert converted.layout == "sadtalker"
    assert network["mask_floor"] == 1e-3
    assert network["keypoint_rule"] == "sadtalker"
    assert converted.config["networks"] == ["generator", "kp_detector"]
    assert any("audio2exp" in line and "2 tensors" in line for line in converted.report)
    assert "Apache" in converted.config["licence"]


def test_a_second_file_adds_only_what_the_first_lacks(tmp_path: Path):
    first = sadtalker(tmp_path / "sadtalker.safetensors")
    second = zhang(tmp_path / "facevid2vid_00189-model.pth.tar")

    converted = convert([first, second])

    assert converted.config["networks"] == ["generator", "he_estimator", "kp_detector"]
    assert converted.config["network"]["keypoint_rule"] == "sadtalker"
    assert [source["file"] for source in converted.config["sources"]] == [first.name, second.name]
    assert any("generator of facevid2vid_00189" in line for line in converted.report)


def test_the_side_of_the_picture_can_be_told_because_no_tensor_shows_it(tmp_path: Path):
    path = sadtalker(tmp_path / "any.safetensors")

    assert convert([path]).config["network"]["size"] == 64
    assert convert([path], size=128).config["network"]["size"] == 128
    with pytest.raises(InputError, match="halved"):
        convert([path], size=100)


def _changed(path: Path, change: Callable[[dict], None]) -> Path:
    saved = torch.load(zhang(path), weights_only=True)
    change(saved)
    torch.save(saved, path)
    return path


def test_a_missing_tensor_is_named(tmp_path: Path):
    path = _changed(
        tmp_path / "m.pth.tar", lambda saved: saved["kp_detector"].pop("module.kp.weight")
    )

    with pytest.raises(WeightsError, match=r"kp_detector lacks 1 of .* \(kp.weight\)"):
        convert([path])


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tmp_path: Path):
    def change(saved: dict) -> None:
        saved["generator"]["module.fourth.bias"] = torch.zeros(3)

    path = _changed(tmp_path / "m.pth.tar", change)

    with pytest.raises(WeightsError, match=r"generator.fourth.bias has the shape \(3,\), expected"):
        convert([path])


def test_a_tensor_that_no_network_knows_is_reported_and_not_imported(tmp_path: Path):
    def change(saved: dict) -> None:
        saved["generator"]["module.extra.weight"] = torch.zeros(3)

    converted = convert([_changed(tmp_path / "m.pth.tar", change)])

    assert any("not understood" in line and "extra.weight" in line for line in converted.report)
    assert not any("extra" in key for key in converted.tensors)


class _Code:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (os.mkdir, (str(self.path),))


def test_pickled_code_is_refused_and_never_run(tmp_path: Path):
    path = tmp_path / "evil.pth.tar"
    torch.save({"generator": {"x": torch.zeros(1)}, "surprise": _Code(tmp_path / "ran")}, path)

    with pytest.raises(WeightsError, match="pickled code of strangers is not run"):
        convert([path])
    assert not (tmp_path / "ran").exists()


def test_files_of_other_kinds_end_in_one_line(tmp_path: Path):
    noise, other, missing = (tmp_path / name for name in ("noise.pth", "list.pth", "absent.pth"))
    noise.write_bytes(b"<html>not found</html>")
    torch.save([torch.zeros(2)], other)
    torn = sadtalker(tmp_path / "torn.safetensors")
    torn.write_bytes(torn.read_bytes()[:5000])
    foreign = tmp_path / "foreign.safetensors"
    save_file({"unet.weight": torch.zeros(2)}, foreign)

    for path, words in (
        (noise, "web page|page"),
        (other, "holds list, expected a dict"),
        (torn, "damaged safetensors"),
        (foreign, "holds no network that is known .but unet"),
    ):
        with pytest.raises(WeightsError, match=words) as caught:
            convert([path])
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="does not exist"):
        convert([missing])


def test_only_wanted_networks_are_loaded(tmp_path: Path):
    container = read_container(sadtalker(tmp_path / "s.safetensors"), ["generator"])

    assert set(container.states) == {"generator"}
    assert container.flat
    assert container.others["audio2exp"] == 2


def test_import_lists_verifies_and_refuses_to_overwrite(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture
):
    from speech2face.__main__ import main

    path = zhang(tmp_path / "checkpoint.pth.tar")

    assert main(["weights", "import", str(path), "--name", "toy"]) == 0
    told = capsys.readouterr()
    assert str(folder / "toy.safetensors") in told.out
    assert "not for commercial use" in told.err
    assert "facevid2vid:toy" in told.err
    assert main(["weights", "list"]) == 0
    assert "toy" in capsys.readouterr().out
    assert main(["weights", "verify"]) == 0
    assert "toy: whole" in capsys.readouterr().out
    assert main(["weights", "import", str(path), "--name", "toy"]) == 7
    assert main(["weights", "import", str(path), "--name", "toy", "-y", "--licence", "MIT"]) == 0
    assert library.find("toy").licence == "MIT"


@pytest.mark.usefixtures("folder")
def test_an_import_without_estimator_says_what_that_means(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    from speech2face.__main__ import main

    path = sadtalker(tmp_path / "s.safetensors")

    assert main(["weights", "import", str(path), "--name", "sad"]) == 0
    assert "no head-pose estimator" in capsys.readouterr().err


def test_imported_weights_that_were_changed_are_refused(tmp_path: Path, folder: Path):
    from speech2face.__main__ import main

    main(["weights", "import", str(zhang(tmp_path / "c.pth.tar")), "--name", "toy"])
    path = folder / "toy.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(WeightsError, match="import it again"):
        library.find("toy")
    assert main(["weights", "verify", "toy"]) == 6
    path.unlink()
    with pytest.raises(WeightsError, match=r"toy.safetensors is missing"):
        library.find("toy")


@pytest.mark.usefixtures("folder")
def test_weights_are_found_by_name_or_path(tmp_path: Path):
    path = tmp_path / "mine.safetensors"
    write_weights(path, {"x": torch.zeros(1)}, {"kind": "other", "licence": "MIT"})

    assert library.find(str(path)).licence == "MIT"
    assert library.find(str(path)).trained_on == "unknown"
    with pytest.raises(WeightsError, match="there is no weight file"):
        library.find(str(tmp_path / "absent.safetensors"))
    with pytest.raises(WeightsError, match=r"no weights named 'absent' .*none yet"):
        library.find("absent")


@pytest.mark.parametrize("name", ["fast", "warp", "../up", "a.b", "Ünlü", ""])
@pytest.mark.usefixtures("folder")
def test_a_name_that_could_not_be_found_again_is_refused(name: str):
    with pytest.raises(InputError, match="cannot be used for weights"):
        library.prepare_folder(name=name, overwrite=False)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path / "file" / "weights"))

    with pytest.raises(OutputError, match=library.FOLDER_VARIABLE):
        library.prepare_folder(name="toy", overwrite=False)


def test_without_the_variable_weights_live_where_the_system_keeps_data(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv(library.FOLDER_VARIABLE, raising=False)

    assert library.weights_folder().name == "weights"
    assert "speech2face" in str(library.weights_folder())


@pytest.mark.skipif(SPECS is None, reason="SPEECH2FACE_SPECS names no folder of key maps")
@pytest.mark.parametrize(
    ("preset", "entries"),
    [
        ("256", ("generator(spade)", "kp_detector")),
        ("256-original", ("generator(original)", "kp_detector")),
        ("beta", ("generator(original)", "kp_detector(beta,scale1)")),
    ],
)
def test_full_size_containers_of_the_published_names_are_recognised(
    preset: str, entries: tuple[str, str], tmp_path: Path
):
    keys = json.loads((Path(str(SPECS)) / "keys" / "facevid2vid_vox256.json").read_text())
    names = dict(zip(("generator", "kp_detector"), entries, strict=True))
    states = {
        ours: {
            key: torch.zeros((), dtype=getattr(torch, kind)).expand(shape)
            for key, (shape, kind) in keys[theirs].items()
        }
        for ours, theirs in (names | {"he_estimator": "he_estimator"}).items()
    }
    path = tmp_path / "full.pth.tar"
    torch.save(states, path)  # a tensor expanded from one number is saved as one number

    converted = convert([path])

    assert converted.preset == preset
    assert not any("not understood" in line for line in converted.report)
    assert len(converted.tensors) == sum(map(len, states.values()))


def test_importing_gives_equal_bytes_for_equal_content(tmp_path: Path):
    path = zhang(tmp_path / "c.pth.tar")
    written = []
    for name in ("a", "b"):
        converted = convert([path])
        library.add(
            tmp_path / f"{name}.safetensors",
            converted.tensors,
            converted.config,
            what="",
            command="",
        )
        written.append((tmp_path / f"{name}.safetensors").read_bytes())

    assert written[0] == written[1]
    tensors, config = read_weights(tmp_path / "a.safetensors")
    assert config["kind"] == "facevid2vid"
    assert set(tensors) == {
        f"{network}.{key}"
        for network in SYSTEM.networks
        for key in expected(SYSTEM, PRESETS["tiny"], network)
    }
