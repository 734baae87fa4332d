"""Samples without a header: how they are to be read has to be said."""

from dataclasses import dataclass

from speech2face.errors import InputError

_FORMATS = {
    "u8": "u8", "s8": "s8", "s16": "s16le", "s24": "s24le", "s32": "s32le", "f32": "f32le",
    "f64": "f64le", "mulaw": "mulaw", "ulaw": "mulaw", "alaw": "alaw",
    **{name: name for name in (
        "s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be",
    )},
}  # fmt: skip
"""As people write them: ffmpeg's name. Without an ending: little endian."""

_MOST_CHANNELS = 64
_RATES = (1000, 768_000)


@dataclass(frozen=True, kw_only=True)
class RawFormat:
    """Rate, channels and kind of samples that have no header."""

    rate: int
    channels: int
    form: str
    """ffmpeg's name of the format, for instance "s16le"."""

    @classmethod
    def parse(cls, text: str) -> "RawFormat":
        """Read "RATE,CHANNELS,FORMAT", for instance "16000,1,s16le".

        Raises:
            InputError: It is not that.
        """
        words = [word.strip().lower() for word in text.split(",")]
        fits = len(words) == 3 and all(word.isdecimal() and word.isascii() for word in words[:2])  # noqa: PLR2004
        if fits and len(words[0]) < 8 and len(words[1]) < 4 and words[2] in _FORMATS:  # noqa: PLR2004
            rate, channels = int(words[0]), int(words[1])
            if _RATES[0] <= rate <= _RATES[1] and 1 <= channels <= _MOST_CHANNELS:
                return cls(rate=rate, channels=channels, form=_FORMATS[words[2]])
        msg = (
            f"raw audio {text!r} cannot be understood; expected RATE,CHANNELS,FORMAT with one of "
            f"{', '.join(sorted(set(_FORMATS)))}; for instance 16000,1,s16le"
        )
        raise InputError(msg)

    @property
    def options(self) -> dict[str, str]:
        """Options of ffmpeg's reader of such samples."""
        layout = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels}C")
        return {"sample_rate": str(self.rate), "ch_layout": layout}
