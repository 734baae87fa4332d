"""Natural speech as a measure: what follows, what does not, and by how much."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech2face.errors import InputError
from speech2face.evaluation.natural import (
    NaturalClip,
    follow,
    read_sensors,
    rows,
    video_clip,
    video_paths,
    with_sanity,
)


def sensors(folder: Path, names: tuple[str, ...] = ("CXYFIA01", "CXYFNE02", "CXYFMJ03")) -> Path:
    (folder / "ema").mkdir()
    for number, name in enumerate(names):
        rng = np.random.default_rng(number)
        moved = np.cumsum(rng.standard_normal((156, 2)), 0)
        np.savez(
            folder / "ema" / f"{name}.npz", aperture_mm=moved[:, 0], width_mm=moved[:, 1], rate=50
        )
        soundfile.write(folder / "ema" / f"{name}.flac", rng.standard_normal(49_920) * 0.1, 16_000)
    return folder


def test_sensors_are_read_at_25_frames_a_second_with_their_moods(tmp_path: Path):
    clips = read_sensors(sensors(tmp_path))

    assert [clip.group for clip in clips] == ["strong anger", "mild joy", "neutral"]
    assert all(clip.lips.shape == (78, 2) for clip in clips)


def test_who_does_as_the_sensors_say_follows_fully_and_the_sanity_rows_do_not(tmp_path: Path):
    clips = read_sensors(sensors(tmp_path))
    said = {clip.name: 2 * clip.lips + 1 for clip in clips}

    found = {row["row"]: row for row in rows(clips, with_sanity(clips, said, "me"), by_group="me")}

    assert found["me"]["r opening"] == pytest.approx(1)
    assert found["me"]["r width"] == pytest.approx(1)
    assert found["me"]["amplitude width"] == pytest.approx(2)
    assert found["me"]["lag"] == 0
    assert {"me, neutral", "me, mild joy"} <= found.keys()
    for worse in ("wrong audio", "ours, 5 frames late", "loudness alone"):
        assert found[worse]["r opening"] < 0.95


def test_a_lag_that_is_known_is_allowed_for():
    lips = np.cumsum(np.random.default_rng(0).standard_normal((200, 2)), 0)
    late = NaturalClip(
        name="c", kind="videos", group="c", sound=Path("c.mp4"), lips=np.roll(lips, -6, 0), late=6
    )

    found = follow(late, lips)

    assert found.r == pytest.approx([1, 1], abs=0.02)
    assert found.curve.argmax(0).tolist() == [1, 1]


def test_videos_carry_the_lag_that_their_readme_names(tmp_path: Path):
    assert video_clip(tmp_path / "a.mp4", np.zeros((5, 2))).late == 3
    assert video_clip(tmp_path / "unknown.mp4", np.zeros((5, 2))).late == 0


def test_folders_without_material_are_named(tmp_path: Path):
    with pytest.raises(InputError, match="sensor files"):
        read_sensors(tmp_path)
    with pytest.raises(InputError, match="no videos"):
        video_paths(tmp_path)
