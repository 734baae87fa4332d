"""Which face of a video is meant: by its place in every shot, or as somebody seen at a moment."""

from speech2face.errors import InputError, NoFaceError
from speech2face.face.choose import choose
from speech2face.face.looks import Looks
from speech2face.face.track import FaceTracker
from speech2face.media.video.video import VideoReader
from speech2face.sources.part import exact
from speech2face.sources.tracks import Chooses, chosen_by


def picked(select: str, reader: VideoReader, tracker: FaceTracker) -> Chooses:
    """Return what picks a face in each shot.

    Args:
        select: As `face.choose.choose` understands it, in every shot anew; or with @SECOND behind
            it: whoever that is at that second of the video, in all shots, known by their looks.
        reader: The video.
        tracker: Finds the faces of that moment.

    Raises:
        InputError: There is no such second.
        NoFaceError: There is no such face at that second.
    """
    place, at, moment = select.partition("@")
    if not at:
        return chosen_by(select)
    try:
        number = round(exact(float(moment)) * reader.fps)
    except (ValueError, OverflowError):
        number = -1
    image = next(reader.since(number), None) if 0 <= number < reader.frames else None
    if image is None:
        msg = (
            f"the face {select!r} is sought at {moment!r}; expected a second of the video, which "
            f"lasts {float(reader.info.duration):.2f} s, for instance {place}@0.5"
        )
        raise InputError(msg)
    faces = tracker.find(image)
    face = choose(faces, place)
    if face is None:
        boxes = "; ".join(",".join(str(round(float(side))) for side in one.box) for one in faces)
        msg = (
            f"at {moment} s there is no face {place!r} in the video; its faces there are at "
            f"{boxes or 'no place'} (left, top, right, bottom); choose another point or second"
        )
        raise NoFaceError(msg)
    return Looks(image, face)
