from dataclasses import replace

import pytest
import torch
from spoken import TINY_HEARING as TINY

from speech2face.errors import InputError
from speech2face.models.hearing import HearingNetwork


@pytest.fixture
def network() -> HearingNetwork:
    torch.manual_seed(0)
    return HearingNetwork(TINY).eval()


def mel(frames: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(2, frames, 80, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def hear(network: HearingNetwork, sound: torch.Tensor) -> torch.Tensor:
    return network(sound, network.start(sound))[0]


def test_there_is_a_feature_for_every_two_mel_frames(network: HearingNetwork):
    assert hear(network, mel(24)).shape == (2, 12, 16)


@pytest.mark.parametrize("piece", [2, 6, 14, 50])
def test_pieces_of_any_size_give_what_the_whole_sound_gives(network: HearingNetwork, piece: int):
    sound = mel(100)
    state, found = network.start(sound), []

    with torch.inference_mode():
        for first in range(0, 100, piece):
            features, state = network(sound[:, first : first + piece], state)
            found.append(features)

    torch.testing.assert_close(torch.cat(found, 1), hear(network, sound), atol=1e-5, rtol=1e-5)


def test_features_answer_late_and_never_to_later_sound(network: HearingNetwork):
    sound, other = mel(60), mel(60)
    other[:, 30:] += 1

    changed = (hear(network, sound) != hear(network, other)).any(-1).any(0)

    assert changed.nonzero().flatten().tolist()[0] == 15
    # Sound that changes at position 15 can change features from 15 - late on, which come then.
    assert TINY.late == 4


def test_what_lies_further_back_than_every_layer_looks_is_forgotten(network: HearingNetwork):
    sound, other = mel(80), mel(80)
    other[:, :10] = sound[:, :10].flip(2)  # as loud, so that the level is the same

    same = (hear(network, sound) - hear(network, other)).abs().amax((0, 2)) < 1e-6

    reach = TINY.layers * TINY.behind + TINY.late
    assert same[5 + reach + 1 :].all()
    assert not same[4:8].all()


def test_gain_changes_nothing_for_a_voice(network: HearingNetwork):
    sound = mel(60)

    torch.testing.assert_close(
        hear(network, sound + 4.6), hear(network, sound), atol=1e-4, rtol=1e-4
    )


def test_sizes_that_make_no_hearing_are_refused():
    with pytest.raises(InputError, match="look-ahead"):
        replace(TINY, layers=3)
    with pytest.raises(InputError, match="heads"):
        replace(TINY, heads=3)
