import io
import os
import threading
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speech2face.errors import InputError, MediaError, OutputError
from speech2face.face.view import View
from speech2face.media.inputs import open_input
from speech2face.stages.artifacts import Artifact, Origin, check_origin, load_track, save_track
from speech2face.types import ControlTrack, Face, LandmarkTrack, LatentTrack

RNG = np.random.default_rng(0)
NTSC = Fraction(30000, 1001)


def noise(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


ARTIFACTS: tuple[Artifact, ...] = (
    LandmarkTrack(points=noise(7, 70, 3), fps=NTSC),
    ControlTrack(
        emotion=noise(5, 8), blink=noise(5, 2), gaze=noise(5, 2), pose=noise(5, 3), brow=noise(5),
        frown=noise(5), smile=noise(5),
        fps=Fraction(25),
    ),
    LatentTrack(values=noise(3, 59), space="warp", fps=Fraction(25)),
    View(
        image=RNG.integers(0, 255, (9, 11, 3)).astype(np.uint8),
        crop=RNG.integers(0, 255, (16, 16, 3)).astype(np.uint8),
        to_crop=noise(2, 3),
        face=Face(mesh=noise(478, 3), box=noise(4), score=0.75),
    ),
)  # fmt: skip
LANDMARKS, CONTROLS, LATENTS, PORTRAIT = ARTIFACTS


def arrays_of(value: object) -> dict[str, Any]:
    flat = dict(vars(value))
    if "face" in flat:
        flat |= vars(flat.pop("face"))
    return flat


def archive(path: Path, **changes: object) -> Path:
    """Write good landmarks with some arrays changed, or left out by None."""
    arrays: dict[str, object] = {
        "schema": "speech2face/landmarks", "version": 1, "fps": np.array([25, 1]),
        "points": np.zeros((4, 70, 3), np.float32), **changes,
    }  # fmt: skip
    np.savez(path, **{name: np.asarray(a) for name, a in arrays.items() if a is not None})
    return path


@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda artifact: type(artifact).__name__)
def test_what_is_written_is_read_again(artifact: Artifact, tmp_path: Path) -> None:
    path = tmp_path / "an odd näme.bin"

    save_track(path, artifact)
    found = load_track(path, type(artifact))

    assert type(found) is type(artifact)
    for name, value in arrays_of(artifact).items():
        np.testing.assert_array_equal(arrays_of(found)[name], value)
        assert getattr(arrays_of(found)[name], "dtype", None) == getattr(value, "dtype", None)


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        save_track(tmp_path / name, LANDMARKS)

    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_files_can_be_read_without_us_and_hold_no_objects(tmp_path: Path) -> None:
    save_track(tmp_path / "a.npz", LATENTS)

    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert str(found["schema"]) == "speech2face/latents"
        assert int(found["version"]) == 1
        assert found["fps"].tolist() == [25, 1]
        assert str(found["space"]) == "warp"


def test_a_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_track(path, LATENTS)
    with pytest.raises(OutputError, match="exists already"):
        save_track(path, LATENTS)

    save_track(path, LANDMARKS, overwrite=True)

    assert len(load_track(path, LandmarkTrack)) == 7
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


def test_a_file_of_another_kind_is_refused_and_both_kinds_named(tmp_path: Path) -> None:
    save_track(tmp_path / "a.npz", CONTROLS)

    with pytest.raises(InputError, match=r"a\.npz holds controls.*not landmarks.*make it with"):
        load_track(tmp_path / "a.npz", LandmarkTrack)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": None}, "others' data"),
        ({"schema": "elsewhere"}, "others' data"),
        ({"version": 2}, "version 2.*version 1"),
        ({"version": None}, "version 0"),
        ({"version": "new"}, "version 'new'"),
        ({"points": None}, "lacks the array 'points'"),
        ({"points": np.zeros((4, 68, 3), np.float32)}, r"shape \(4, 68, 3\), not \(4, 70, 3\)"),
        ({"points": np.zeros((0, 70, 3), np.float32)}, r"shape \(0, 70, 3\)"),
        ({"points": np.zeros((4, 70), np.float32)}, r"shape \(4, 70\)"),
        ({"points": np.zeros((4, 70, 3))}, "type float64, not float32"),
        ({"points": np.full((4, 70, 3), np.nan, np.float32)}, "not finite"),
        ({"fps": None}, "is no frame rate"),
        ({"fps": np.array([25, 0])}, "is no frame rate"),
        ({"fps": np.array([25.0, 1.0])}, "is no frame rate"),
        ({"fps": np.array([5000, 1])}, "5000 is outside"),
    ],
)
def test_files_that_do_not_fit_the_schema_are_refused(
    changes: dict[str, object], reason: str, tmp_path: Path
) -> None:
    path = archive(tmp_path / "a.npz", **changes)

    with pytest.raises(InputError, match=reason):
        load_track(path, LandmarkTrack)


def test_the_same_file_unchanged_is_read(tmp_path: Path) -> None:
    assert load_track(archive(tmp_path / "a.npz"), LandmarkTrack).fps == 25


def test_rows_that_differ_in_length_are_refused(tmp_path: Path) -> None:
    save_track(tmp_path / "a.npz", CONTROLS)
    with np.load(tmp_path / "a.npz") as found:
        arrays = {name: found[name] for name in found.files}
    np.savez(tmp_path / "b.npz", **{**arrays, "gaze": arrays["gaze"][:3]})

    with pytest.raises(InputError, match=r"gaze has the shape \(3, 2\), not \(5, 2\)"):
        load_track(tmp_path / "b.npz", ControlTrack)


def test_a_portrait_whose_crop_is_no_square_is_refused(tmp_path: Path) -> None:
    save_track(tmp_path / "a.npz", PORTRAIT)
    with np.load(tmp_path / "a.npz") as found:
        arrays = {name: found[name] for name in found.files}
    np.savez(tmp_path / "b.npz", **{**arrays, "crop": arrays["crop"][:9]})

    with pytest.raises(InputError, match="crop has the shape"):
        load_track(tmp_path / "b.npz", View)


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "sprung").touch, ())

    trap = np.array([Trap()], object)
    np.savez(tmp_path / "a.npz", schema=trap, version=1, points=trap)

    with pytest.raises(InputError, match="allow_pickle"):
        load_track(tmp_path / "a.npz", LandmarkTrack)
    assert not (tmp_path / "sprung").exists()


def test_an_archive_that_claims_terabytes_is_refused_unread(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz")
    data = bytearray(path.read_bytes())
    # The size of a member stands 24 bytes into its entry of the central directory.
    entry = data.index(b"PK\x01\x02")
    for _ in range(4):
        data[entry + 24 : entry + 28] = (0xF0000000).to_bytes(4, "little")
        entry = data.find(b"PK\x01\x02", entry + 4)
    path.write_bytes(data)

    with pytest.raises(InputError, match="claims to hold 15 GiB"):
        load_track(path, LandmarkTrack)


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", b"PK\x05\x06" + bytes(18)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)

    with pytest.raises((InputError, MediaError), match=r"a\.npz"):
        load_track(path, LatentTrack)


def test_a_pipe_is_read_once_as_a_stage_file(tmp_path: Path) -> None:
    pipe, content = tmp_path / "pipe", archive(tmp_path / "a.npz").read_bytes()
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[content])
    writer.start()

    opened = open_input(pipe, "stage file")
    writer.join()

    assert len(load_track(opened, LandmarkTrack)) == 4
    assert len(load_track(opened, LandmarkTrack)) == 4


def test_what_is_checked_is_what_was_read(tmp_path: Path) -> None:
    portrait, path = open_input(b"a portrait", "portrait"), tmp_path / "a.npz"
    track = LatentTrack(values=noise(3, 5), space="warp", fps=Fraction(25))
    save_track(path, track, origin=Origin(portrait=portrait.sha256))

    opened = open_input(path, "stage file")
    save_track(path, track, overwrite=True, origin=Origin(portrait="another"))

    assert check_origin(opened, portrait=portrait).portrait == portrait.sha256
    with pytest.raises(InputError, match="another portrait"):
        check_origin(path, portrait=portrait)


@pytest.mark.parametrize("origin", ['{"portrait": 3}', '{"sound": [1]}', "[1]", "{", "null"])
def test_an_origin_of_a_wrong_type_is_damage(tmp_path: Path, origin: str) -> None:
    path = tmp_path / "a.npz"
    values = dict(np.load(archive(path)))
    np.savez(path, **{**values, "origin": np.asarray(origin)})

    with pytest.raises(InputError, match="its origin cannot be read"):
        check_origin(path, portrait=open_input(b"a portrait", "portrait"))


def test_a_missing_file_a_folder_and_a_zip_of_text_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as file:
        file.writestr("schema", "speech2face/latents")
    for name in ("absent.npz", ".", "text.npz"):
        with pytest.raises(InputError):
            load_track(tmp_path / name, LatentTrack)


def good_bytes() -> bytes:
    buffer = io.BytesIO()
    points = noise(2, 70, 3)
    np.savez_compressed(
        buffer, schema="speech2face/landmarks", version=1, fps=np.array([25, 1]), points=points
    )
    return buffer.getvalue()


GOOD = good_bytes()


@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=0, max_size=4
    ),
    length=st.integers(0, len(GOOD)) | st.just(len(GOOD)),
)
def test_damaged_bytes_end_in_a_typed_error_or_usable_landmarks(
    changes: list[tuple[int, int]], length: int, tmp_path: Path
) -> None:
    data = bytearray(GOOD)
    for position, value in changes:
        data[position] = value
    path = tmp_path / "a.npz"
    path.write_bytes(data[:length])

    try:
        track = load_track(path, LandmarkTrack)
    except (InputError, MediaError) as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert track.points.shape == (2, 70, 3)
