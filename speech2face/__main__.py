"""Run `python -m speech2face` and the console command `speech2face`."""

import io
import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from speech2face.cli.aliases import AliasError, translate
from speech2face.cli.app import run
from speech2face.cli.terminal.interruption import Interrupted, interruptible
from speech2face.errors import Speech2FaceError, Speech2FaceWarning

_USAGE, _UNREAD = 2, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    Args:
        arguments: What stands behind the program's name; by default the process's own.
    """
    # Torch's threads otherwise spin while they wait, which on a busy machine costs ten times the
    # processor time of the work itself. It is read when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with warnings.catch_warnings():
        # Users need our warnings, one line each; what libraries say of each other helps nobody.
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", Speech2FaceWarning)
        warnings.showwarning = _show_warning
        _let_any_name_out()
        try:
            given = translate(sys.argv[1:] if arguments is None else arguments)
            return interruptible(lambda: run(given))
        except AliasError as error:
            _say(str(error))
            return _USAGE
        except Speech2FaceError as error:
            _say(str(error))
            return error.exit_code
        except Interrupted as end:
            _say("interrupted; temporary files are removed")
            return end.status
        except BrokenPipeError:
            return _reader_gone()


def _say(message: str) -> None:
    # One line, in which a terminal finds nothing to obey: file names may hold anything.
    line = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in message.strip())
    with suppress(BrokenPipeError):
        sys.stderr.write(f"speech2face: {line}\n")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(f"warning: {message}")


def _let_any_name_out() -> None:
    """Print file names that are no text as the bytes that they are; escape them in messages.

    A stream that was closed from outside (`>&-`) takes everything and shows nothing.
    """
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 to the end
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 to the end
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def _reader_gone() -> int:
    """End quietly where nobody reads what is printed (`... | head`)."""
    with suppress(OSError, ValueError):
        # What is still buffered is written at the end of the program, and must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _say("what reads the output has ended; files that were finished are kept")
    return _UNREAD


if __name__ == "__main__":
    sys.exit(main())
