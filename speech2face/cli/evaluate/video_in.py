"""`speech2face evaluate dub` and `evaluate reenact`: videos made from videos, judged."""

from pathlib import Path
from typing import Annotated

import typer

from speech2face.cli.evaluate.options import Data, Output, Teacher

_Count = Annotated[int, typer.Option(min=2, help="Held-out clips of GRID.")]


def dub(data: Data, output: Output, teacher: Teacher = None, count: _Count = 20) -> None:
    """Held-out clips that say another clip of the same speaker: new mouth, old mouth, the rest."""
    from speech2face.evaluation.material import held_out_clips, load_judge
    from speech2face.evaluation.video.dubbing import dub_clips, dubbing_table, pairs_of
    from speech2face.jobs.animate import Speech2Face

    engine = Speech2Face.from_pretrained()

    def make(video: Path, sound: Path, target: Path) -> None:
        engine.dub(video, sound, target)

    pairs = pairs_of(held_out_clips(data, count))
    table = dubbing_table(dub_clips(pairs, make, load_judge(data, teacher), output / "videos"))
    table.write(output)
    typer.echo(table.markdown())


def reenact(
    data: Data, output: Output, teacher: Teacher = None, count: _Count = 15,
    generator: Annotated[str, typer.Option(help="What draws the frames.")] = "warp",
) -> None:  # fmt: skip
    """Frames of held-out clips and of talking videos, led by the videos they are from."""
    from speech2face.evaluation.material import held_out_clips, load_judge
    from speech2face.evaluation.natural import video_paths
    from speech2face.evaluation.video.reenacting import reenact_videos, reenacting_table
    from speech2face.jobs.animate import Speech2Face
    from speech2face.jobs.reenact.settings import ReenactSettings

    engine = Speech2Face.from_pretrained()

    def make(portrait: Path, driving: Path, target: Path, anchor: float) -> None:
        settings = ReenactSettings(generator=generator, anchor=anchor)
        engine.reenact(portrait, driving, target, settings=settings)

    videos = [("GRID", clip.video) for clip in held_out_clips(data, count)]
    if (data / "natural").is_dir():
        videos += [("natural", path) for path in video_paths(data / "natural")]
    judge = load_judge(data, teacher)
    table = reenacting_table(reenact_videos(videos, make, judge, output / "videos"))
    table.write(output)
    typer.echo(table.markdown())
