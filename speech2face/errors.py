"""The errors a user may meet, each with the exit status of the command that ends with it.

A message is one line in three parts: what is wrong (with the value), what was expected, what to do.
Anything that is not a `Speech2FaceError` is a bug: it keeps its traceback and exits with 1.
"""

from typing import ClassVar


def shown(name: object) -> str:
    """Return a file name as a message can show it: unchanged where it is plain, else quoted.

    Control characters (a terminal would obey them), bytes that are no text, and spaces that a
    reader cannot see are escaped, so that two names never look alike.
    """
    text = str(name)
    visible = "".join(
        character if character.isprintable() and character != "\\" else ascii(character)[1:-1]
        for character in text
    )
    plain = visible.replace("\\\\", "\\") == text and text == " ".join(text.split())
    return text if plain else f"'{visible}'"


class Speech2FaceError(Exception):
    """Base of every error that is the input's, the machine's or the installation's, not a bug."""

    exit_code: ClassVar[int] = 4


class InputError(Speech2FaceError):
    """A file's content or an option's value cannot be used."""

    exit_code: ClassVar[int] = 4


class NoFaceError(InputError):
    """The picture shows no face that can be animated."""

    exit_code: ClassVar[int] = 3


class MediaError(Speech2FaceError):
    """A file cannot be decoded or encoded, or ffmpeg is missing or failed."""

    exit_code: ClassVar[int] = 5


class WeightsError(Speech2FaceError):
    """Weights are missing, damaged, or belong to another network."""

    exit_code: ClassVar[int] = 6


class OutputError(Speech2FaceError):
    """The output exists already or cannot be written."""

    exit_code: ClassVar[int] = 7


class DeviceError(Speech2FaceError):
    """The device asked for is absent."""

    exit_code: ClassVar[int] = 8


class Speech2FaceWarning(UserWarning):
    """Something a user should know although the result is written."""
