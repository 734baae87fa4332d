"""Dubbing videos of several people, of people who turn away, and videos that lie on their side."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from clips import ffmpeg
from talking import EXAMPLES, mouth_openings, talking_video

from speech2face.errors import InputError, NoFaceError, Speech2FaceWarning
from speech2face.face.normalize import Head
from speech2face.face.rig import load_rig
from speech2face.face.track import FaceTracker
from speech2face.geometry import rotation_matrix
from speech2face.jobs.animate import Speech2Face
from speech2face.jobs.clip import silent
from speech2face.jobs.dub.job import DubJob, check_dub, prepare_dub
from speech2face.jobs.dub.mouth import OwnMouths
from speech2face.jobs.dub.settings import DubSettings
from speech2face.jobs.group.frames import GroupClip
from speech2face.media.video.video import VideoReader
from speech2face.sources.tracks import track_face
from speech2face.types import Face

SIDE = 192


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give 0.6 s of the example's portrait speaking, 192 px."""
    return talking_video(tmp_path_factory.mktemp("talking"), seconds=0.6)


@pytest.fixture(scope="module")
def two(one: Path) -> Path:
    """Give two people side by side who say the same; one is mirrored, in other colours."""
    path = one.with_name("two.mp4")
    other = "hflip,colorchannelmixer=0:1:0:0:1:0:0:0:0:0:1"
    ffmpeg(
        "-i", str(one), "-filter_complex", f"[0:v]split[a][b];[b]{other}[c];[a][c]hstack[o]",
        "-map", "[o]", "-crf", "10", str(path),
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "voice.wav"
    ffmpeg("-ss", "4", "-i", str(EXAMPLES / "speech.wav"), "-t", "0.6", str(path))
    return path


def changes(video: Path, after: list[np.ndarray], columns: slice) -> np.ndarray:
    """Return by how much each frame has changed in some columns."""
    pairs = zip(VideoReader(video), after, strict=True)
    return np.array([
        float(np.abs(new[:, columns].astype(float) - old[:, columns]).mean()) for old, new in pairs
    ])  # fmt: skip


def test_those_who_are_named_speak_in_turn_and_are_silent_between(
    engine: Speech2Face, two: Path, voice: Path, tmp_path: Path
) -> None:
    who, silence = tmp_path / "who.toml", tmp_path / "silence.wav"
    who.write_text("left = [[0, 0.3]]\nright = [[0.3]]\n", "utf-8")
    soundfile.write(silence, np.zeros(9600), 16_000)
    settings = DubSettings(faces=who, size=96)

    spoken = np.stack(list(engine.dub(two, voice, settings=settings))).astype(float)
    rest = np.stack(list(engine.dub(two, silence, settings=settings))).astype(float)

    said = np.abs(spoken - rest)
    left, right = said[:, :, :SIDE].mean((1, 2, 3)), said[:, :, SIDE:].mean((1, 2, 3))
    assert left[:6].max() > 3 * left[11:].max()
    assert right[9:].max() > 3 * right[:4].max()


def test_who_is_not_named_stays_as_they_are(engine: Speech2Face, two: Path, voice: Path) -> None:
    settings = DubSettings(face_select=f"{SIDE + SIDE // 2},{SIDE // 2}@0.2", size=96)

    after = list(engine.dub(two, voice, settings=settings))

    assert not changes(two, after, slice(SIDE)).any()
    assert changes(two, after, slice(SIDE, None)).all()


def test_somebody_seen_once_is_known_again_after_a_cut_and_elsewhere(
    engine: Speech2Face, two: Path, voice: Path
) -> None:
    """The second shot shows the two with their places changed."""
    cut = two.with_name("cut.mp4")
    ffmpeg(
        "-i", str(two), "-filter_complex",
        f"[0:v]split=3[a][b][c];[a]trim=0:0.2,setpts=PTS-STARTPTS[x];"
        f"[b]crop={SIDE}:{SIDE}:{SIDE}:0[r];[c]crop={SIDE}:{SIDE}:0:0[l];[r][l]hstack,"
        "trim=0.2:0.4,setpts=PTS-STARTPTS[y];[x][y]concat[o]",
        "-map", "[o]", "-crf", "10", str(cut),
    )  # fmt: skip
    settings = DubSettings(face_select=f"{SIDE // 2},{SIDE // 2}@0.3", size=96, sync_mode="cut")

    after = list(engine.dub(cut, voice, settings=settings))

    left, right = changes(cut, after, slice(SIDE)), changes(cut, after, slice(SIDE, None))
    assert not left[:5].any()
    assert right[:5].all()
    assert left[5:].all()
    assert not right[5:].any()


def test_a_face_that_never_comes_is_named_and_the_others_speak(
    engine: Speech2Face, two: Path, voice: Path, tmp_path: Path
) -> None:
    who = tmp_path / "who.toml"
    who.write_text("left = [[0, 0.3]]\n3 = [[0.3]]\n", "utf-8")

    with pytest.warns(Speech2FaceWarning, match="shows a face '3'"):
        dubbed = engine.dub(two, voice, settings=DubSettings(faces=who, size=96, preview=2))

    assert len(dubbed) == 2


def test_moments_and_places_that_are_not_there_are_named(
    engine: Speech2Face, one: Path, voice: Path
) -> None:
    with pytest.raises(InputError, match=r"a second of the video, which lasts 0\.60 s"):
        engine.dub(one, voice, settings=DubSettings(face_select="96,96@7"))
    with pytest.raises(InputError, match="sought at 'soon'"):
        engine.dub(one, voice, settings=DubSettings(face_select="96,96@soon"))
    with pytest.raises(NoFaceError, match=r"at 0\.2 s there is no face '2,2'"):
        engine.dub(one, voice, settings=DubSettings(face_select="2,2@0.2"))
    with pytest.raises(InputError, match="leave --face-select out"):
        DubSettings(faces=Path("who.toml"), face_select="left")


def test_a_still_of_several_people_is_animated(
    engine: Speech2Face, two: Path, voice: Path, tmp_path: Path
) -> None:
    picture, who = tmp_path / "two.png", tmp_path / "who.toml"
    cv2.imwrite(str(picture), next(iter(VideoReader(two)))[..., ::-1])
    who.write_text("left = [[0, 0.3]]\nright = [[0.3]]\n", "utf-8")

    clip = engine.dub(picture, voice, settings=DubSettings(faces=who, size=96, preview=2))

    assert isinstance(clip, GroupClip)
    assert len(clip.clips) == 2


def test_a_video_on_its_side_is_dubbed_upright(
    engine: Speech2Face, one: Path, voice: Path, tmp_path: Path
) -> None:
    lying, turned = tmp_path / "lying.mp4", tmp_path / "turned.mp4"
    ffmpeg("-i", str(one), "-vf", "pad=200:192:4:0,transpose=clock", "-crf", "10", str(lying))
    ffmpeg("-display_rotation", "90", "-i", str(lying), "-c", "copy", str(turned))
    out = tmp_path / "dubbed.mp4"

    dubbed = engine.dub(turned, voice, out, settings=DubSettings(size=96))

    assert dubbed.size == VideoReader(out).size == (200, 192)
    changed = np.abs(np.stack(list(dubbed)) - np.stack(list(VideoReader(turned))).astype(float))
    rows = np.flatnonzero(changed.max((0, 2, 3)))
    assert 60 < rows.min() < rows.max() < 180


class _Turning(FaceTracker):
    """A tracker that sees the face turn away over the frames, by 8 degrees a frame."""

    def __init__(self) -> None:  # without the network
        self._frame = 0

    def find(self, image: np.ndarray, least_score: float = 0.5) -> list[Face]:
        del least_score
        return [self._seen(image)]

    def follow(self, image: np.ndarray, last: Face | None) -> Face:
        del last
        self._frame += 1
        return self._seen(image)

    def _seen(self, image: np.ndarray) -> Face:
        head = Head(
            scale=SIDE / 4, rotation=rotation_matrix(np.array([8.0 * self._frame, 0, 0])),
            translation=np.array([image.shape[1] / 2, image.shape[0] / 2, 0.0]),
        )  # fmt: skip
        mesh = head.to_image(load_rig().neutral).astype(np.float32)
        box = np.concatenate([mesh[:, :2].min(0), mesh[:, :2].max(0)])
        return Face(mesh=mesh, box=box, score=0.99)


def test_a_face_that_turns_away_is_left_alone(engine: Speech2Face, one: Path, voice: Path) -> None:
    job = check_dub(one, voice, None, DubSettings(size=96))
    assert isinstance(job, DubJob)
    parts = replace(engine.parts(job.settings.shared()), tracker=_Turning())

    dubbed, _ = prepare_dub(job, parts, silent)

    changed = changes(one, list(dubbed), slice(None)) > 0
    assert changed[:5].all()
    assert not changed[8:].any()


def test_a_shot_is_laid_out_by_its_most_closed_lips(one: Path, tracker: FaceTracker) -> None:
    frames = list(VideoReader(one))
    own = OwnMouths(track_face(frames, tracker), load_rig(), Fraction(25))
    openings = mouth_openings(tracker, frames)

    calmest = own.calmest(np.arange(len(frames)))

    assert openings[calmest] < np.percentile(openings, 20)
    assert own.calmest(np.array([3])) == 3
