from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from spoken import TINY_LIPS as TINY

from speech2face.errors import InputError
from speech2face.models.speech2landmarks import (
    MEL_PER_STEP,
    MOVING,
    PHONE_CLASSES,
    Condition,
    Speech2LandmarksConfig,
    Speech2LandmarksNetwork,
)


@pytest.fixture
def network() -> Speech2LandmarksNetwork:
    torch.manual_seed(0)
    return Speech2LandmarksNetwork(TINY).eval()


def condition(batch: int = 2) -> Condition:
    generator = torch.Generator().manual_seed(3)
    return Condition(torch.randn(batch, 70, 3, generator=generator), torch.zeros(batch, 8))


def mel(steps: int, batch: int = 2, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, steps * MEL_PER_STEP, 80, generator=generator) - 5


def test_every_step_of_sound_has_an_answer(network: Speech2LandmarksNetwork):
    answer, _ = network(mel(9), condition())

    assert answer.offsets.shape == (2, 9, 70, 3)
    assert answer.speech.shape == (2, 9)
    assert answer.phones.shape == (2, 9, len(PHONE_CLASSES))


def test_only_lips_and_jaw_move(network: Speech2LandmarksNetwork):
    offsets = network(mel(9), condition())[0].offsets

    moving = offsets.abs().amax((0, 1, 3)) > 0
    assert moving.nonzero().flatten().tolist() == list(MOVING)


@pytest.mark.parametrize("cuts", [(1, 2), (4, 5), (7, 11)])
def test_chunks_give_what_the_whole_sound_gives(
    network: Speech2LandmarksNetwork, cuts: tuple[int, int]
):
    sound, state, found = mel(12), None, []
    edges = [0, *cuts, 12]

    whole = network(sound, condition())[0].offsets
    for first, last in pairwise(edges):
        chunk = sound[:, first * MEL_PER_STEP : last * MEL_PER_STEP]
        answer, state = network(chunk, condition(), state)
        found.append(answer.offsets)

    torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-4, rtol=0)


def test_no_step_answers_to_later_sound(network: Speech2LandmarksNetwork):
    sound, other = mel(10), mel(10)
    other[:, 5 * MEL_PER_STEP :] += 1

    changed = (network(sound, condition())[0].speech != network(other, condition())[0].speech).any(
        0
    )

    assert changed.nonzero().flatten().tolist() == [5, 6, 7, 8, 9]


def test_gain_changes_nothing(network: Speech2LandmarksNetwork):
    sound = mel(10)

    # Both are louder than the least that a speaker is expected to be.
    quiet, loud = (network(sound + gain, condition())[0].offsets for gain in (10.0, 14.6))

    torch.testing.assert_close(loud, quiet, atol=1e-4, rtol=0)


def test_the_face_matters_once_film_is_learnt_and_emotion_does_not_before(
    network: Speech2LandmarksNetwork,
):
    sound = mel(6)
    neutral = condition()
    happy = neutral._replace(emotion=torch.ones(2, 8))
    torch.nn.init.normal_(network.lips[0].film.weight)

    same = network(sound, neutral)[0].offsets
    swapped = network(sound, neutral._replace(rest=neutral.rest.flip(0)))[0].offsets

    torch.testing.assert_close(network(sound, happy)[0].offsets, same)
    assert not torch.allclose(swapped, same)


def test_every_parameter_but_those_of_emotion_learns(network: Speech2LandmarksNetwork):
    torch.nn.init.normal_(network.lips[0].film.weight)
    answer, _ = network(mel(6), condition())
    (answer.offsets.sum() + answer.speech.sum() + answer.phones.square().sum()).backward()

    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]

    assert [name for name in still if not name.startswith("hearing.")] == ["lips.0.emotion.weight"]
    assert all(p.grad is None for p in network.hearing.parameters())


def test_the_shipped_size_is_ten_million_parameters_that_hear_and_two_that_learn():
    network = Speech2LandmarksNetwork(Speech2LandmarksConfig())

    assert sum(p.numel() for p in network.hearing.parameters()) < 10_500_000
    assert sum(p.numel() for p in network.lips.parameters()) < 2_000_000
    assert network.config.delay + 1 == 7, "280 ms of 40 ms steps"


def test_members_answer_together():
    torch.manual_seed(4)
    both = Speech2LandmarksNetwork(replace(TINY, members=2)).eval()
    tensors = both.state_dict()
    apart = [Speech2LandmarksNetwork(TINY).eval() for _ in range(2)]
    for number, one in enumerate(apart):
        one.load_state_dict({
            name: tensors[name.replace("lips.0.", f"lips.{number}.")] for name in one.state_dict()
        })  # fmt: skip
    sound, asked = mel(12), condition()

    whole = both(sound, asked)[0]

    each = [one(sound, asked)[0] for one in apart]
    torch.testing.assert_close(whole.offsets, (each[0].offsets + each[1].offsets) / 2)
    torch.testing.assert_close(
        whole.phones.softmax(-1), sum(one.phones.softmax(-1) for one in each) / 2
    )
    assert not torch.equal(each[0].offsets, each[1].offsets)


def test_members_learn_from_examples_of_their_own():
    both = Speech2LandmarksNetwork(replace(TINY, members=2, dropout=0.0)).train()

    answer, _ = both(mel(6, batch=4), condition(4))
    answer.offsets[:2].square().sum().backward()

    gradients = {name: value.grad for name, value in both.named_parameters()}
    assert gradients["lips.0.features.weight"].abs().max() > 0
    assert gradients["lips.1.features.weight"].abs().max() == 0
    with pytest.raises(InputError, match="examples"):
        both(mel(6, batch=1), condition(1))


def test_what_was_heard_before_moves_lips_as_hearing_it_now_does(network: Speech2LandmarksNetwork):
    sound, asked = mel(9), condition()

    features, _ = network.hear(sound)

    torch.testing.assert_close(
        network.follow(sound, features, asked)[0].offsets, network(sound, asked)[0].offsets
    )


def test_sizes_that_make_no_network_are_refused():
    with pytest.raises(InputError, match="positive"):
        Speech2LandmarksConfig(hidden=0)


def test_a_hearing_that_answers_between_two_steps_is_refused():
    with pytest.raises(InputError, match="multiple"):
        replace(TINY, hearing=replace(TINY.hearing, ahead=(2, 2)))
