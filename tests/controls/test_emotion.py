import numpy as np

from speech2face.controls.emotion import living_emotion
from speech2face.controls.words import parse_emotion


def test_an_expression_is_there_at_once_and_breathes_by_a_tenth() -> None:
    asked = np.tile(np.array(parse_emotion("happy:0.8")), (1500, 1))

    living = living_emotion(asked, np.arange(1500) / 25, np.random.default_rng(1))

    assert 0.72 <= living[:, 1].min() < 0.77
    assert 0.83 < living[:, 1].max() <= 0.88
    assert np.abs(np.diff(living[:, 1])).max() < 0.01
    assert (np.delete(living, 1, axis=1) == 0).all()
