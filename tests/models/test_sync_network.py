import pytest
import torch

from speech2face.errors import InputError
from speech2face.models.sync import SyncConfig, SyncNetwork, agreement


@pytest.fixture(scope="module")
def network() -> SyncNetwork:
    torch.manual_seed(0)
    return SyncNetwork(SyncConfig(channels=12, blocks=2, size=8)).eval()


def test_sound_and_lips_of_equal_length_get_embeddings_of_equal_shape(network: SyncNetwork):
    heard = network.hear(torch.randn(2, 4 * 30, 80))
    seen = network.see(torch.randn(2, 30, 70, 3))

    assert heard.shape == seen.shape == (2, 30, 8)


def test_a_sound_at_another_gain_is_the_same_sound(network: SyncNetwork):
    mel = torch.randn(1, 80, 80)

    torch.testing.assert_close(network.hear(mel + 4.0), network.hear(mel), atol=1e-4, rtol=1e-4)


def test_only_x_and_y_of_the_lips_are_looked_at(network: SyncNetwork):
    offsets = torch.randn(1, 20, 70, 3)
    other = offsets.clone()
    other[:, :, :48] = 0
    other[..., 2] = 0

    torch.testing.assert_close(network.see(other), network.see(offsets))


def test_an_embedding_sees_a_third_of_a_second_to_either_side_and_no_more(network: SyncNetwork):
    still = torch.zeros(1, 40, 70, 3)
    moved = still.clone()
    moved[0, 20, 60, 1] = 1

    changed = (network.see(moved) != network.see(still)).any(-1)[0].nonzero().flatten()

    assert changed[0] == 20 - 5
    assert changed[-1] == 20 + 5


def test_agreement_is_a_cosine_over_the_steps_that_count():
    one = torch.randn(6, 4)
    other = one.clone()
    other[4:] = torch.randn(2, 4)
    weight = torch.tensor([1.0, 1, 1, 1, 0, 0])

    assert float(agreement(one, one)) == pytest.approx(1, abs=1e-5)
    assert float(agreement(one, -one)) == pytest.approx(-1, abs=1e-5)
    assert float(agreement(one, other)) < 0.999
    assert float(agreement(one, other, weight)) == pytest.approx(1, abs=1e-5)
    assert float(agreement(3 * one, one)) == pytest.approx(1, abs=1e-5)


def test_sizes_that_make_no_network_are_refused():
    with pytest.raises(InputError, match="positive"):
        SyncConfig(channels=0)


def test_the_scale_of_movements_is_stored(network: SyncNetwork):
    assert network.state_dict()["scale"].shape == (20, 2)
