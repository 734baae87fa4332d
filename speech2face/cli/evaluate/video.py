"""`speech2face evaluate video`: finished videos before an independent judge.

Every command makes the videos it needs (or takes those that are in the output folder already), has
them judged, prints its table as Markdown and keeps it as Markdown and JSON; `all` does everything.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speech2face.cli.evaluate.options import Data, Output, People, Sounds, Teacher

if TYPE_CHECKING:
    from speech2face.evaluation.video.report import Desk

_Count = Annotated[int, typer.Option(min=1, help="Held-out clips.")]
_Chosen = Annotated[
    list[str] | None, typer.Option("--set", help="A setting for every video: --set emotion=happy:1")
]
_Sanity = Annotated[
    bool, typer.Option("--sanity-only", help="Only the rows that need no pipeline.")
]
_Frames = Annotated[int, typer.Option(min=2, help="Frames on a sheet.")]
_Rotate = Annotated[bool, typer.Option("--rotate", help="One sound for each portrait, in turn.")]


def build() -> typer.Typer:
    """Put the group's commands together."""
    group = typer.Typer(
        help="Finished videos by an independent judge: sync, silence, motion, life, blinks, "
        "emotion, seam.",
        no_args_is_help=True,
    )  # fmt: skip
    for command in (sync, natural, silence, motion, life, blinks, emotion, seam, sheets, playback):
        group.command(command.__name__)(command)
    group.command("all")(everything)
    return group


def sync(
    data: Data, output: Output, teacher: Teacher = None, count: _Count = 40,
    chosen: _Chosen = None, sanity_only: _Sanity = False,
) -> None:  # fmt: skip
    """Mouth opening against the real recording's."""
    desk = _desk(data, output, teacher, chosen, sanity_only=sanity_only)
    desk.grid_tables(count, ["sync"])


def natural(
    data: Data, output: Output, teacher: Teacher = None, chosen: _Chosen = None,
    count: Annotated[int, typer.Option(min=1, help="Sentences with lip sensors.")] = 16,
) -> None:  # fmt: skip
    """Mouths against sensors and real talking videos, and the shapes they take."""
    _desk(data, output, teacher, chosen).natural(count)


def silence(
    data: Data, output: Output, teacher: Teacher = None, count: _Count = 40,
    chosen: _Chosen = None, sanity_only: _Sanity = False,
) -> None:  # fmt: skip
    """Lip speed in pauses against speech."""
    desk = _desk(data, output, teacher, chosen, sanity_only=sanity_only)
    desk.grid_tables(count, ["silence"])


def motion(
    data: Data, output: Output, teacher: Teacher = None, count: _Count = 40,
    chosen: _Chosen = None, sanity_only: _Sanity = False,
) -> None:  # fmt: skip
    """Trembling, head range, lip closure, lost faces."""
    desk = _desk(data, output, teacher, chosen, sanity_only=sanity_only)
    desk.grid_tables(count, ["motion"])


def life(
    data: Data, output: Output, teacher: Teacher = None, people: People = 12, sound: Sounds = None,
    real: Annotated[
        list[Path] | None, typer.Option(help="A video of a real speaker; may be repeated.")
    ] = None,
    frames: Annotated[int, typer.Option(min=25, help="Frames of each video.")] = 250,
    chosen: _Chosen = None,
) -> None:  # fmt: skip
    """Head, brows, cheeks and lids beside the words, against those of real speakers."""
    _desk(data, output, teacher, chosen).life(people, sound or [], real or [], frames)


def blinks(
    data: Data, output: Output, teacher: Teacher = None, people: People = 10,
    sound: Sounds = None, chosen: _Chosen = None,
) -> None:  # fmt: skip
    """Blinks asked for, switched off, and natural ones a minute (on the sounds given)."""
    _desk(data, output, teacher, chosen).blinks(people, sound or [])


def emotion(
    data: Data, output: Output, teacher: Teacher = None, people: People = 24,
    chosen: _Chosen = None,
) -> None:  # fmt: skip
    """What the judge reads from faces asked to be happy, sad, angry, surprised, fearful, ..."""
    _desk(data, output, teacher, chosen).emotion(people)


def seam(data: Data, output: Output, teacher: Teacher = None, people: People = 12) -> None:
    """What shows along the border of the animated square, on frames before encoding."""
    _desk(data, output, teacher).seam(people)


def sheets(
    data: Data, output: Output, teacher: Teacher = None, sound: Sounds = None,
    people: People = 12, frames: _Frames = 12, rotate: _Rotate = False, chosen: _Chosen = None,
) -> None:  # fmt: skip
    """Contact sheets of portraits and sounds, whole and close up, for a person to look at."""
    _desk(data, output, teacher, chosen).sheets(sound or [], people, frames, rotate=rotate)


def playback(data: Data, output: Output, teacher: Teacher = None) -> None:
    """Streams, lengths and a real browser, for six frame rates."""
    _desk(data, output, teacher).playback()


def everything(
    data: Data, output: Output, teacher: Teacher = None, sound: Sounds = None, count: _Count = 40
) -> None:
    """All of it, with the default numbers of portraits."""
    desk = _desk(data, output, teacher)
    if (data / "natural").is_dir():
        desk.natural(16)
    desk.grid_tables(count, ["sync", "silence", "motion"])
    desk.blinks(10, sound or [])
    desk.emotion(24)
    desk.seam(12)
    desk.playback()
    desk.sheets(sound or [], 12, 12, rotate=False)


def _desk(
    data: Path, output: Path, teacher: Path | None, chosen: list[str] | None = None, *,
    sanity_only: bool = False,
) -> "Desk":  # fmt: skip
    from speech2face.evaluation.video.report import Desk

    return Desk.load(data, output, teacher, chosen or [], sanity_only=sanity_only, tell=typer.echo)
