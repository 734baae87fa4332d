import os
import stat
from pathlib import Path

import pytest

from speech2face.errors import OutputError
from speech2face.media.output import atomic_output, check_output, remove_unfinished, together


def test_a_file_appears_under_its_name_only_when_the_block_ends(tmp_path: Path) -> None:
    wanted = tmp_path / "clip.mp4"

    with atomic_output(wanted, overwrite=False) as temporary:
        temporary.write_bytes(b"whole")
        assert not wanted.exists()
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".mp4"

    assert wanted.read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["clip.mp4"]  # noqa: PTH208


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_when_the_block_fails(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), atomic_output(tmp_path / "a", overwrite=False) as temporary:  # noqa: PT012
        temporary.write_bytes(b"half")
        raise error

    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_when_the_block_fails(tmp_path: Path) -> None:
    wanted = tmp_path / "a"
    wanted.write_text("old")

    with pytest.raises(ValueError, match="no"), atomic_output(wanted, overwrite=True):  # noqa: PT012
        msg = "no"
        raise ValueError(msg)

    assert wanted.read_text() == "old"


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    wanted = tmp_path / "a"
    wanted.write_text("old")

    with pytest.raises(OutputError, match="exists already"), atomic_output(wanted, overwrite=False):
        pytest.fail("the block must not run")
    with atomic_output(wanted, overwrite=True) as temporary:
        temporary.write_text("new")

    assert wanted.read_text() == "new"


def test_a_file_that_another_run_wrote_meanwhile_is_kept(tmp_path: Path) -> None:
    wanted = tmp_path / "a"

    with (  # noqa: PT012 the block is what is tested
        pytest.raises(OutputError, match="meanwhile"),
        atomic_output(wanted, overwrite=False) as temporary,
    ):
        temporary.write_text("mine")
        wanted.write_text("theirs")

    assert wanted.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [wanted]


def test_two_runs_in_one_folder_use_two_temporary_files(tmp_path: Path) -> None:
    wanted = tmp_path / "a"

    with atomic_output(wanted, overwrite=True) as one, atomic_output(wanted, overwrite=True) as two:
        assert one != two


def test_a_bare_name_lands_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with atomic_output(Path("a.mp4"), overwrite=False) as temporary:
        temporary.write_text("here")

    assert (tmp_path / "a.mp4").read_text() == "here"


def test_a_symbolic_link_is_written_through(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)

    with atomic_output(link, overwrite=True) as temporary:
        temporary.write_text("new")

    assert link.is_symlink()
    assert target.read_text() == "new"


def test_the_file_gets_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()

    with atomic_output(tmp_path / "a", overwrite=False):
        pass

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_places_where_no_file_can_be_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = {
        tmp_path / "missing" / "a": "does not exist",
        tmp_path / "file" / "a": "is a file",
        tmp_path: "is a folder",
        Path("/dev/null"): "device",
    }

    for path, reason in refused.items():
        with pytest.raises(OutputError, match=reason):
            check_output(path, overwrite=True)


def test_a_folder_that_takes_no_files_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):  # the superuser may write everywhere but into the kernel's own
        folder = Path("/proc")

    with pytest.raises(OutputError, match="written"), atomic_output(folder / "a", overwrite=False):
        pytest.fail("the block must not run")


def test_a_disk_that_fills_up_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="disk is full"),
        atomic_output(tmp_path / "a", overwrite=False),
    ):
        Path("/dev/full").write_bytes(b"x")

    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_block_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_output(tmp_path / "a", overwrite=False):
        (tmp_path / "missing").read_bytes()


def write(path: Path, text: str, *, overwrite: bool = False) -> None:
    with atomic_output(path, overwrite) as partial:
        partial.write_text(text)


def test_what_is_written_together_appears_together(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"

    with together():
        write(first, "1")
        write(second, "2")
        assert not first.exists()
        assert not second.exists()

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "1", "b": "2"}


@pytest.mark.parametrize("fails", ["inside", "in the second", "at the names"])
def test_what_is_written_together_appears_not_at_all_where_a_part_fails(
    tmp_path: Path, fails: str
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("old")

    def fill() -> None:
        with together():
            write(first, "1", overwrite=True)
            with atomic_output(second, overwrite=True):
                if fails == "in the second":
                    raise OSError(28, "No space left on device")
            if fails == "inside":
                raise KeyboardInterrupt
            second.mkdir()  # somebody takes the name

    with pytest.raises(KeyboardInterrupt if fails == "inside" else OutputError):
        fill()

    assert first.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} <= {"a", "b"}
    assert not second.is_file()


def test_what_a_signal_left_between_two_lines_goes_at_the_end(tmp_path: Path) -> None:
    left = atomic_output(tmp_path / "a", overwrite=False)
    left.__enter__()  # and nobody ever leaves it
    assert len(list(tmp_path.iterdir())) == 1

    remove_unfinished()

    assert list(tmp_path.iterdir()) == []
