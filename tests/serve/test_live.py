"""A portrait that speaks over a WebSocket: frames come with their sound, wishes are obeyed."""

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

pytest.importorskip("fastapi", reason="pip install 'speech2face[serve]'")
pytest.importorskip("httpx2", reason="pip install httpx2")

from serving import Serving
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from speech2face.jobs.animate import Speech2Face
from speech2face.serve.limits import Limits

LIVE = "ws://127.0.0.1/v1/live"
BEGIN = {"rate": 16000, "size": 64}
TOKEN = "correct-horse-battery-staple"  # noqa: S105 - a test's


@pytest.fixture
def serving(tmp_path: Path, engine: Speech2Face) -> Iterator[Serving]:
    serving = Serving(tmp_path / "store", engine, Limits(sessions=1, seconds=5.0))
    yield serving
    serving.stop()


@pytest.fixture(scope="module")
def pcm(speech: Path) -> bytes:
    samples, rate = soundfile.read(speech, dtype="int16")
    assert rate == 22050
    return samples.tobytes()


def begin(socket: WebSocketTestSession, portrait: Path, **told: object) -> dict[str, Any]:
    socket.send_text(json.dumps({**BEGIN, **told}))
    socket.send_bytes(portrait.read_bytes())
    return json.loads(socket.receive_text())


def frames(socket: WebSocketTestSession) -> tuple[list[int], bytes, list[np.ndarray]]:
    """Receive everything until the service closes."""
    numbers, sound, pictures = list[int](), b"", list[np.ndarray]()
    while (message := socket.receive())["type"] != "websocket.close":
        packed = message["bytes"]
        number, size = struct.unpack_from("<II", packed)
        numbers.append(number)
        sound += packed[8 : 8 + size]
        pictures.append(np.asarray(Image.open(io.BytesIO(packed[8 + size :]))))
    assert message["code"] == 1000
    return numbers, sound, pictures


def test_frames_come_with_the_sound_that_was_sent(
    serving: Serving, portrait: Path, pcm: bytes
) -> None:
    with serving.client.websocket_connect(LIVE) as socket:
        told = begin(socket, portrait, rate=22050)
        for start in range(0, len(pcm), 8820):
            socket.send_bytes(pcm[start : start + 8820])
        socket.send_text('{"finish": true}')
        numbers, sound, pictures = frames(socket)

    assert (told["width"], told["height"], told["fps"]) == (64, 64, 25.0)
    assert told["delay"] < 1
    assert numbers == list(range(20))
    assert sound == pcm
    assert pictures[0].shape == (64, 64, 3)
    assert np.abs(np.float32(pictures[8]) - pictures[0]).max() > 20  # the mouth has moved


def test_wishes_are_obeyed(serving: Serving, portrait: Path, pcm: bytes) -> None:
    with serving.client.websocket_connect(LIVE) as socket:
        begin(socket, portrait, rate=22050)
        socket.send_text('{"steer": {"emotion": "surprised", "gaze": "camera"}}')
        socket.send_text('{"idle": 50}')
        socket.send_bytes(pcm)
        socket.send_text('{"interrupt": true}')
        socket.send_text('{"idle": 5}')
        socket.send_text('{"finish": true}')
        numbers, sound, pictures = frames(socket)

    assert numbers == list(range(len(numbers)))
    assert pcm not in sound  # what was interrupted is not heard to its end
    assert np.abs(np.float32(pictures[-1]) - pictures[0]).max() > 20


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ("hello", "expected a JSON object"),
        ('{"size": 64}', "the rate None cannot be used"),
        ('{"rate": 16000, "pose": "/etc/passwd"}', "send a video as a file"),
        ('{"rate": 16000, "emotion": "hungry"}', "unknown"),
    ],
)
def test_a_beginning_that_cannot_be_used_is_refused(
    serving: Serving, portrait: Path, first: str, says: str
) -> None:
    with serving.client.websocket_connect(LIVE) as socket:
        socket.send_text(first)
        socket.send_bytes(portrait.read_bytes())

        told = socket.receive_json()

        assert told["code"] == 422
        assert says in told["message"]
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


@pytest.mark.parametrize(
    "wish", ['{"idle": 100000}', '{"idle": "x"}', '{"steer": {"size": 64}}', "{", '{"dance": 1}']
)
def test_a_wish_that_is_unknown_ends_the_session(
    serving: Serving, portrait: Path, wish: str
) -> None:
    with serving.client.websocket_connect(LIVE) as socket:
        begin(socket, portrait)

        socket.send_text(wish)

        assert "is unknown" in socket.receive_json()["message"]


def test_what_is_no_portrait_and_what_is_too_long_is_refused(
    serving: Serving, portrait: Path
) -> None:
    with serving.client.websocket_connect(LIVE) as socket:
        socket.send_text(json.dumps(BEGIN))
        socket.send_bytes(b"<html>")
        assert socket.receive_json()["code"] == 415
    with serving.client.websocket_connect(LIVE) as socket:
        begin(socket, portrait)
        socket.send_bytes(bytes(2 * 16000 * 6))
        assert "longer than is taken" in socket.receive_json()["message"]


def test_one_session_at_a_time_is_held_here(serving: Serving, portrait: Path) -> None:
    with serving.client.websocket_connect(LIVE) as first:
        begin(first, portrait)
        with serving.client.websocket_connect(LIVE) as second:
            assert second.receive_json()["code"] == 429


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {}]
)
def test_whom_the_guard_refuses_has_no_socket(
    tmp_path: Path, engine: Speech2Face, headers: dict[str, str]
) -> None:
    serving = Serving(tmp_path, engine, token=None if headers else TOKEN)

    with (
        pytest.raises(WebSocketDisconnect),
        serving.client.websocket_connect(LIVE, headers=headers),
    ):
        pass

    serving.stop()
