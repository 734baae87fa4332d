"""Frames drawn ahead of their use: in chunks, on threads of their own, in order.

A frame's work is many small operations, which gain little from several threads each; whole chunks
side by side do. And while the last chunk is pasted and encoded, the next is being drawn.
"""

from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Generator as Iterated
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from threading import Barrier
from typing import TypeVar

import torch

from speech2face.generators.base import Frames, Generator, Latents

_State = TypeVar("_State")
_Given = TypeVar("_Given")
_Done = TypeVar("_Done")
_MOST = 4
"""Chunks side by side at most: each holds its own intermediate pictures."""
_EARLY = 2
"""Frames of the first chunks."""


def side_by_side(device: torch.device) -> int:
    """Return how many chunks a generator of small operations should draw at the same time."""
    return min(torch.get_num_threads(), _MOST) if device.type == "cpu" else 1


class Drawers:
    """Threads that draw. An engine owns them; any number of clips and sessions share them."""

    def __init__(self, count: int) -> None:
        """Start the threads.

        Torch's number of threads is a thread's own once it has computed, and the default of those
        that come. Each drawer therefore takes its share at once and the process's number is
        restored here, before anything is drawn: no clip ever changes it.

        Args:
            count: How many chunks are drawn at the same time.
        """
        self.count = count
        threads, ready = torch.get_num_threads(), Barrier(count)
        share = max(1, threads // count)
        self._pool = ThreadPoolExecutor(count, "draw", _take_threads, (share,))
        for started in [self._pool.submit(ready.wait) for _ in range(count)]:
            started.result()
        torch.set_num_threads(threads)

    def do(self, work: Callable[[_Given], _Done], given: _Given) -> _Done:
        """Do something on one of the threads, and wait for it.

        Small networks lose more by threads of their own than they gain: those wait for each other,
        and burn the time of the cores on which frames are drawn. (Hearing 160 ms of sound on two
        cores took four times as long on two threads as on one.)
        """
        return self._pool.submit(work, given).result()

    def draw(
        self, generator: Generator[_State], state: _State, latents: Latents, chunk: int
    ) -> Iterated[Frames, None, None]:
        """Draw frames a chunk at a time; no more chunks wait than are drawn side by side, and one.

        Args:
            generator: Draws.
            state: What it encoded of the view.
            latents: A row for each frame.
            chunk: Frames drawn as one batch.
        """
        # Small chunks at first, so that the first frames are seen early.
        early = min(_EARLY * self.count, len(latents)) if chunk > _EARLY else 0
        starts = [*range(0, early, _EARLY), *range(early, len(latents), chunk)]
        parts = (latents[start:stop] for start, stop in pairwise([*starts, len(latents)]))
        return self.ahead(partial(generator.render, state, part) for part in parts)

    def ahead(self, works: Iterable[Callable[[], _Done]]) -> Iterated[_Done, None, None]:
        """Do work on the threads and yield what comes of it, in order.

        Args:
            works: Taken one by one: no more of them wait than are done side by side, and one.
        """
        coming: deque[Future[_Done]] = deque()
        try:
            for work in works:
                coming.append(self._pool.submit(work))
                if len(coming) > self.count:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()


def _take_threads(share: int) -> None:
    torch.set_num_threads(share)
    torch.get_num_threads()  # reads the number into this thread, before the default changes back
