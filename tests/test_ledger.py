"""Whose file it is: las replaces nothing that it did not write, or that was changed since."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from las_cli.errors import LasError
from las_cli.ledger import LEDGER, Ledger


def write(path: Path, text: str) -> None:
    Ledger().note(path, hashlib.sha256(text.encode()).hexdigest())
    path.write_text(text, encoding="utf-8")


def test_own_files_and_those_of_others(tmp_path: Path) -> None:
    own, foreign, empty = tmp_path / "own.txt", tmp_path / "notes.txt", tmp_path / "empty.txt"
    write(own, "said\n")
    foreign.write_text("my own notes\n")
    empty.touch()
    assert Ledger().is_own(own) and Ledger().is_own(empty) and Ledger().is_own(tmp_path / "new")
    assert not Ledger().is_own(foreign)
    own.write_text("said, and corrected by hand\n")
    assert not Ledger().is_own(own)
    write(own, "said again\n")
    assert Ledger().is_own(own)


def test_a_name_with_a_line_feed_is_not_another_file(tmp_path: Path) -> None:
    write(tmp_path / "a\nb.txt", "x")
    (tmp_path / "b.txt").write_text("x")
    assert Ledger().is_own(tmp_path / "a\nb.txt") and not Ledger().is_own(tmp_path / "b.txt")


def test_a_link_is_the_users(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "x")
    (tmp_path / "link.txt").symlink_to(tmp_path / "gone.txt")
    assert not Ledger().is_own(tmp_path / "link.txt")


def test_the_list_is_as_sha256sum_has_it(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "x")
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert (tmp_path / LEDGER).read_text() == f"{digest}  a.txt\n"


@pytest.mark.parametrize("text", ["", "x", "\udcff  a\n\n  \n"])
def test_a_damaged_list_makes_nothing_own(tmp_path: Path, text: str) -> None:
    (tmp_path / LEDGER).write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "a").write_text("y")
    with pytest.raises(LasError, match="--overwrite replaces it"):
        Ledger().require_own(tmp_path / "a")
