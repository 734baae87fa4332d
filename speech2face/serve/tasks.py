"""What the service makes: animate, dub, reenact; which files and settings each of them takes.

A client has files and words. No word of it ever names a file of this machine: settings that are
files come as files, and what is left is checked once more when the settings have been built.
"""

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from speech2face.checkpoints import library
from speech2face.configs import Setting, from_words, settings_of
from speech2face.errors import InputError, WeightsError
from speech2face.generators import registry
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.clip import Report
from speech2face.jobs.dub.job import DubJob, check_dub
from speech2face.jobs.dub.settings import DubSettings
from speech2face.jobs.group.job import GroupJob
from speech2face.jobs.preflight import Job, check
from speech2face.jobs.reenact.job import ReenactJob, check_reenact
from speech2face.jobs.reenact.settings import ReenactSettings
from speech2face.jobs.settings import Settings

Checked = Job | GroupJob | DubJob | ReenactJob

PICTURE, SOUND, VIDEO, DATA = "picture", "sound", "video", "data"
"""What a file must be by its content."""

_SETTING_FILES = {"pose": VIDEO}
"""Settings that are files, where they are no data."""
_POSES = ("natural", "still")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One kind of job."""

    name: str
    summary: str
    settings: type
    files: Mapping[str, str]
    """Roles of the files that are needed, in the order of the command line, and what they are."""
    optional: Mapping[str, str]
    """Roles of those that may be left out."""
    check: Callable[[Mapping[str, Path], Any, Path], Checked]
    """Make a job of files, settings and an output."""
    run: Callable[[Speech2Face, Any, Report], object]

    @property
    def roles(self) -> dict[str, str]:
        """All roles that a file can have, and what it is then."""
        return {**self.files, **self.optional, **file_settings(self.settings)}

    @property
    def words(self) -> dict[str, Setting]:
        """The settings that words are taken for."""
        files = file_settings(self.settings).keys() - {"pose"}
        return {name: one for name, one in settings_of(self.settings).items() if name not in files}

    def chosen(self, words: Mapping[str, str], files: Mapping[str, Path]) -> Any:  # noqa: ANN401
        """Build the settings.

        Args:
            words: By the names of settings.
            files: By role: where each file of the client lies.

        Raises:
            InputError: A word cannot be used, or names a file of this machine.
        """
        known = self.words
        for name, word in words.items():
            if name.replace("-", "_") not in known:
                msg = (
                    f"the form has the unknown setting {name!r}; expected one of "
                    f"{', '.join(known)}, or files of the names {', '.join(self.roles)}"
                )
                raise InputError(msg)
            if name == "pose" and word.strip().lower() not in {*_POSES, ""}:
                msg = f"the pose {word!r} is none of {', '.join(_POSES)}; send a video as a file"
                raise InputError(msg)
            if name == "generator" and ":" in word and library.is_path(word):
                msg = f"the generator {word!r} is a path; expected a name, for instance warp"
                raise InputError(msg)
        given = {name: path for name, path in files.items() if name in file_settings(self.settings)}
        filled = {name: word for name, word in words.items() if word.strip()}
        settings = from_words(self.settings, {**filled, **given}, "the form")
        if not set(settings.files) <= set(files.values()):
            msg = "the timeline names a file; expected tracks alone; send a video as the file pose"
            raise InputError(msg)
        return settings

    def command(self, names: Mapping[str, str], words: Mapping[str, str]) -> str:
        """Return the command line that does the same.

        Args:
            names: What the client calls its files, by role.
            words: Of the settings.
        """
        inputs = [names[role] for role in self.files]
        stem = "_".join(Path(name).stem for name in inputs)
        parts = ["speech2face", self.name, *inputs]
        for role in self.optional:
            parts += [f"--{role}", names[role]] if role in names else []
        files = {name: names[name] for name in file_settings(self.settings) if name in names}
        told = {**words, **files}
        for name, one in settings_of(self.settings).items():
            if name in told and told[name] not in {"", str(one.default)}:
                parts += _option(one, told[name])
        return shlex.join([*parts, "-o", f"{stem}.mp4"])


def _option(one: Setting, word: str) -> list[str]:
    flag = f"--{one.name.replace('_', '-')}"
    if one.kind is not bool:
        # A value that begins with a dash (gaze -5,3) is joined to its flag.
        return [f"{flag}={word}"] if word.startswith("-") else [flag, word]
    yes, _, no = (one.flags or f"{flag}/--no-{flag[2:]}").partition("/")
    told = word.strip().lower() in {"true", "yes", "on", "1"}
    return [] if told == one.default else [yes if told else no]


def file_settings(kind: type) -> dict[str, str]:
    """Return which settings take a file, and what it must be."""
    hints = get_type_hints(kind)
    return {
        name: _SETTING_FILES.get(name, DATA)
        for name in settings_of(kind)
        if isinstance(hints[name], UnionType) and Path in get_args(hints[name])
    }


def seconds_of(job: Checked) -> Fraction:
    """Return how long the longest sound or video of a job is."""
    if isinstance(job, Job | GroupJob):
        return job.duration
    if isinstance(job, DubJob):
        return max(job.duration, job.video.info.duration)
    heard = Fraction(0) if job.audio is None else job.audio.duration
    return max(heard, job.driving.frames / job.driving.fps)


def generators() -> list[str]:
    """Name the generators that can be chosen here: those that ship and those that were imported."""
    imported = list[str]()
    for name in sorted(library.imported()):
        with suppress(WeightsError):  # damaged: `speech2face weights verify` says so
            imported += [] if "." in name else [f"{registry.kind_of(name)}:{name}"]
    return [*(name.removesuffix(":fast") for name in registry.names()), *imported]


def _animate(files: Mapping[str, Path], settings: Settings, output: Path) -> Checked:
    return check(
        files["portrait"], files["audio"], output, settings, overwrite=True,
        generator=settings.generator,
    )  # fmt: skip


def _dub(files: Mapping[str, Path], settings: DubSettings, output: Path) -> Checked:
    return check_dub(files["video"], files["audio"], output, settings, overwrite=True)


def _reenact(files: Mapping[str, Path], settings: ReenactSettings, output: Path) -> Checked:
    return check_reenact(
        files["portrait"], files["driving"], output, settings, audio=files.get("audio"),
        overwrite=True,
    )  # fmt: skip


def with_limit(settings: Any, seconds: float) -> Any:  # noqa: ANN401 - of any task
    """Return settings that refuse longer sounds, where they can."""
    if not hasattr(settings, "max_duration"):
        return settings
    return replace(settings, max_duration=min(settings.max_duration or seconds, seconds))


TASKS = {
    task.name: task
    for task in (
        Task(
            name="animate", summary="Make a portrait speak", settings=Settings,
            files={"portrait": PICTURE, "audio": SOUND}, optional={}, check=_animate,
            run=lambda engine, job, report: engine.run(job, report),
        ),
        Task(
            name="dub", summary="Make the person of a video say another sound",
            settings=DubSettings, files={"video": VIDEO, "audio": SOUND}, optional={}, check=_dub,
            run=lambda engine, job, report: engine.run_dub(job, report),
        ),
        Task(
            name="reenact", summary="Make a portrait move as the person in a video does",
            settings=ReenactSettings, files={"portrait": PICTURE, "driving": VIDEO},
            optional={"audio": SOUND}, check=_reenact,
            run=lambda engine, job, report: engine.run_reenact(job, report),
        ),
    )
}  # fmt: skip
"""All tasks by name."""
