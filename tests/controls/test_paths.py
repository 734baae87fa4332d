import numpy as np

from speech2face.controls.paths import Beats, Drift, Path


def read(source: Path | Beats | Drift, seconds: np.ndarray) -> np.ndarray:
    return np.stack([source.at(float(now)) for now in seconds])


def test_a_path_goes_from_rest_to_rest_without_a_jump() -> None:
    path = Path(2)
    path.go(np.array([4.0, -2.0]), 1.0, 0.5)
    path.go(np.array([1.0, 0.0]), 1.3, 0.5)  # while the first way is not over

    values = read(path, np.arange(0, 3, 0.01))

    np.testing.assert_array_equal(values[:100], 0)
    np.testing.assert_allclose(values[-1], [1, 0], atol=1e-12)
    assert np.abs(np.diff(values, axis=0)).max() < 0.2
    assert np.abs(np.diff(values, 2, axis=0)).max() < 0.02


def test_beats_rise_to_their_height_add_up_and_are_forgotten() -> None:
    beats = Beats(1)
    beats.add(1.0, 0.2, 0.4, np.array([3.0]))
    beats.add(1.0, 0.2, 0.4, np.array([1.0]))

    values = read(beats, np.array([0.7, 1.0, 1.2, 1.5]))[:, 0]

    np.testing.assert_allclose(values, [0, 4, 2, 0])


def test_what_has_not_begun_can_be_dropped() -> None:
    path, beats = Path(1), Beats(1)
    path.go(np.array([1.0]), 0.0, 1.0)
    path.go(np.array([5.0]), 2.0, 1.0)
    beats.add(3.0, 0.2, 0.2, np.array([1.0]))
    for part in (path, beats):
        part.at(0.5)
        part.forget(0.5)

    assert path.at(9.0) == 1
    assert path.target == 1
    assert beats.at(3.0) == 0


def test_drift_has_unit_size_and_no_corner() -> None:
    values = read(Drift(np.random.default_rng(0), 3, 0.5), np.arange(0, 200, 0.02))

    np.testing.assert_allclose(values.std(0), 1.0, atol=0.15)
    assert np.abs(np.diff(values, 2, axis=0)).max() < 0.03
