"""The files of training pairs."""

from pathlib import Path

import numpy as np
import pytest

from speech2face.errors import InputError
from speech2face.synthesis.pairs import (
    IdentityFrames,
    list_identities,
    read_identity,
    write_identity,
)


def frames_of(identity: str, *, held_out: bool, flows: bool = True) -> IdentityFrames:
    rng = np.random.default_rng(len(identity))
    return IdentityFrames(
        kind="heads",
        identity=identity,
        held_out=held_out,
        frames=rng.integers(0, 256, (2, 256, 256, 3), np.uint8),
        meshes=rng.random((2, 478, 3), np.float32),
        flows=rng.random((2, 2, 64, 64, 2), np.float32) if flows else None,
        visible=rng.integers(0, 2, (2, 2, 64, 64), np.uint8) if flows else None,
        coefficients=rng.random((2, 3), np.float32),
        channels=("jawOpen", "eyeBlink_L", "eyeBlink_R"),
    )


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = frames_of("someone", held_out=True)
    write_identity(tmp_path / "a.npz", written)

    read = read_identity(tmp_path / "a.npz")

    assert (read.identity, read.kind, read.held_out) == ("someone", "heads", True)
    assert read.channels == written.channels
    assert np.array_equal(read.frames, written.frames)
    assert np.array_equal(read.meshes, written.meshes)
    assert read.flows is not None
    assert read.flows.dtype == np.float16
    assert np.abs(read.flows - written.flows).max() < 1e-3
    assert read.pose is None
    assert len(read) == 2


def test_recordings_carry_no_motion(tmp_path: Path) -> None:
    write_identity(tmp_path / "a.npz", frames_of("someone", held_out=False, flows=False))

    assert read_identity(tmp_path / "a.npz").flows is None


def test_held_out_people_are_listed_apart(tmp_path: Path) -> None:
    for name, held_out in (("c", True), ("a", False), ("b", False)):
        write_identity(tmp_path / f"{name}.npz", frames_of(name, held_out=held_out))

    def names(**which: bool) -> list[str]:
        return [path.stem for path in list_identities(tmp_path, **which)]

    assert names() == ["a", "b", "c"]
    assert names(held_out=False) == ["a", "b"]
    assert names(held_out=True) == ["c"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="speech2face synthesize"):
        list_identities(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)

    with pytest.raises(InputError, match=r"a\.npz is not a file of training pairs"):
        read_identity(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"a\.npz is not a file of training pairs"):
        list_identities(tmp_path, held_out=True)
