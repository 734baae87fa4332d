"""The service as a process: it listens, answers, and ends when it is told to."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="pip install 'speech2face[serve]'")

from speech2face.__main__ import main
from speech2face.serve.limits import Limits


def test_the_command_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "speech2face", "serve", "--port", "0", "--data", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "speech2face: loading ...\n"
        line = running.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, line
        with urllib.request.urlopen(f"{found[0]}v1/about") as answer:  # noqa: S310 - ours
            assert json.load(answer)["limits"]["megabytes"] == 500
        running.send_signal(signal.SIGINT)
        told = running.stderr.read()

    assert running.returncode == 130
    assert "Traceback" not in told


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        status = main(["serve", "--port", port, "--data", str(tmp_path)])

    assert status == 7
    assert "nothing can listen at 127.0.0.1" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(vars(Limits())))
def test_a_limit_that_leaves_no_room_is_refused(name: str) -> None:
    with pytest.raises(Exception, match=f"the limit {name} of 0 leaves room for nothing"):
        Limits(**{name: type(getattr(Limits(), name))(0)})
