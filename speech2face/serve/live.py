"""A portrait that speaks while the sound arrives, over a WebSocket.

The client begins with a text, `{"rate": 16000, "size": 256, "emotion": "happy", ...}`: the rate of
its sound and any setting of `animate`; then the portrait's file as one binary message. It is
answered with `{"width", "height", "fps", "rate", "delay"}`. From then on its binary messages are
sound (PCM, signed 16 bit, little-endian, mono), its texts wishes:

    {"steer": {"emotion": "sad", "gaze": "camera"}}   another look, reached smoothly
    {"idle": 50}                                      frames while nobody speaks
    {"interrupt": true}                               forget what was heard; the mouth closes
    {"finish": true}                                  draw the rest, then close

Each frame comes as one binary message: its number and the bytes of its sound (two 32-bit numbers,
little-endian), that sound (as it was sent), and a JPEG.
"""

import asyncio
import json
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from anyio.to_thread import run_sync
from starlette.websockets import WebSocket, WebSocketDisconnect

from speech2face.controls.settings import ControlSettings
from speech2face.errors import InputError, Speech2FaceError
from speech2face.jobs.settings import Settings
from speech2face.serve.limits import Limits
from speech2face.serve.looks import as_jpeg
from speech2face.serve.refusals import Refusal
from speech2face.serve.service import Service
from speech2face.serve.tasks import TASKS
from speech2face.serve.uploads import require_few_pixels
from speech2face.session import Piece, Session

_RATES = (8_000, 96_000)
_SAMPLE = 32768.0
_MOST_IDLE = 250
_AHEAD_SECONDS = 10.0
"""Sound that may wait to be heard; a client that is further ahead has to wait itself."""
_STEERED = ("emotion", "gaze", "pose", "blink", "pose_strength", "liveliness")
_SILENT_SECONDS = 300.0
"""A client that says nothing for so long makes room for others."""
_REFUSED = 1008
"""Why a WebSocket was closed: the client's doing."""


async def speak(socket: WebSocket, service: Service) -> None:
    """Hold one conversation, from the first message to the last frame."""
    await socket.accept()
    try:
        with service.talking() as engine:
            async with asyncio.timeout(_SILENT_SECONDS):
                rate, settings, picture = await _beginning(socket)
            require_few_pixels(picture, service.limits)
            avatar = await run_sync(engine.avatar, picture, settings)
            session = await run_sync(avatar.session)
            width, height = session.size
            told = {"width": width, "height": height, "fps": float(session.fps), "rate": rate,
                    "delay": float(session.delay)}  # fmt: skip
            await socket.send_json(told)
            await _Conversation(socket, session, rate, service.limits).hold()
        await socket.close()
    except WebSocketDisconnect:
        pass
    except (Refusal, Speech2FaceError, TimeoutError) as error:
        if isinstance(error, TimeoutError):
            error = InputError(f"nothing was said for {_SILENT_SECONDS:g} s; begin again")
        refusal = error if isinstance(error, Refusal) else Refusal.of(error)
        with suppress(WebSocketDisconnect, RuntimeError):  # the client has gone
            await socket.send_json(refusal.body)
            await socket.close(_REFUSED)


async def _beginning(socket: WebSocket) -> tuple[int, Settings, bytes]:
    """Receive the rate of the sound, the settings and the portrait.

    Raises:
        InputError: They come in another order, or cannot be used.
    """
    told = _table(await _text(socket))
    rate = told.pop("rate", None)
    if not isinstance(rate, int) or not _RATES[0] <= rate <= _RATES[1]:
        msg = f"the rate {rate!r} cannot be used; expected {_RATES[0]} to {_RATES[1]}, say 16000"
        raise InputError(msg)
    words = {"size": "256", "full": "false"} | {name: str(word) for name, word in told.items()}
    settings = TASKS["animate"].chosen(words, {})
    message = await socket.receive()
    if message.get("bytes") is None:
        msg = "expected the portrait's file as one binary message, after the settings"
        raise InputError(msg)
    return rate, settings, message["bytes"]


async def _text(socket: WebSocket) -> str:
    """Receive a text.

    Raises:
        InputError: It is none.
        WebSocketDisconnect: The client has gone.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    text = message.get("text")
    if text is None:
        msg = 'expected a text with the rate and settings first, for instance {"rate": 16000}'
        raise InputError(msg)
    return text


class _Conversation:
    """Sound and wishes come in, frames go out; an interruption overtakes sound that waits."""

    def __init__(self, socket: WebSocket, session: Session, rate: int, limits: Limits) -> None:
        self._socket, self._session, self._rate = socket, session, rate
        self._left = round(limits.seconds * rate)  # samples
        self._coming = deque[bytes | dict[str, Any]]()
        self._changed = asyncio.Condition()
        self._interrupted = self._gone = False

    async def hold(self) -> None:
        """Draw what is said, until the client has finished or gone."""
        listening = asyncio.create_task(self._listen())
        try:
            while True:
                async with asyncio.timeout(_SILENT_SECONDS), self._changed:
                    await self._changed.wait_for(lambda: self._coming or self._gone)
                    if not self._coming:
                        return
                    message = self._coming.popleft()
                    self._changed.notify_all()
                pieces = await run_sync(self._obey, message)
                await self._show(pieces)
                if isinstance(message, dict) and message.get("finish"):
                    return
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def _listen(self) -> None:
        """Take messages as they come; sound that an interruption overtakes is dropped."""
        while True:
            message = await self._socket.receive()
            async with self._changed:
                if message["type"] == "websocket.disconnect":
                    self._gone, self._interrupted = True, True
                    self._coming.clear()
                elif message.get("bytes") is not None:
                    await self._changed.wait_for(lambda: self._waiting() < _AHEAD_SECONDS)
                    self._coming.append(message["bytes"])
                else:
                    # What cannot be read is refused by whoever obeys it.
                    wish = _wish(message.get("text") or "")
                    if wish.get("interrupt"):
                        self._interrupted = True
                        self._coming = deque(one for one in self._coming if isinstance(one, dict))
                    self._coming.append(wish)
                self._changed.notify_all()
            if self._gone:
                return

    def _waiting(self) -> float:
        """Count the seconds of sound that wait."""
        return sum(len(one) for one in self._coming if isinstance(one, bytes)) / (2 * self._rate)

    def _obey(self, message: bytes | dict[str, Any]) -> Iterator[Piece]:
        """Do what a message asks for; the frames are drawn as they are iterated over.

        Raises:
            InputError: It asks for something unknown, or the sound is too long.
        """
        session = self._session
        if isinstance(message, bytes):
            samples = np.frombuffer(message[: len(message) // 2 * 2], "<i2")
            self._left -= len(samples)
            if self._left < 0:
                msg = "the sound goes on for longer than is taken; begin another session"
                raise InputError(msg)
            return session.feed((samples / _SAMPLE).astype(np.float32), self._rate)
        match message:
            case {"finish": True}:
                return session.finish()
            case {"interrupt": True}:
                self._interrupted = False
                session.interrupt()
                return iter(())
            case {"idle": int(frames)} if 0 <= frames <= _MOST_IDLE:
                return session.idle(frames)
            case {"steer": dict(words)} if set(words) <= set(_STEERED):
                session.steer(_steered(words))
                return iter(())
        msg = (
            f"the wish {json.dumps(message)[:80]} is unknown; say steer, idle, interrupt or finish"
        )
        raise InputError(msg)

    async def _show(self, pieces: Iterator[Piece]) -> None:
        """Send frames as they are drawn, unless an interruption comes."""
        while not self._interrupted:
            piece = await run_sync(next, pieces, None)
            if piece is None:
                return
            for message in await run_sync(_packed, piece):
                await self._socket.send_bytes(message)


def _packed(piece: Piece) -> list[bytes]:
    """Return the messages of a piece's frames; its sound is shared out between them."""
    pcm = np.clip(np.rint(piece.samples * _SAMPLE), -_SAMPLE, _SAMPLE - 1).astype("<i2")
    sounds = np.array_split(pcm, len(piece.frames)) if len(piece.frames) else []
    return [
        struct.pack("<II", piece.start + index, sound.nbytes) + sound.tobytes() + as_jpeg(frame)
        for index, (frame, sound) in enumerate(zip(piece.frames, sounds, strict=True))
    ]


def _steered(words: Mapping[str, Any]) -> ControlSettings:
    """Return what a wish asks of the face."""
    told = {name: str(word) for name, word in words.items()}
    return TASKS["animate"].chosen(told, {})


def _table(text: str) -> dict[str, Any]:
    """Read a text that has to be a JSON object.

    Raises:
        InputError: It is none.
    """
    table = _wish(text)
    if not table:
        msg = 'expected a JSON object, for instance {"rate": 16000, "emotion": "happy"}'
        raise InputError(msg)
    return table


def _wish(text: str) -> dict[str, Any]:
    """Read a text; what is no JSON object is an empty one, which nobody obeys."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}
