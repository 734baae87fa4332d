"""The shipped Speech2Landmarks gets used to one speaker, from a minute or more of video."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from speech2face import devices
from speech2face.checked import typed
from speech2face.errors import InputError
from speech2face.jobs.prepare import PreparedVideo, prepare_videos
from speech2face.media.output import atomic_output, check_outputs
from speech2face.progress import Counted, ignore
from speech2face.stages.speech2landmarks import Speech2Landmarks
from speech2face.training.loop.loop import Report, run
from speech2face.training.speech.data import Stretch
from speech2face.training.speech.recipe import Recipe, for_material
from speech2face.training.speech.speech2landmarks import open_task


@dataclass(frozen=True, kw_only=True)
class Finetuned:
    """A fine-tuned network and what it is judged by."""

    output: Path
    shipped: Speech2Landmarks
    finetuned: Speech2Landmarks
    held_out: list[Stretch]
    """Pieces of the speaker that nothing was learnt from."""


@typed
def finetune(
    videos: Sequence[Path],
    output: Path,
    recipe: Recipe,
    *,
    device: str = "auto",
    minutes: float | None = None,
    keep: Path | None = None,
    overwrite: bool = False,
    prepared: Callable[[PreparedVideo], None] | None = None,
    progress: Counted = ignore,
) -> Finetuned:
    """Teach the shipped Speech2Landmarks one speaker's lips.

    Args:
        videos: Of the speaker.
        output: The weights to write (.safetensors).
        recipe: Steps for a minute of speech, rate, share held out.
        device: "auto", "cpu", "cuda", ...
        minutes: Learn no longer than this.
        keep: Folder in which prepared material, log and curves stay, and from which a run goes on.
        overwrite: Replace an output that exists.
        prepared: Called with what became of each video.
        progress: Called with steps done, steps in all, and the newest losses.

    Raises:
        InputError: No video can be used.
    """
    check_outputs(output, inputs=videos, overwrite=overwrite)
    with _folder(keep) as folder:
        place, seconds, usable = devices.resolve(device), 0.0, 0
        for video in prepare_videos(videos, folder, place, speaker="me", progress=progress):
            if prepared is not None:
                prepared(video)
            if video.facts is not None:
                usable, seconds = usable + 1, seconds + video.facts.seconds
        if not usable:
            msg = "no video can be used; expected one that speech2face prepare takes; see above"
            raise InputError(msg)
        plan = for_material(recipe, seconds)
        task = open_task(plan, folder)

        def report(state: Report) -> None:
            progress(state.step, state.steps, state.words)

        weights = run(task, plan, folder / "run", device=device, minutes=minutes, report=report)
        finetuned = Speech2Landmarks.from_file(weights)
        with atomic_output(output, overwrite) as partial:
            shutil.copyfile(weights, partial)
    return Finetuned(
        output=output, shipped=Speech2Landmarks.from_pretrained(), finetuned=finetuned,
        held_out=task.held_out,
    )  # fmt: skip


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)
