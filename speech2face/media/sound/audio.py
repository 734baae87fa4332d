"""Sound in: any file, stream or array becomes a `Sound`, opened once."""

import io
from collections.abc import Sequence
from fractions import Fraction
from itertools import takewhile

import numpy as np
import soundfile

from speech2face.errors import InputError, MediaError, shown
from speech2face.media.inputs import Opened, Readable, open_input
from speech2face.media.libav import demuxed
from speech2face.media.sound.decoding import Part, Track, tracks_of
from speech2face.media.sound.raw_audio import RawFormat
from speech2face.media.sound.riff import Wave, waves_of
from speech2face.media.sound.sound import AudioInfo, Sound, note, note_missing, why_unknown
from speech2face.types import Speech

Samples = tuple[np.ndarray, int]
"""An array, (samples) or (samples, channels), and its rate."""

_RATES = (1000, 768_000)


def open_sound(
    given: Readable | Opened | Sound | Samples,
    *,
    track: int | None = None,
    raw: RawFormat | None = None,
) -> Sound:
    """Open a sound: a file, a video with sound, bytes, a stream, a pipe, or an array and its rate.

    Args:
        given: The input; a `Sound` is returned as it is.
        track: Which of several sound tracks, from 1; None: the first, with a warning that names
            them.
        raw: How to read samples that have no header; None: the header says it.

    Raises:
        InputError: There is no such input or no such track, or it is known to last 0 s.
        MediaError: It holds no sound that can be decoded.
    """  # noqa: DOC502
    if isinstance(given, Sound):
        return given
    source = open_input(_as_wav(given) if isinstance(given, tuple) else given, "sound")
    if raw is not None:
        part = Part(form=raw.form, options=raw.options)
        form, tracks = _tracks(source, part)
        return Sound(source, tracks, tracks[0], [part], form)
    waves = waves_of(source)
    form, tracks = _tracks(source, Part(end=waves[0].end if waves else None))
    chosen = _choose(source, tracks, track)
    if not _RATES[0] <= chosen.rate <= _RATES[1]:
        msg = (
            f"{source} has {chosen.rate} samples a second; expected {_RATES[0]} to {_RATES[1]}; "
            "its header is damaged, or it is no speech"
        )
        raise InputError(msg)
    if not waves:
        return Sound(source, tracks, chosen, [Part()], form)
    joined = list(takewhile(lambda wave: wave.format == waves[0].format, waves))
    if len(joined) < len(waves):
        note(
            f"{source} goes on with sound of another rate or kind after "
            f"{float(sum(map(_seconds, joined))):.1f} s; that is left out: convert it first"
        )
    for wave in joined:
        if wave.stated is not None:
            stated = Fraction(wave.stated, max(1, wave.bytes_per_second))
            note_missing(source, stated, _seconds(wave))
    counted = sum(wave.held // wave.block for wave in joined) if joined[0].is_integer_pcm else None
    if counted == 0:
        msg = f"the sound of {source} lasts 0 s; expected speech; choose another file"
        raise InputError(msg)
    parts = [Part(start=wave.start, end=wave.end) for wave in joined]
    return Sound(source, tracks, chosen, parts, form, counted)


def probe_audio(given: Readable | Opened | Sound | Samples) -> AudioInfo:
    """Measure a sound; compressed sound is decoded once for it.

    Raises:
        InputError: There is no such file, or its sound lasts 0 s.
        MediaError: It holds no sound that can be decoded.
    """  # noqa: DOC502 open_sound raises them
    return open_sound(given).info


def read_speech(given: Readable | Opened | Sound | Samples) -> Speech:
    """Read a sound as the models hear it: mono, 16 kHz, in [-1, 1]; see `Sound.speech`.

    Raises:
        InputError: There is no such file, its sound lasts 0 s, or it holds NaN or infinity.
        MediaError: It holds no sound that can be decoded.
    """  # noqa: DOC502 open_sound raises them
    return open_sound(given).speech()


def _tracks(source: Opened, part: Part) -> tuple[str, list[Track]]:
    """Return the name of the format and the sound tracks.

    Raises:
        MediaError: There are none.
    """
    try:
        with demuxed(
            source, part.start, part.end, form=part.form, options=part.options
        ) as container:
            tracks = tracks_of(container)
            form, kinds = container.format.name, [stream.type for stream in container.streams]
    except MediaError as error:
        raise MediaError(why_unknown(source, str(error))) from error
    if not tracks:
        raise MediaError(why_unknown(source, f"{form} with {', '.join(kinds) or 'nothing'} in it"))
    return form, tracks


def _choose(source: Opened, tracks: Sequence[Track], number: int | None) -> Track:
    """Return the track that the user chose, or the first.

    Raises:
        InputError: There is no such track.
    """
    if number is None:
        if len(tracks) > 1:
            note(
                f"{source} has {len(tracks)} sound tracks ({_listed(tracks)}); the first is used, "
                "--audio-track N chooses another"
            )
        return tracks[0]
    chosen = next((track for track in tracks if track.number == number), None)
    if chosen is None:
        msg = (
            f"{source} has no sound track {number}; expected one of {_listed(tracks)}; "
            "choose one of them"
        )
        raise InputError(msg)
    return chosen


def _listed(tracks: Sequence[Track]) -> str:
    return ", ".join(
        f"{one.number}: {one.codec}, {one.channels} channels"
        + (f", {shown(one.title)}" if one.title else "")
        for one in tracks
    )


def _as_wav(given: Samples) -> bytes:
    """Return an array as the bytes of a WAV, so that it takes the way of every file.

    Raises:
        InputError: It is no sound.
    """
    samples, rate = np.asarray(given[0]), given[1]
    fits = samples.ndim in {1, 2} and samples.dtype.kind in "fi" and samples.size > 0
    if not fits or not isinstance(rate, int) or not _RATES[0] <= rate <= _RATES[1]:
        msg = (
            f"an array of shape {samples.shape} and type {samples.dtype} at {rate} samples a "
            "second is no sound; expected (samples) or (samples, channels) of floats in [-1, 1] "
            f"or of int16, at {_RATES[0]} to {_RATES[1]}"
        )
        raise InputError(msg)
    whole = io.BytesIO()
    kind = "PCM_16" if samples.dtype == np.int16 else "FLOAT"
    values = samples if samples.dtype == np.int16 else samples.astype(np.float32)
    soundfile.write(whole, values, rate, subtype=kind, format="WAV")
    return whole.getvalue()


def _seconds(wave: Wave) -> Fraction:
    return Fraction(wave.held, max(1, wave.bytes_per_second))
