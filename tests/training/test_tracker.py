"""The tracker's network and its training, at toy size, on drawn faces."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from speech2face.checkpoints.store import manifest, read_weights
from speech2face.errors import InputError
from speech2face.evaluation.tracker import Row, compare
from speech2face.face.mirror import MIRROR
from speech2face.face.normalize import Head
from speech2face.face.rig import load_rig
from speech2face.geometry import rotation_matrix
from speech2face.models.tracker import RegressorConfig, ShapeRegressor, TrackerNetwork
from speech2face.synthesis.neutral import read_picture
from speech2face.training.loop.loop import run
from speech2face.training.tracker.augment import bend, photograph
from speech2face.training.tracker.data import Batch, TrackerData, normalize_points
from speech2face.training.tracker.labels import (
    Sample,
    _spread,
    clip_samples,
    label_folder,
    portrait_samples,
)
from speech2face.training.tracker.task import TrackerRecipe, TrackerTask, part_loss, ship

TINY = TrackerRecipe(
    steps=4, cooldown=2, every=2, faces=4, mouths=3, eyes=3, shapes=12, bfloat16=()
)  # fmt: skip


def drawn(seed: int) -> Sample:
    """Dots where the points are: a face that even a toy network can read."""
    rng = np.random.default_rng(seed)
    rig = load_rig()
    weights = np.zeros(len(rig.names), np.float32)
    weights[rig.index("jawOpen")] = rng.uniform(0, 1)
    pose = rotation_matrix(rng.normal(0, 12, 3))
    head = Head(scale=60.0, rotation=pose, translation=np.array([100, 90, 0.0]))
    mesh = head.to_image(rig.pose(weights)).astype(np.float32)
    image = np.full((200, 200, 3), 60, np.uint8)
    for x, y, _ in mesh:
        cv2.circle(image, (round(float(x)), round(float(y))), 2, (220, 180, 150), -1)
    return Sample(image=image, mesh=mesh, group="portrait" if seed % 3 else f"s{seed}")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [drawn(seed) for seed in range(12)]


def toy_network() -> TrackerNetwork:
    sizes = {"channels": (4, 8, 8), "hidden": 8, "modes": 4}
    return TrackerNetwork(
        RegressorConfig(size=48, points=478, dims=3, score=True, **sizes),
        RegressorConfig(size=32, points=80, dims=2, **sizes),
        RegressorConfig(size=32, points=37, dims=2, **sizes),
    )


def toy_task(samples: list[Sample]) -> TrackerTask:
    return TrackerTask(samples, TINY, toy_network())


def toy_regressor(**changes: object) -> ShapeRegressor:
    sizes = {"size": 32, "channels": (8, 8), "hidden": 16, "modes": 3, "points": 5, "dims": 2}
    return ShapeRegressor(RegressorConfig(**{**sizes, **changes}))


def test_a_regressor_starts_at_its_mean_shape() -> None:
    regressor = toy_regressor().eval()
    mean = torch.rand(5, 2)
    regressor.set_shapes(mean, torch.zeros(3, 5, 2))

    points, score = regressor(torch.rand(2, 3, 32, 32))

    torch.testing.assert_close(points, mean.expand(2, 5, 2))
    assert score.tolist() == [0, 0]


def test_a_modes_coefficient_adds_that_mode() -> None:
    regressor = toy_regressor().eval()
    modes = torch.rand(3, 5, 2)
    regressor.set_shapes(torch.zeros(5, 2), modes)
    torch.nn.init.zeros_(regressor.modes.weight)
    regressor.modes.bias.data = torch.tensor([0.0, 2.0, -1.0])

    points, _ = regressor(torch.rand(1, 3, 32, 32))

    torch.testing.assert_close(points[0], 2 * modes[1] - modes[2])


def test_every_parameter_learns() -> None:
    regressor = toy_regressor(score=True)
    batch = Batch(
        images=torch.rand(4, 3, 32, 32),
        points=torch.rand(4, 5, 2),
        unit=torch.tensor([1, 1, 0, 1.0]),
    )

    part_loss(regressor, batch, torch.ones(5)).backward()

    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in regressor.parameters())


def test_points_of_a_cut_without_a_face_do_not_count() -> None:
    regressor = toy_regressor(score=True).eval()
    images, points = torch.rand(2, 3, 32, 32), torch.rand(2, 5, 2)
    unit = torch.tensor([1.0, 0.0])
    far = points.clone()
    far[1] += 100

    with torch.no_grad():
        near_loss = part_loss(
            regressor, Batch(images=images, points=points, unit=unit), torch.ones(5)
        )
        far_loss = part_loss(regressor, Batch(images=images, points=far, unit=unit), torch.ones(5))

    torch.testing.assert_close(near_loss, far_loss)


def test_one_batch_can_be_learnt_by_heart() -> None:
    torch.manual_seed(0)
    regressor = toy_regressor()
    batch = Batch(images=torch.rand(4, 3, 32, 32), points=torch.rand(4, 5, 2), unit=torch.ones(4))
    regressor.set_shapes(batch.points.mean(0), torch.randn(3, 5, 2) * 0.2)
    optimizer = torch.optim.Adam(regressor.parameters(), 5e-3)
    first = float(part_loss(regressor, batch, torch.ones(5)).detach())

    for _ in range(120):
        optimizer.zero_grad()
        loss = part_loss(regressor, batch, torch.ones(5))
        loss.backward()
        optimizer.step()

    assert float(loss.detach()) < 0.15 * first


def test_cuts_show_their_points(samples: list[Sample]) -> None:
    data = TrackerData(samples, np.random.default_rng(0))
    for name, part in TrackerNetwork().parts().items():
        batch = data.batch(name, part.config, 6)

        face = batch.unit > 0
        assert batch.images.shape == (6, 3, part.config.size, part.config.size)
        assert batch.points.shape == (6, part.config.points, part.config.dims)
        assert (batch.points[face].abs() < 1.5).all()


def test_a_mirrored_cut_has_its_left_eye_at_the_left(samples: list[Sample]) -> None:
    data = TrackerData(samples, np.random.default_rng(0))

    batch = data.batch("face", TrackerNetwork().face.config, 24)

    shown = batch.points[batch.unit > 0]
    assert (shown[:, 33, 0] < shown[:, 263, 0]).all()
    assert (shown[:, 61, 0] < shown[:, 291, 0]).all()


def test_some_cuts_show_no_face(samples: list[Sample]) -> None:
    data = TrackerData(samples, np.random.default_rng(0))

    batch = data.batch("face", TrackerNetwork().face.config, 60)

    assert 1 <= int((batch.unit == 0).sum()) <= 15
    assert not batch.points[batch.unit == 0].any()


def test_bending_moves_points_with_the_picture() -> None:
    rng = np.random.default_rng(3)
    points = np.array([[20.0, 20], [64, 40], [90, 100]])
    image = np.zeros((128, 128, 3), np.uint8)
    for x, y in points:
        cv2.circle(image, (int(x), int(y)), 4, (255, 255, 255), -1)

    bent, moved = bend(image, points, 0.03, rng)

    assert np.abs(moved - points).max() > 1
    for x, y in moved:
        left, top = int(x) - 10, int(y) - 10
        patch = bent[top : top + 21, left : left + 21, 0].astype(float)
        rows, columns = np.mgrid[:21, :21]
        centre = [(patch * columns).sum() / patch.sum(), (patch * rows).sum() / patch.sum()]
        np.testing.assert_allclose([left + centre[0], top + centre[1]], [x, y], atol=0.6)


def test_a_picture_taken_again_keeps_its_size_and_changes() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (48, 48, 3), np.uint8)

    again = [photograph(image, rng) for _ in range(40)]

    assert all(picture.shape == image.shape and picture.dtype == np.uint8 for picture in again)
    assert len({picture.tobytes() for picture in again}) == 40


def test_the_same_seed_draws_the_same_batch(samples: list[Sample]) -> None:
    config = TrackerNetwork().mouth.config
    first, second = (
        TrackerData(samples, np.random.default_rng(5)).batch("mouth", config, 3) for _ in range(2)
    )

    assert torch.equal(first.images, second.images)


def test_a_step_is_decided_by_its_randomness_alone(samples: list[Sample]) -> None:
    def losses(task: TrackerTask) -> dict[str, float]:
        found = task.losses(3, np.random.default_rng(7), torch.device("cpu"))
        return {name: float(loss.detach()) for name, loss in found.items()}

    network = toy_network().eval()
    used, fresh = (TrackerTask(samples, TINY, network) for _ in range(2))
    losses(used)

    assert losses(used) == losses(fresh)
    assert losses(used).keys() == {"face", "mouth", "eye"}


def test_what_was_learnt_ships_as_the_tracker(samples: list[Sample], tmp_path: Path) -> None:
    weights = run(toy_task(samples), TINY, tmp_path / "run", device="cpu")
    learnt = toy_network()
    learnt.load_state_dict(read_weights(weights)[0])

    ship(weights, tmp_path)

    tensors, config = read_weights(tmp_path / "tracker.safetensors")
    again = toy_network()
    again.load_state_dict(tensors)
    assert manifest(tmp_path)["tracker"].command.startswith("speech2face train tracker.toml")
    assert config["face"]["points"] == 478
    assert config["pixel_centres"]
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(
        again.eval().eye(image)[0], learnt.eval().eye(image)[0], atol=5e-3, rtol=0
    )


def write_data(folder: Path) -> tuple[Path, Path]:
    """Three portraits and a clip with labels as the teacher would leave them."""
    data, labels = folder / "data", folder / "labels"
    (data / "portraits").mkdir(parents=True)
    (data / "grid" / "s1").mkdir(parents=True)
    (labels / "grid").mkdir(parents=True)
    sample = drawn(1)
    names = ["p0001.jpg", "p0009.jpg", "p0012.jpg", "p0013.jpg"]
    for name in names:
        cv2.imwrite(str(data / "portraits" / name), sample.image)
    profile = sample.mesh.copy()
    profile[263, 2] += 1000
    meshes = np.stack([sample.mesh, sample.mesh, profile, sample.mesh])
    np.savez(
        labels / "portraits.npz",
        names=names,
        mesh=meshes,
        presence=np.array([0.99, 0.99, 0.99, 0.2]),
    )
    writer = cv2.VideoWriter(
        str(data / "grid" / "s1" / "one.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (200, 200)
    )
    for _ in range(6):
        writer.write(sample.image)
    writer.release()
    track = np.repeat(sample.mesh[None], 6, 0)
    track[:, 14, 1] += [0, 4, 0, 12, 0, 0]
    track[5] = np.nan
    np.savez(labels / "grid" / "s1_one.npz", mesh=track, presence=np.array([1, 1, 1, 1, 1, 0.0]))
    return data, labels


def test_held_out_unsure_and_turned_portraits_are_not_trained_on(tmp_path: Path) -> None:
    data, labels = write_data(tmp_path)

    assert len(portrait_samples(data, labels, held_out=False)) == 1
    assert len(portrait_samples(data, labels, held_out=True)) == 1


def test_frames_of_clips_differ_and_keep_their_labels_in_place(tmp_path: Path) -> None:
    data, labels = write_data(tmp_path)

    chosen = clip_samples(data, labels, frames=3, held_out=False)

    assert [sample.group for sample in chosen] == ["s1"] * 3
    openings = [sample.mesh[14, 1] - sample.mesh[13, 1] for sample in chosen]
    assert np.ptp(openings) == pytest.approx(12, abs=1e-3)
    for sample in chosen:
        x, y, _ = sample.mesh[4]
        assert sample.image[round(float(y)), round(float(x))].mean() > 150
    assert clip_samples(data, labels, frames=3, held_out=True) == []


def test_rows_far_from_each_other_are_chosen() -> None:
    values = np.array([[0.0], [0.1], [5.0], [0.05], [-4.0]])

    assert set(_spread(values, 3)) >= {2, 4}
    assert len(_spread(values, 9)) == 5


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds neither portraits"):
        label_folder(tmp_path, tmp_path / "labels", tmp_path / "x.task")


def test_a_broken_training_picture_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "p1.jpg"
    broken.write_text("no picture")

    with pytest.raises(InputError, match=r"p1\.jpg is not a picture"):
        read_picture(broken)


def test_normalized_points_have_the_edges_at_one() -> None:
    points = normalize_points(np.array([[-0.5, 31.5, 16.0], [15.5, 15.5, 0]]), 32)

    np.testing.assert_allclose(points, [[-1, 1, 1], [0, 0, 0]], atol=1e-6)


def test_measures_are_shares_of_the_eye_distance() -> None:
    mesh = drawn(1).mesh
    eye = float(np.linalg.norm(mesh[263] - mesh[33]))
    moved = mesh + np.array([0.02 * eye, 0, 0], np.float32)

    measures = compare(moved, mesh)

    np.testing.assert_allclose(measures[:4], 0.02, atol=1e-4)
    np.testing.assert_allclose(measures[4:], 0, atol=1e-3)
    row = Row(name="shifted", errors=measures[None], missed=1).text()
    assert row.startswith("| shifted | 2.00 | 2.00 | 2.00 | 2.00 |")
    assert row.endswith("| 1 of 2 |")


def test_mirrored_meshes_compare_as_equal() -> None:
    mesh = drawn(2).mesh
    there = mesh[MIRROR] * np.array([-1, 1, 1], np.float32)
    back = there[MIRROR] * np.array([-1, 1, 1], np.float32)

    assert compare(back, mesh).max() == 0
