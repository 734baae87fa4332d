"""Run `python -m speech2face` and the console command `speech2face`."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from types import FrameType

from speech2face.cli.aliases import AliasError, translate
from speech2face.cli.app import run
from speech2face.errors import Speech2FaceError, Speech2FaceWarning

_USAGE, _INTERRUPTED, _TERMINATED = 2, 130, 143


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
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _terminate)
        try:
            return run(translate(sys.argv[1:] if arguments is None else arguments))
        except AliasError as error:
            _say(str(error))
            return _USAGE
        except Speech2FaceError as error:
            _say(str(error))
            return error.exit_code
        except KeyboardInterrupt:
            _say("interrupted; temporary files are removed")
            return _INTERRUPTED


def _say(message: str) -> None:
    sys.stderr.write(f"speech2face: {' '.join(message.split())}\n")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(f"warning: {message}")


def _terminate(signal_number: int, frame: FrameType | None) -> None:
    # An exception instead of sudden death, so that half-written files are removed on the way out.
    del signal_number, frame
    sys.exit(_TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
