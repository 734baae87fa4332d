"""Random expressions."""

import numpy as np

from speech2face.face.rig import load_rig
from speech2face.synthesis.heads.expressions import draw_expression


def draw(count: int, names: tuple[str, ...] | None = None) -> np.ndarray:
    rng = np.random.default_rng(0)
    names = load_rig().names if names is None else names
    return np.stack([draw_expression(names, rng).weights for _ in range(count)])


def test_weights_stay_between_rest_and_full_expression() -> None:
    weights = draw(300)

    assert weights.min() == 0
    assert weights.max() == 1
    assert 0 < (weights > 0).mean() < 0.3  # sparse, as faces are


def test_the_same_seed_draws_the_same_faces() -> None:
    assert np.array_equal(draw(20), draw(20))


def test_eyes_shut_mouths_open_and_jaws_rest() -> None:
    names = load_rig().names
    weights = draw(400)
    shut = weights[:, names.index("eyeBlink_L")] * weights[:, names.index("eyeBlink_R")]
    jaw = weights[:, names.index("jawOpen")]

    assert 0.05 < (shut == 1).mean() < 0.3
    assert 0.1 < (jaw > 0.25).mean() < 0.7
    assert 0.1 < (jaw < 0.02).mean() < 0.8


def test_a_blink_is_no_wide_eye() -> None:
    names = load_rig().names
    weights = draw(400)
    for side in "LR":
        shut = weights[:, names.index(f"eyeBlink_{side}")] > 0
        assert (weights[shut, names.index(f"eyeWide_{side}")] == 0).all()


def test_gaze_and_tongue_are_not_drawn_as_expressions() -> None:
    names = load_rig().names
    quiet = [i for i, name in enumerate(names) if name.startswith(("eyeLook", "tongueOut"))]

    assert (draw(200)[:, quiet] == 0).all()


def test_a_rig_of_few_channels_gets_what_it_has() -> None:
    assert draw(50, ("jawOpen",)).max() > 0.3
