"""Frames drawn ahead: all of them, in order, whoever draws; and no more than are asked for."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from speech2face.face.view import View
from speech2face.generators.ahead import Drawers, side_by_side
from speech2face.generators.base import GeneratorSpec
from speech2face.motion.motion import Motion


class Counting:
    """A generator whose frames hold their own numbers; early ones take longest."""

    spec = GeneratorSpec(name="counting", latent_size=1)

    def __init__(self, broken: int = -1) -> None:
        self.broken = broken
        self.threads: set[str] = set()
        self.inner: set[int] = set()
        self.chunks: list[int] = []

    def encode(self, views: Sequence[View]) -> None:
        del views

    def drive(self, state: None, motion: Motion, loudness: np.ndarray | None = None) -> np.ndarray:
        del state, loudness
        return motion.weights[:, :1]

    def read(self, state: None, frames: np.ndarray, first: np.ndarray) -> np.ndarray:
        del state, first
        return frames[:, 0, 0, :1].astype(np.float32)

    def render(self, state: None, latents: np.ndarray) -> np.ndarray:
        del state
        self.threads.add(threading.current_thread().name)
        self.inner.add(torch.get_num_threads())
        self.chunks.append(len(latents))
        time.sleep(0.02 if latents[0, 0] == 0 else 0.001)
        if latents[0, 0] == self.broken:
            msg = "this one cannot be drawn"
            raise ArithmeticError(msg)
        return np.broadcast_to(latents[:, :, None, None], (len(latents), 2, 2, 3)).astype(np.uint8)


def _numbers(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float32)[:, None]


@pytest.mark.parametrize("drawers", [1, 2, 4])
@pytest.mark.parametrize("count", [0, 1, 7, 23])
def test_every_frame_comes_once_and_in_order(drawers: int, count: int) -> None:
    chunks = list(Drawers(drawers).draw(Counting(), None, _numbers(count), 3))
    numbers = [int(frame[0, 0, 0]) for chunk in chunks for frame in chunk]
    assert numbers == list(range(count))


def test_threads_share_the_cores_and_leave_the_setting_as_it_was() -> None:
    before = torch.get_num_threads()
    generator, drawers = Counting(), Drawers(2)
    list(drawers.draw(generator, None, _numbers(12), 2))
    assert generator.inner == {max(1, before // 2)}
    assert torch.get_num_threads() == before
    assert threading.current_thread().name not in generator.threads


def test_no_more_is_drawn_than_is_about_to_be_taken() -> None:
    generator = Counting()
    frames = Drawers(2).draw(generator, None, _numbers(1000), 1)
    next(frames)
    frames.close()
    assert len(generator.chunks) <= 5


def test_an_error_is_raised_where_the_frames_are_taken() -> None:
    frames = Drawers(2).draw(Counting(broken=7), None, _numbers(30), 3)
    assert [int(next(frames)[0, 0, 0, 0]) for _ in range(3)] == [0, 2, 4]
    with pytest.raises(ArithmeticError, match="cannot be drawn"):
        next(frames)


def test_two_clips_at_once_draw_what_they_draw_alone_and_leave_the_threads() -> None:
    before, drawers = torch.get_num_threads(), Drawers(2)

    def clip(first: int) -> list[int]:
        latents = _numbers(60)[first:]
        chunks = drawers.draw(Counting(), None, latents, 2)
        return [int(frame[0, 0, 0]) for chunk in chunks for frame in chunk]

    with ThreadPoolExecutor(2) as listeners:
        first, second = listeners.map(clip, (0, 20))

    assert first == list(range(60))
    assert second == list(range(20, 60))
    assert torch.get_num_threads() == before


def test_small_operations_are_drawn_side_by_side_on_a_processor_alone() -> None:
    assert 1 <= side_by_side(torch.device("cpu")) <= 4
    assert side_by_side(torch.device("cuda")) == 1
