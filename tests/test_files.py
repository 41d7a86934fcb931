"""Files are whole or absent, and nothing is left beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from las_cli.errors import LasError
from las_cli.files import standard_input, write_bytes, write_text


def test_writing_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    write_text(path, "eins\n")
    write_text(path, "zwölf\n")
    assert path.read_bytes() == "zwölf\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["講" * 81 + ".txt", "a" * 251 + ".txt", "\udcff" * 251 + ".txt"])
def test_names_as_long_as_the_file_system_takes(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "x\n")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(LasError, match=r"a\.txt: cannot be written \(No space left"):
        write_text(tmp_path / "a.txt", "x")
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(LasError, match="cannot be written"):
        write_text(tmp_path / "out" / "a.txt", "x")


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    path.parent.chmod(0o555)
    try:
        write_bytes(path, b"new")
        assert path.read_bytes() == b"new"  # root may write anywhere
    except LasError as error:
        assert "cannot be written" in str(error)
        assert path.read_bytes() == b"old"
    finally:
        path.parent.chmod(0o755)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    with pytest.raises(LasError, match="cannot be written"):
        write_bytes(tmp_path / "nowhere" / "file", b"")


def test_standard_input_that_is_closed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)  # as Python has it after `<&-`
    with pytest.raises(LasError, match="standard input: is closed"):
        standard_input()
