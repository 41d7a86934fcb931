"""No two inputs share an output, and none leaves its folder."""

from __future__ import annotations

import ntpath
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from las_cli.output import OutputNames, naming


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([("a/talk.mp3", None)], ["talk"]),
        ([("-", None)], ["stdin"]),
        ([("a/talk.mp3", None), ("a/talk.wav", None)], ["talk.mp3", "talk.wav"]),
        ([("/x/a/talk.mp3", None), ("/x/b/talk.mp3", None)], ["x/a/talk.mp3", "x/b/talk.mp3"]),
        ([("in/b/talk.mp3", "in"), ("in/talk.mp3", "in")], ["b/talk", "talk"]),
        ([("one/t.mp3", "one"), ("two/t.mp3", "two")], ["one/t.mp3", "two/t.mp3"]),
        ([("Talk.mp3", None), ("talk.mp3", "."), ("x.wav", None)], None),
        ([("2024.11.03", None)], ["2024.11.03"]),
        ([(".wav", None)], [".wav"]),
        ([("a.tar.gz.mp3", None)], ["a.tar.gz"]),
        ([("../../etc/x.wav", "../..")], ["etc/x"]),
        ([("a.wav", None), ("a.wav", None)], None),
    ],
)
def test_names(inputs: list[tuple[str, str | None]], expected: list[str] | None) -> None:
    given_ = [(Path(path), None if folder is None else Path(folder)) for path, folder in inputs]
    names = OutputNames(given_)
    got = [names[index].as_posix() for index in range(len(inputs))]
    if expected is None:
        assert len({name.lower() for name in got}) == len(got)
    else:
        assert got == expected


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["D:\\mon\\talk.wav", "D:\\tue\\talk.wav"], ["mon/talk.wav", "tue/talk.wav"]),
        (["D:\\talk.wav", "E:\\talk.wav"], ["talk.wav", "talk.wav-2"]),
        (["D:\\x\\y\\a.wav", "\\\\host\\share\\y\\a.wav"], ["x/y/a.wav", "y/a.wav"]),
    ],
)
def test_names_near_the_root_of_a_drive_stay_in_the_folder(
    monkeypatch: pytest.MonkeyPatch, inputs: list[str], expected: list[str]
) -> None:
    monkeypatch.setattr(naming, "Path", PureWindowsPath)
    monkeypatch.setattr(naming, "os", SimpleNamespace(path=ntpath, sep="\\"))
    names = OutputNames([(PureWindowsPath(path), None) for path in inputs])  # type: ignore[misc]
    folder = PureWindowsPath("C:\\texts")
    got = [folder / names[index] for index in range(len(inputs))]
    assert got == [folder / name for name in expected]


paths = st.lists(st.sampled_from(["a", "A", "b", "..", "x.wav", "x.mp3", "x"]), min_size=1).map(
    lambda parts: Path(*parts)
)


@settings(deadline=None)
@given(st.lists(st.tuples(paths, st.one_of(st.none(), st.sampled_from([Path("a"), Path("b")])))))
def test_names_never_collide_nor_leave_the_folder(inputs: list[tuple[Path, Path | None]]) -> None:
    names = OutputNames(inputs)
    got = [names[index] for index in range(len(inputs))]
    assert len({str(name).casefold() for name in got}) == len(got)
    assert all(not name.is_absolute() and ".." not in name.parts for name in got)
    assert got == [OutputNames(inputs)[index] for index in range(len(inputs))]
