"""The sound of a job. No generator is imported: `mux` and `landmarks` need none."""

from speech2face.jobs.settings import Settings
from speech2face.media.inputs import Readable
from speech2face.media.sound.audio import open_sound
from speech2face.media.sound.raw_audio import RawFormat
from speech2face.media.sound.sound import Sound


def open_audio(given: Readable | Sound, settings: Settings) -> Sound:
    """Open a sound as the settings say: which track, and how samples without a header are read."""
    raw = None if settings.raw_audio is None else RawFormat.parse(settings.raw_audio)
    return open_sound(given, track=settings.audio_track, raw=raw)
