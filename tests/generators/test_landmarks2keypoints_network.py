"""The network that turns landmarks into keypoints: what it must do before and after any fit."""

import pytest
import torch
from torch import nn

from speech2face.generators.imported.drive_network import (
    Landmarks2Keypoints,
    Landmarks2KeypointsConfig,
)

CONFIG = Landmarks2KeypointsConfig(parts=(3, 3, 15), face=15, landmarks=7, sound=2, hidden=16)


@pytest.fixture
def network() -> Landmarks2Keypoints:
    torch.manual_seed(0)
    made = Landmarks2Keypoints(CONFIG)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    return made.eval()


def _inputs(frames: int = 3) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    sizes = (CONFIG.skin, 4, CONFIG.emotions)
    parts = [torch.randn(frames, size, generator=generator) for size in sizes]
    return (*parts, torch.randn(CONFIG.face, generator=generator))


def test_a_new_network_predicts_no_motion():
    motion = Landmarks2Keypoints(CONFIG)(*_inputs())

    assert not motion.any()
    assert motion.shape == (3, 21)


def test_no_motion_in_is_exactly_none_out_whoever_the_face_is(network: Landmarks2Keypoints):
    skin, eyes, emotion, source = _inputs()
    network.source_gain.fill_(1.0)

    motion = network(skin * 0, eyes * 0, emotion * 0, source)

    assert not motion.any()


def test_a_blink_does_the_same_whatever_mouth_and_mood_do(network: Landmarks2Keypoints):
    skin, eyes, emotion, source = _inputs()
    other_skin, other_emotion = skin.flip(0) * 2, emotion.flip(1)

    def effect(skin: torch.Tensor, emotion: torch.Tensor) -> torch.Tensor:
        moved = network(skin, eyes, emotion, source)
        return moved - network(skin, eyes * 0, emotion, source)

    assert effect(skin, emotion).abs().max() > 0.1
    torch.testing.assert_close(
        effect(skin, emotion), effect(other_skin, other_emotion), rtol=0, atol=1e-5
    )


def test_emotion_changes_what_the_same_landmarks_mean(network: Landmarks2Keypoints):
    skin, eyes, emotion, source = _inputs()

    calm, felt = (network(skin, eyes, mood, source) for mood in (emotion * 0, emotion))

    assert (calm - felt).abs().max() > 0.01


def test_the_face_counts_only_where_several_were_learnt_from(network: Landmarks2Keypoints):
    skin, eyes, emotion, source = _inputs()

    def moved(source: torch.Tensor) -> torch.Tensor:
        return network(skin, eyes, emotion, source)

    torch.testing.assert_close(moved(source), moved(-source), rtol=0, atol=0)
    network.source_gain.fill_(1.0)
    assert (moved(source) - moved(-source)).abs().max() > 0.01


def test_every_frame_is_predicted_by_itself(network: Landmarks2Keypoints):
    skin, eyes, emotion, source = _inputs()

    together = network(skin, eyes, emotion, source)
    alone = torch.cat(
        [network(*(part[i : i + 1] for part in (skin, eyes, emotion)), source) for i in range(3)]
    )

    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


def test_every_parameter_learns(network: Landmarks2Keypoints):
    motion = network(*_inputs())

    motion.square().sum().backward()

    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still
