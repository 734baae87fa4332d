"""The data engine on photographs and recordings made of noise, and its command."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import video

from speech2face.cli.app import run
from speech2face.errors import InputError
from speech2face.face.rig import load_rig
from speech2face.geometry import identity_grid, warp
from speech2face.landmarks import RIGHT_IRIS
from speech2face.synthesis.engine import Order, open_source, synthesize
from speech2face.synthesis.pairs import read_identity
from speech2face.synthesis.recordings import choose_frames, frames_of_clip

SIDE = 300


def face(jaw: float = 0.0, blink: float = 0.0) -> np.ndarray:
    rig = load_rig()
    weights = rig.weights(jawOpen=jaw, eyeBlink_L=blink, eyeBlink_R=blink)
    return (rig.pose(weights) * 80 + np.array([150, 120, 0])).astype(np.float32)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs of smooth noise, and where their faces are said to be."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "portraits").mkdir()
    for number in (3, 9):
        rng = np.random.default_rng(number)
        noise = rng.integers(0, 256, (SIDE // 12, SIDE // 12, 3), np.uint8)
        picture = cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "portraits" / f"p000{number}.png"), picture)
    np.savez(folder / "meshes.npz", names=["p0003.png", "p0009.png"], mesh=np.stack([face()] * 2))
    return folder


def order(data: Path, seed: int = 0) -> Order:
    return Order(kind="portraits", data=data, seed=seed, tracks=data / "meshes.npz")


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs")
    assert synthesize(order(data), out) == 2
    return out


def test_photographs_are_animated_with_exact_motion(made: Path):
    import torch

    sample = read_identity(made / "p0003.npz")
    frames = torch.from_numpy(sample.frames).permute(0, 3, 1, 2).float() / 255
    small = torch.nn.functional.avg_pool2d(frames, 4)
    assert sample.flows is not None
    assert sample.visible is not None
    for driving in range(1, 4):
        grid = identity_grid(64, 64) + torch.from_numpy(sample.flows[0, driving]).float()
        seen = torch.from_numpy(sample.visible[0, driving]).bool()
        drawn = warp(small[:1], grid[None])[0]
        error = (drawn - small[driving]).abs().mean(0)[seen].mean()
        still = (small[0] - small[driving]).abs().mean(0)[seen].mean()
        assert error < 0.4 * still
        assert seen.float().mean() > 0.9


def test_the_first_frame_is_the_photograph(data: Path, made: Path):
    sample = read_identity(made / "p0003.npz")
    picture = cv2.imread(str(data / "portraits" / "p0003.png"))[:, :, ::-1]

    assert sample.frames[0].mean() == pytest.approx(picture.mean(), abs=12)
    assert np.abs(sample.coefficients[0]).max() == 0
    assert np.abs(sample.pose[0]).max() == 0
    # Its mesh is the given one, moved and scaled.
    own = sample.meshes[0, :468, :2]
    given = face()[:468, :2]
    gaps = (own - own.mean(0)) / np.ptp(own[:, 1]) - (given - given.mean(0)) / np.ptp(given[:, 1])
    assert np.abs(gaps).max() < 1e-3


def test_irises_turn_with_the_eyes_and_the_head(made: Path):
    sample = read_identity(made / "p0003.npz")
    corners = sample.meshes[:, [362, 263], :2].mean(1)

    moved = sample.meshes[:, RIGHT_IRIS[0], :2] - corners

    assert np.linalg.norm(moved[1:] - moved[0], axis=1).max() > 0.3


def test_held_out_photographs_are_marked(made: Path):
    assert read_identity(made / "p0009.npz").held_out
    assert not read_identity(made / "p0003.npz").held_out


def test_a_run_goes_on_where_it_ended_and_gives_the_same(data: Path, made: Path, tmp_path: Path):
    told = []
    assert synthesize(order(data), tmp_path, count=1) == 1
    first = next(tmp_path.glob("p*.npz"))
    stamp = first.stat().st_mtime_ns

    assert synthesize(order(data), tmp_path, report=lambda *row: told.append(row)) == 2

    assert [row[:2] for row in told] == [(2, 2)]
    assert first.stat().st_mtime_ns == stamp
    for path in tmp_path.glob("p*.npz"):
        assert np.array_equal(read_identity(path).frames, read_identity(made / path.name).frames)


def test_a_folder_of_another_seed_is_left_alone(data: Path, made: Path):
    with pytest.raises(InputError, match="choose another folder"):
        synthesize(order(data, seed=5), made)


@pytest.mark.slow
def test_two_processes_give_what_one_does(data: Path, made: Path, tmp_path: Path):
    assert synthesize(order(data), tmp_path, workers=2) == 2

    for path in made.glob("p*.npz"):
        assert np.array_equal(
            read_identity(path).frames, read_identity(tmp_path / path.name).frames
        )


def test_the_frames_of_a_clip_that_differ_most_are_kept():
    meshes = np.stack([face(jaw=0.1 * np.sin(i / 4) ** 2) for i in range(20)])
    meshes[7], meshes[11] = face(jaw=0.7), face(blink=1.0)

    chosen = choose_frames(meshes, 5)

    assert chosen[0] == 0
    assert {7, 11} <= set(chosen.tolist())
    assert len(set(chosen.tolist())) == 5


def test_all_frames_of_a_clip_are_cut_by_one_square():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (12, SIDE, SIDE, 3), np.uint8)
    meshes = np.stack([face(jaw=0.05 * i) + np.array([0.5 * i, 0, 0]) for i in range(12)]).astype(
        np.float32
    )
    meshes[3] = np.nan

    sample = frames_of_clip(frames, meshes, identity="s1", held_out=False, count=6)

    assert sample.frames.shape == (6, 256, 256, 3)
    assert np.isfinite(sample.meshes).all()
    assert sample.flows is None
    # One scale for all: the meshes move and open, they are not brought to one place.
    assert np.ptp(sample.meshes[:, 168, 0]) > 1


def test_a_clip_whose_face_is_lost_is_refused():
    frames = np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), np.uint8)
    meshes = np.full((12, 478, 3), np.nan, np.float32)

    with pytest.raises(InputError, match="seen in 0 of 12 frames"):
        frames_of_clip(frames, meshes, identity="s1", held_out=False)


def test_recordings_of_unseen_speakers_are_held_out(tmp_path: Path):
    for name in ("s1/a", "s1/b", "s31/a"):
        path = tmp_path / "grid" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        video(path, source=f"testsrc=s={SIDE}x{SIDE}:r=25:d=0.6")
        track = tmp_path / "tracks" / f"{path.parent.name}_{path.stem}.npz"
        track.parent.mkdir(exist_ok=True)
        np.savez(track, mesh=np.stack([face(jaw=0.04 * i) for i in range(15)]))
    source = open_source(Order(kind="grid", data=tmp_path, tracks=tmp_path / "tracks"))

    samples = {name: source.make(name) for name in source.names()}

    held_out = {name for name, sample in samples.items() if sample is not None and sample.held_out}
    assert held_out == {"s1_a", "s31_a"}  # every tenth clip of s1, from the first
    assert source.names(2) == ["s1_a", "s31_a"]
    assert samples["s1_b"] is not None
    assert samples["s1_b"].identity == "s1"


@pytest.mark.parametrize("kind", ["heads", "portraits", "grid"])
def test_missing_material_is_named(kind: str, tmp_path: Path):
    with pytest.raises(InputError, match="give"):
        open_source(Order(kind=kind, data=tmp_path))


def test_an_unknown_kind_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="heads, portraits, grid"):
        open_source(Order(kind="cats", data=tmp_path))


def test_the_command_writes_pairs_and_says_how_many(data: Path, tmp_path: Path, capsys):
    arguments = ["synthesize", "portraits", "--data", str(data), "-o", str(tmp_path / "o")]
    arguments += ["--tracks", str(data / "meshes.npz"), "--count", "1", "--progress", "json"]

    assert run(arguments) == 0

    shown = capsys.readouterr()
    assert shown.out.strip().endswith("1 identities")
    assert '"done": 1' in shown.err
    assert len(list((tmp_path / "o").glob("p*.npz"))) == 1
