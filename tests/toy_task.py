"""Toy tasks for tests of the training loop; run as a script, one process among several."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from speech2face.training.loop.loop import LoopConfig, Turn, run
from speech2face.training.loop.ranks import among_ranks

CONFIG = LoopConfig(
    steps=12, rate=3e-2, warmup=3, cooldown=4, average=0.9, every=4, preview_every=4, decay=0.01
)


class Line:
    """Learns y = 2 x + 1 through dropout and a batch norm, from points that the step decides."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(
            nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1)
        )
        self.drawn: list[float] = []
        self.previewed: list[bool] = []

    def modules(self) -> dict[str, nn.Module]:
        return {"line": self.network}

    def losses(
        self, step: int, rng: np.random.Generator, device: torch.device
    ) -> dict[str, Tensor]:
        del step
        x = torch.from_numpy(rng.standard_normal((64, 1)).astype(np.float32)).to(device)
        self.drawn.append(float(x[0, 0]))
        return {"error": (self.network(x) - 2 * x - 1).square().mean()}

    def preview(self, folder: Path) -> dict[str, float]:
        self.previewed.append(self.network.training)
        (folder / "seen.txt").write_text("a line")
        return {"one": 1.0}

    def write(self, folder: Path) -> Path:
        path = folder / "line.safetensors"
        save_file(self.network.state_dict(), path)
        return path


class Game:
    """A generator of one number and a judge who wants it at 3."""

    def __init__(self) -> None:
        self.generator, self.judge = nn.Linear(1, 1, bias=False), nn.Linear(1, 1)
        self.seen: list[bool] = []

    def modules(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "judge": self.judge}

    def turns(self, step: int, rng: np.random.Generator, device: torch.device) -> Iterator[Turn]:
        del step, rng
        self.judge.weight.grad = None
        made = self.generator(torch.ones(1, 1, device=device))
        before = self.generator.weight.detach().clone()
        yield Turn(("generator",), {"fool": self.judge(made).mean()})
        self.seen += [bool((self.generator.weight != before).all()), self.judge.weight.grad is None]
        yield Turn(("judge",), {"judge": (self.judge(made.detach()) - 3).square().mean()})

    def preview(self, folder: Path) -> dict[str, float]:
        del folder
        return {}

    def write(self, folder: Path) -> Path:
        path = folder / "nothing.safetensors"
        path.touch()
        return path


if __name__ == "__main__":
    task, out = Line(), Path(sys.argv[1])
    run(task, CONFIG, out, device="cpu")
    weights = {name: value.tolist() for name, value in task.network.named_parameters()}
    facts = {"drawn": task.drawn, "weights": weights}
    (out / f"rank{among_ranks().rank}.json").write_text(json.dumps(facts))
