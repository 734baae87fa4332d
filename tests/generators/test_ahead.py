"""Frames drawn ahead: all of them, in order, whoever draws; and no more than are asked for."""

import threading
import time

import numpy as np
import pytest
import torch

from speech2face.generators.ahead import draw_ahead, side_by_side
from speech2face.types import Portrait


class Counting:
    """A generator whose frames hold their own numbers; early ones take longest."""

    name = "counting"
    latent_size = 1

    def __init__(self, drawers: int, broken: int = -1) -> None:
        self.side_by_side = drawers
        self.broken = broken
        self.threads: set[str] = set()
        self.inner: set[int] = set()
        self.chunks: list[int] = []

    def encode(self, portrait: Portrait) -> None:
        del portrait

    def render(self, state: None, values: np.ndarray) -> np.ndarray:
        del state
        self.threads.add(threading.current_thread().name)
        self.inner.add(torch.get_num_threads())
        self.chunks.append(len(values))
        time.sleep(0.02 if values[0, 0] == 0 else 0.001)
        if values[0, 0] == self.broken:
            msg = "this one cannot be drawn"
            raise ArithmeticError(msg)
        return np.broadcast_to(values[:, :, None, None], (len(values), 2, 2, 3)).astype(np.uint8)


def _numbers(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.float32)[:, None]


@pytest.mark.parametrize("drawers", [1, 2, 4])
@pytest.mark.parametrize("count", [0, 1, 7, 23])
def test_every_frame_comes_once_and_in_order(drawers: int, count: int) -> None:
    generator = Counting(drawers)
    chunks = list(draw_ahead(generator, None, _numbers(count), 3))
    numbers = [int(frame[0, 0, 0]) for chunk in chunks for frame in chunk]
    assert numbers == list(range(count))


def test_threads_share_the_cores_and_leave_the_setting_as_it_was() -> None:
    before = torch.get_num_threads()
    generator = Counting(2)
    list(draw_ahead(generator, None, _numbers(12), 2))
    assert generator.inner == {max(1, before // 2)}
    assert torch.get_num_threads() == before
    assert threading.current_thread().name not in generator.threads


def test_no_more_is_drawn_than_is_about_to_be_taken() -> None:
    generator = Counting(2)
    frames = draw_ahead(generator, None, _numbers(1000), 1)
    next(frames)
    frames.close()
    assert len(generator.chunks) <= 2 * generator.side_by_side + 1


def test_an_error_reaches_whoever_takes_the_frames() -> None:
    frames = draw_ahead(Counting(2, broken=6), None, _numbers(30), 3)
    assert int(next(frames)[0, 0, 0, 0]) == 0
    assert int(next(frames)[0, 0, 0, 0]) == 3
    with pytest.raises(ArithmeticError, match="cannot be drawn"):
        next(frames)


def test_small_operations_are_drawn_side_by_side_on_a_processor_alone() -> None:
    assert 1 <= side_by_side(torch.device("cpu")) <= 4
    assert side_by_side(torch.device("cuda")) == 1
