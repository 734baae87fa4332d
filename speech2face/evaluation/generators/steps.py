"""What each exact speed-up of a face-vid2vid generator gains, and what it changes in the picture.

Weights are random: time does not depend on them, and the difference is measured against the same
network drawn plainly, frame by frame.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter, process_time

import torch
from torch import Tensor, nn

from speech2face.errors import InputError
from speech2face.evaluation.tables import Cell, Table
from speech2face.generators.facevid2vid.exact.exact import GPU_STEPS, STEPS, Step, accelerate
from speech2face.generators.facevid2vid.exact.plain import draw_plainly
from speech2face.generators.facevid2vid.network import (
    PRESETS,
    FaceVid2VidConfig,
    FaceVid2VidGenerator,
)

_LAST_SCALE = {"spade": 0.2, "original": 1.0}
"""Of the random weights before the sigmoid, which would be saturated otherwise."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One source and some frames to draw of it."""

    image: Tensor
    source: Tensor
    driving: Tensor


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
    network, case = _random_network(PRESETS[preset], device, frames, seed)
    rows: list[dict[str, Cell]] = []
    wanted: Tensor | None = None
    plain = (1.0, 1.0)
    with torch.inference_mode():
        for name, draw in _ways(network, case):
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


def _random_network(
    config: FaceVid2VidConfig, device: torch.device, frames: int, seed: int
) -> tuple[FaceVid2VidGenerator, Case]:
    # The draws are made on the processor, so that every device gets the same network.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = FaceVid2VidGenerator(config).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
                # As initialized they do nothing, and folding them would be too easy.
                nn.init.normal_(module.weight, 1.0, 0.1)
                nn.init.normal_(module.bias, 0.0, 0.1)
                if module.running_mean is not None and module.running_var is not None:
                    module.running_mean.normal_(0.0, 0.1)
                    module.running_var.uniform_(0.5, 1.5)
            elif isinstance(module, nn.Conv2d | nn.Conv3d) and not hasattr(module, "weight_orig"):
                # Large enough that masks, occlusion and colours differ from place to place.
                nn.init.kaiming_normal_(module.weight)
        last = network.decoder.conv_img if config.decoder == "spade" else network.final
        last.weight.data.mul_(_LAST_SCALE[config.decoder])
        image = torch.rand(1, 3, config.size, config.size)
        source, driving = 1.2 * torch.rand(2, frames, config.keypoints, 3) - 0.6
    case = Case(image=image.to(device), source=source[:1].to(device), driving=driving.to(device))
    return network.to(device), case


def _ways(network: FaceVid2VidGenerator, case: Case) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """Yield the ways to draw by name, the plain one first; each is made when it is asked for."""
    yield (
        "plain, frame by frame",
        lambda: draw_plainly(network, case.image, case.source, case.driving),
    )
    yield "encode once", _drawing(network, case)
    gpu = case.image.device.type == "cuda"
    spade = network.config.decoder == "spade"
    steps: tuple[Step, ...] = GPU_STEPS if gpu else STEPS
    order: list[Step] = [step for step in steps if spade or step != "spade"]
    for count, step in enumerate(order, 1):
        yield f"+ {step}", _drawing(accelerate(network, tuple(order[:count])), case)
    if gpu:  # pragma: no cover - needs a GPU
        fast = accelerate(network, tuple(order))
        yield "+ bfloat16 (not exact)", _drawing(fast, case, half=True)
        volume = fast.encode(case.image)
        render = torch.compile(fast.render, mode="reduce-overhead")

        def compiled() -> Tensor:
            with torch.autocast("cuda", torch.bfloat16):
                return render(volume, case.source, case.driving).float()

        yield "+ compiled, CUDA graphs", compiled


def _drawing(
    network: FaceVid2VidGenerator, case: Case, *, half: bool = False
) -> Callable[[], Tensor]:
    volume = network.encode(case.image)

    def draw() -> Tensor:
        mixed = torch.autocast(case.image.device.type, torch.bfloat16) if half else nullcontext()
        with mixed:
            return network.render(volume, case.source, case.driving).float()

    return draw


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
