import numpy as np

from speech2face.stages.voice import Gate


def test_the_gate_opens_fast_and_closes_gently():
    weights = Gate()(np.repeat([-6.0, 6.0, -6.0], 25))

    assert weights[24] < 0.01
    assert weights[27] > 0.9
    assert 0.3 < weights[52] < 0.9
    assert weights[74] < 0.01
    assert np.abs(np.diff(weights[50:])).max() < 0.3


def test_the_gate_remembers_between_calls():
    logits = np.random.default_rng(0).normal(size=40) * 3
    one, other = Gate(), Gate()

    whole = one(logits)
    parts = np.concatenate([other(logits[:7]), other(logits[7:8]), other(logits[8:])])

    np.testing.assert_allclose(parts, whole)
