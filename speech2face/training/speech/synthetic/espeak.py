"""Text to speech with exact phone times: espeak-ng through ctypes (PyPI `espeakng-loader`).

espeak-ng is a GPL tool that training runs; nothing of it is needed or contained at run time.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from speech2face.errors import WeightsError
from speech2face.media.torchaudio_compat import ensure_torchaudio
from speech2face.timing import SPEECH_RATE

_SYNCHRONOUS, _PHONEME_EVENTS, _PHONEME_IPA = 2, 0x0001, 0x0002
"""`espeak_Initialize`: sound to a callback before the call returns; phone events; named in IPA."""
_UTF8 = 1
_PHONEME_EVENT, _END_OF_LIST = 7, 0
_RATE, _PITCH, _RANGE = 1, 3, 4
"""`espeak_SetParameter`: words a minute, pitch and its range, both 0 to 100."""


@dataclass(frozen=True, kw_only=True)
class Phone:
    """A phone and when it begins."""

    ipa: str
    start: float
    """Seconds."""


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """Spoken text."""

    samples: Float[np.ndarray, " samples"]
    """16 kHz, in [-1, 1]."""
    phones: tuple[Phone, ...]
    """In order; an empty name is silence."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The synthesiser; one a process, as its library keeps one state."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            WeightsError: espeakng-loader is not installed or its library does not start.
        """
        try:
            import espeakng_loader  # noqa: PLC0415 # pyright: ignore[reportMissingImports]
        except ImportError as error:
            msg = "synthetic speech needs espeak-ng; run pip install 'speech2face[train]'"
            raise WeightsError(msg) from error
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = Path(espeakng_loader.get_data_path()).parent
        options = _PHONEME_EVENTS | _PHONEME_IPA
        self.rate: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, str(data).encode(), options
        )
        if self.rate <= 0:
            msg = f"espeak-ng does not start with its data in {data}; install espeakng-loader again"
            raise WeightsError(msg)
        self._sound: list[np.ndarray] = []
        self._phones: list[Phone] = []
        # ctypes keeps no reference of its own: it must live as long as the library calls it.
        self._callback: Any = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, sound: Any, count: int, events: Any) -> int:  # noqa: ANN401 - ctypes pointers
        if count > 0:
            self._sound.append(np.ctypeslib.as_array(sound, (count,)).copy())
        i = 0
        while events[i].type != _END_OF_LIST:
            if events[i].type == _PHONEME_EVENT:
                name = events[i].id.string.decode("utf-8", "replace").strip("_ ")
                self._phones.append(Phone(ipa=name, start=events[i].audio_position / 1000))
            i += 1
        return 0

    def say(
        self, text: str, voice: str, *, rate: int = 165, pitch: int = 50, melody: int = 50
    ) -> Utterance:
        """Speak a text.

        Args:
            text: In the voice's language.
            voice: An espeak-ng voice with an optional variant, for instance "de+f3".
            rate: Words a minute.
            pitch: 0 to 100.
            melody: How far the pitch moves, 0 to 100.

        Raises:
            WeightsError: There is no such voice, or it said nothing.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            msg = f"espeak-ng has no voice {voice!r}; espeak-ng --voices names them"
            raise WeightsError(msg)
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, melody)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._sound, self._phones = [], []
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        if not self._sound or not any(phone.ipa for phone in self._phones):
            msg = (
                f"espeak-ng said nothing in the voice {voice!r} for {text[:40]!r}; try another text"
            )
            raise WeightsError(msg)
        sound = np.concatenate(self._sound).astype(np.float32) / 32768
        resample = ensure_torchaudio().functional.resample
        samples = resample(torch.from_numpy(sound), self.rate, SPEECH_RATE).numpy()
        return Utterance(samples=samples, phones=tuple(self._phones))
