"""Frames drawn ahead of whoever takes them: in chunks, on threads of their own, in order.

A frame's work is many small operations, which gain little from several threads each; whole chunks
side by side do. And while the last chunk is pasted and encoded, the next is being drawn.
"""

from collections import deque
from collections.abc import Generator as Frames
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, UInt8

from speech2face.generators.base import Generator

_State = TypeVar("_State")
_MOST = 4
"""Chunks side by side at most: each holds its own intermediate pictures."""


def side_by_side(device: torch.device) -> int:
    """Tell how many chunks a generator of small operations should draw at the same time."""
    return min(torch.get_num_threads(), _MOST) if device.type == "cpu" else 1


def draw_ahead(
    generator: Generator[_State],
    state: _State,
    values: Float[np.ndarray, "frames latent"],
    chunk: int,
) -> Frames[UInt8[np.ndarray, "some size size 3"], None, None]:
    """Draw frames a chunk at a time; no more chunks wait than are drawn side by side, and one.

    Args:
        generator: Who draws; its `side_by_side` says how many chunks at the same time.
        state: What it made of the portrait.
        values: A row of latents for each frame.
        chunk: Frames drawn as one batch.
    """
    threads, drawers = torch.get_num_threads(), generator.side_by_side
    pool = ThreadPoolExecutor(
        drawers, "draw", torch.set_num_threads, (max(1, threads // drawers),)
    )  # fmt: skip
    coming: deque[Future[UInt8[np.ndarray, "some size size 3"]]] = deque()
    try:
        for start in range(0, len(values), chunk):
            coming.append(pool.submit(generator.render, state, values[start : start + chunk]))
            if len(coming) > drawers:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        # What a thread sets for itself becomes the default of threads to come.
        torch.set_num_threads(threads)
