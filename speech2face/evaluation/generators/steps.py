"""What each exact speed-up of a generator gains, and what it changes in the picture."""

from collections.abc import Callable, Iterator
from time import perf_counter, process_time

import torch
from torch import Tensor

from speech2face.errors import InputError
from speech2face.evaluation.generators.step_subjects import PRESETS, Subject, subject
from speech2face.evaluation.tables import Cell, Table


def compare_steps(
    preset: str, device: torch.device, *, frames: int = 1, repeats: int = 3, seed: int = 0
) -> Table:
    """Time a preset drawn plainly, then with one exact step after the other added.

    Args:
        preset: One of `PRESETS`.
        device: Where to draw.
        frames: Frames drawn at once; the plain way draws one after the other.
        repeats: How often each is timed after one run to warm up; the shortest counts.
        seed: Of weights, picture and keypoints.

    Returns:
        Milliseconds a frame by the clock and of processor time, how many times as fast as the plain
        way by each, and the largest difference of a pixel (colours in [0, 1]).

    Raises:
        InputError: There is no such preset.
    """
    if preset not in PRESETS:
        msg = f"there is no preset named {preset!r}; choose one of {', '.join(PRESETS)}"
        raise InputError(msg)
    one = subject(preset, device, frames, seed)
    rows: list[dict[str, Cell]] = []
    wanted: Tensor | None = None
    plain = (1.0, 1.0)
    with torch.inference_mode():
        for name, draw in _ways(one, device):
            drawn, times = _time(draw, device, repeats)
            wanted, plain = (drawn, times) if wanted is None else (wanted, plain)
            clock, processor = times
            row: dict[str, Cell] = {
                "way": name,
                "ms a frame": round(1000 * clock / frames),
                "processor ms a frame": round(1000 * processor / frames),
                "times as fast": round(plain[0] / clock, 2),
                "by processor time": round(plain[1] / processor, 2),
                "largest difference": float(f"{float((drawn - wanted).abs().max()):.1e}"),
            }
            rows.append(row)
    spread = 0.0 if wanted is None else float(wanted.std())
    return Table(
        name=f"steps-{preset}",
        title=f"Exact speed-ups of {preset}, {frames} at once, {device}",
        rows=rows,
        note=(
            f"{torch.get_num_threads()} threads, shortest of {repeats}; each row adds a step to "
            "those above. Random weights; the colours of the plain picture have a standard "
            f"deviation of {spread:.3f}. Where other programs run, processor time is the fairer "
            "measure."
        ),
    )


def _ways(one: Subject, device: torch.device) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """Yield the ways to draw by name, the plain one first; each is made when it is asked for."""
    yield "plain, frame by frame", one.plainly
    yield "encode once", one.drawing(())
    for count, step in enumerate(one.steps, 1):
        yield f"+ {step}", one.drawing(one.steps[:count])
    if device.type == "cuda":  # pragma: no cover - needs a GPU
        draw = one.drawing(one.steps)

        def half() -> Tensor:
            with torch.autocast("cuda", torch.bfloat16):
                return draw().float()

        yield "+ bfloat16 (not exact)", half
        fast = torch.compile(draw, mode="reduce-overhead")

        def compiled() -> Tensor:
            with torch.autocast("cuda", torch.bfloat16):
                return fast().float()

        yield "+ compiled, CUDA graphs", compiled


def _time(
    draw: Callable[[], Tensor], device: torch.device, repeats: int
) -> tuple[Tensor, tuple[float, float]]:
    """Draw and give the picture with the shortest times: clock and processor, seconds."""
    drawn = draw()
    clocks: list[float] = []
    processors: list[float] = []
    for _ in range(repeats):
        _wait(device)
        clock, processor = perf_counter(), process_time()
        drawn = draw()
        _wait(device)
        clocks.append(perf_counter() - clock)
        processors.append(process_time() - processor)
    return drawn, (min(clocks), min(processors))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":  # pragma: no cover - needs a GPU
        torch.cuda.synchronize(device)
