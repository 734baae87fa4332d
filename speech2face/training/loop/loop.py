"""One training loop for every network of ours.

A `Task` says what learns and what it is asked for; `run` does the rest: rates, running means,
clipped gradients, checkpoints, log, curves, previews, several processes, a time budget. What a
step learns from depends on the seed, the step's number and the rank alone. So a run that was
stopped and resumed gives, on a CPU, the same bytes as one that was not.

A task whose networks play against each other is an `AdversarialTask`: it yields its losses turn by
turn, and says whose turn it is.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from speech2face.errors import Speech2FaceError
from speech2face.training.loop.config import LoopConfig
from speech2face.training.loop.log import Row, RunLog
from speech2face.training.loop.ranks import Ranks, among_ranks, joined
from speech2face.training.loop.state import RunState, learning
from speech2face.training.loop.task import AdversarialTask, Task, Turn

__all__ = ["AdversarialTask", "LoopConfig", "Report", "Task", "Turn", "run"]

_log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
"""Name of the file from which a run resumes, in its folder."""
_SEED_STRIDE, _RANK_STRIDE = 1_000_003, 7_919
"""Primes that keep the seeds of steps and ranks apart."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """How far a run is."""

    step: int
    steps: int
    first: int
    """The step at which this process began."""
    newest: Row
    """The newest row of the log; empty before there is one."""

    @property
    def words(self) -> str:
        """Say the newest losses in a few words."""
        apart = {"step", "seconds", "rate"}
        shown = [f"{name} {value:.3g}" for name, value in self.newest.items() if name not in apart]
        return ", ".join(shown[:4])


def run(
    task: Task | AdversarialTask,
    config: LoopConfig,
    out: Path,
    *,
    device: str = "auto",
    minutes: float | None = None,
    resume: bool = True,
    report: Callable[[Report], None] | None = None,
) -> Path:
    """Train to the last step or until the time is up, from the checkpoint in `out` if there is one.

    Under torchrun every process calls this with a task of its own; the first one writes.

    Args:
        task: What learns.
        config: How.
        out: Folder for checkpoint.pt, log.jsonl, curves.png, previews/ and the weights.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        minutes: Time after which the run is left with a checkpoint, from the call on.
        resume: Begin anew if False: the checkpoint and log that are there are replaced.
        report: Called after every step, on the first rank.

    Returns:
        What the task wrote; on other ranks the folder.
    """
    started = time.monotonic()
    ranks = among_ranks()
    place = ranks.device(device)
    out.mkdir(parents=True, exist_ok=True)
    with joined(ranks, place):
        loop = _Loop(task, config, ranks, place)
        if resume and (out / CHECKPOINT).exists():
            loop.state.load(out / CHECKPOINT)
        ranks.share(loop.state.modules.values())
        return _run(loop, out, None if minutes is None else started + 60 * minutes, report)


def _run(
    loop: "_Loop", out: Path, until: float | None, report: Callable[[Report], None] | None
) -> Path:
    state, config, ranks = loop.state, loop.config, loop.ranks
    log = RunLog(out, state.step) if ranks.first else None
    first, clock = state.step, time.monotonic() - state.seconds
    saved = state.step
    while state.step < config.steps:
        loop.advance()
        state.seconds = time.monotonic() - clock
        last = state.step == config.steps
        if state.step % config.every == 0 or last:
            row = loop.row()
            if state.step % config.preview_every == 0 or last:
                row |= loop.preview(out)
            if log is not None:
                log.add(row)
            loop.save(out)
            saved = state.step
        if report is not None and ranks.first:
            newest = log.rows[-1] if log is not None and log.rows else {}
            report(Report(step=state.step, steps=config.steps, first=first, newest=newest))
        if until is not None and ranks.agree(time.monotonic() >= until, state.device):
            _log.info("time is up at step %d of %d", state.step, config.steps)
            break
    if saved != state.step:
        loop.save(out)
    if log is None:
        return out
    log.close()
    return loop.write(out)


class _Loop:
    """A task, its state, and the step from one state to the next."""

    def __init__(
        self,
        task: Task | AdversarialTask,
        config: LoopConfig,
        ranks: Ranks,
        device: torch.device,
    ) -> None:
        self.task: Task | AdversarialTask = task
        self.config: LoopConfig = config
        self.ranks: Ranks = ranks
        self.state: RunState = RunState(
            task.modules(), memory=config.average, decay=config.decay, betas=config.betas,
            device=device,
        )  # fmt: skip

    def advance(self) -> None:
        """Make one step."""
        config, state = self.config, self.state
        rng = np.random.default_rng((config.seed, state.step, self.ranks.rank))
        torch.manual_seed(
            config.seed * _SEED_STRIDE + state.step + _RANK_STRIDE * _SEED_STRIDE * self.ranks.rank
        )
        for name, optimizer in state.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = config.rate_at(state.step) * config.rates.get(name, 1.0)
        turns = self._turns(rng)
        mixed = state.device.type in config.bfloat16
        while True:
            with torch.autocast(state.device.type, torch.bfloat16, enabled=mixed):
                turn = next(turns, None)
            if turn is None:
                break
            self._learn(turn)
        state.step += 1
        state.average.update(state.step)

    def _turns(self, rng: np.random.Generator) -> Iterator[Turn]:
        task, state = self.task, self.state
        if isinstance(task, AdversarialTask):
            yield from task.turns(state.step, rng, state.device)
        else:
            yield Turn(tuple(state.modules), task.losses(state.step, rng, state.device))

    def _learn(self, turn: Turn) -> None:
        """Move the weights of a turn's modules down the slope of its losses."""
        state = self.state
        optimizers = [state.optimizers[name] for name in turn.modules if name in state.optimizers]
        parameters = [value for name in turn.modules for value in learning(state.modules[name])]
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        total = torch.stack([loss.float() for loss in turn.losses.values()]).sum()
        total.backward(inputs=parameters)
        if self.ranks.world > 1:
            # Every rank must send the same list, whatever its own examples touched.
            for parameter in parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            self.ranks.average(p.grad for p in parameters if p.grad is not None)
        norm = nn.utils.clip_grad_norm_(parameters, self.config.clip)
        for optimizer in optimizers:
            optimizer.step()
        suffix = f"/{'+'.join(turn.modules)}" if isinstance(self.task, AdversarialTask) else ""
        state.note({**turn.losses, f"gradient{suffix}": norm})

    def row(self) -> Row:
        """Return the log's next row: means of the losses over all ranks since the last one.

        Raises:
            Speech2FaceError: A loss is not finite.
        """
        state = self.state
        means = state.means()
        self.ranks.average(means.values())
        losses = {name: float(value) for name, value in means.items()}
        broken = [name for name, value in losses.items() if not math.isfinite(value)]
        if broken:
            msg = (
                f"the training has come apart before step {state.step}: {', '.join(broken)} not "
                "finite; lower the recipe's rate; the last checkpoint is whole"
            )
            raise Speech2FaceError(msg)
        rate = self.config.rate_at(state.step - 1)
        return {"step": state.step, "seconds": round(state.seconds, 1), "rate": rate, **losses}

    def preview(self, out: Path) -> dict[str, float]:
        """Let the task show what it can with averaged weights, on the first rank."""
        if not self.ranks.first:
            return {}
        folder = out / "previews" / f"{self.state.step:07d}"
        folder.mkdir(parents=True, exist_ok=True)
        with self.state.average.lent(), torch.no_grad():
            figures = self.task.preview(folder)
        if not any(folder.iterdir()):
            folder.rmdir()
        return {f"held out/{name}": value for name, value in figures.items()}

    def save(self, out: Path) -> None:
        """Write the checkpoint; ranks go on with the first one's buffers, as a resumed run does."""
        self.ranks.share(self.state.modules.values())
        if self.ranks.first:
            self.state.save(out / CHECKPOINT)
            self.write(out)

    def write(self, out: Path) -> Path:
        """Let the task write its averaged weights; the file appears whole or not at all."""
        with TemporaryDirectory(dir=out) as folder, self.state.average.lent():
            path = self.task.write(Path(folder))
            return path.replace(out / path.name)
