"""Files, globs, folders and lists become recordings in a steady order."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from las_cli.audio.sources import PipeSource
from las_cli.errors import LasError
from las_cli.transcribe.inputs import Input, gather, read_list
from tests.audio.conftest import tone


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b.wav",
        "a.MP3",
        "sub/c.flac",
        "sub/deep/d.m4a",
        "note.txt",
        "._b.wav",
        ".x/y.wav",
    ):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    (tmp_path / "none").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(inputs: list[Input]) -> list[str]:
    return [entry.path.as_posix() for entry in inputs]


@pytest.mark.parametrize(
    ("arguments", "recursive", "expected"),
    [
        (["in"], True, ["in/a.MP3", "in/b.wav", "in/sub/c.flac", "in/sub/deep/d.m4a"]),
        (["in"], False, ["in/a.MP3", "in/b.wav"]),
        (["in/b.wav", "in/a.MP3"], True, ["in/b.wav", "in/a.MP3"]),
        (["in/note.txt", "gone.wav", "-"], True, ["in/note.txt", "gone.wav", "-"]),
        (["in/*"], True, ["in/a.MP3", "in/b.wav"]),
        (["in/**/*.*"], True, ["in/a.MP3", "in/b.wav", "in/sub/c.flac", "in/sub/deep/d.m4a"]),
    ],
)
def test_arguments(tree: Path, arguments: list[str], recursive: bool, expected: list[str]) -> None:
    inputs, errors, _ = gather(arguments, recursive=recursive)
    assert names(inputs) == expected and errors == []


def test_what_a_folder_is_remembered_for(tree: Path) -> None:
    (a, *_), *_ = gather(["in"])
    (b,), *_ = gather(["in/sub/*"])
    (c,), *_ = gather(["in/b.wav"])
    assert (a.folder, b.folder, c.folder) == (Path("in"), Path("in/sub"), None)
    assert a.size == 1 and not a.is_pipe and Input(Path("-")).is_pipe


def test_nothing_to_read_is_told_and_the_rest_stays(tree: Path) -> None:
    inputs, errors, _ = gather(["none", "in/b.wav", "x*.wav"], ["gone.txt"])
    assert names(inputs) == ["in/b.wav"]
    assert [str(error).split(":")[0] for error in errors] == ["gone.txt", "none", "x*.wav"]


def test_a_name_that_cannot_be_looked_at(tree: Path) -> None:
    inputs, errors, _ = gather(["x" * 5_000, "in/b.wav"])
    assert names(inputs) == ["in/b.wav"] and "cannot be looked at" in str(errors[0])


def test_a_name_with_brackets_is_a_name_first(tree: Path) -> None:
    (tree / "in" / "[1].wav").write_bytes(b"x")
    assert names(gather(["in/[1].wav"])[0]) == ["in/[1].wav"]


def test_linked_folders_are_read_once(tree: Path) -> None:
    (tree / "real" / "more").mkdir(parents=True)
    (tree / "real" / "more" / "x.wav").write_bytes(b"x")
    (tree / "in" / "link").symlink_to(tree / "real", target_is_directory=True)
    (tree / "in" / "again").symlink_to(tree / "in" / "sub", target_is_directory=True)
    (tree / "real" / "ring").symlink_to(tree / "in", target_is_directory=True)
    inputs, errors, notices = gather(["in"])
    expected = ["in/a.MP3", "in/b.wav", "in/link/more/x.wav", "in/sub/c.flac", "in/sub/deep/d.m4a"]
    assert names(inputs) == expected and errors == []
    (notice,) = notices
    assert notice.startswith("in: 2 passed over that link to folders that are read already")
    assert "in/again" in notice and "in/link/ring" in notice


SOUNDS = {
    "voice.xyz": b"RIFF\x24\0\0\0WAVEfmt ",
    "memo": b"\0\0\0\x20ftypM4A \0\0",
    "a.bak": b"OggS\0\x02",
    "track.tmp": b"ID3\x03",
    "five.x": b"fLaC",
    "six.x": b"caff\0\1",
}


def test_sound_that_is_not_named_so_is_told(tree: Path) -> None:
    """Words are lost where a recording is passed over in silence; pictures and texts are none."""
    for name, head in SOUNDS.items():
        (tree / "in" / name).write_bytes(head + bytes(50))
    for name, head in {"p.webp": b"RIFF\0\0\0\0WEBP", "q.heic": b"\0\0\0\x18ftypheic",
                       "G@.txt": b"G@ho", ".hidden": b"fLaC"}.items():  # fmt: skip
        (tree / "in" / name).write_bytes(head)
    for argument in ("in", "in/*"):
        inputs, _, (notice,) = gather([argument])
        assert "in/a.MP3" in names(inputs)
        assert notice.startswith(f"{argument}: 6 passed over that begin like sound")
        assert notice.count("in/") >= 5 and notice.endswith("and 1 more)")
    assert gather(["in/sub"]).notices == []


@pytest.mark.parametrize("ending", ["mts", "ac3", "wv", "mpga", "spx", "M2TS", "weba", "vob"])
def test_names_of_cameras_and_old_programs(tree: Path, ending: str) -> None:
    (tree / "in" / f"f.{ending}").write_bytes(b"x")
    assert f"in/f.{ending}" in names(gather(["in"]).inputs)


CUT = {"id": "1", "recording": {"id": "r", "sources": [{"type": "file", "source": "in/b.wav"}]}}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("list.txt", "# mine\nin/b.wav\n\n  in/gone.wav  \n", ["in/b.wav", "in/gone.wav"]),
        ("list.txt", "\ufeffin/b.wav\r\n", ["in/b.wav"]),
        ("cv.tsv", 'client_id\tpath\tsentence\nx\tin/b.wav\t"he\n', ["in/b.wav"]),
        ("nemo.jsonl", '{"audio_filepath": "in/b.wav", "text": "x"}\n', ["in/b.wav"]),
        ("cuts.jsonl.gz", json.dumps(CUT) + "\n" + json.dumps(CUT["recording"]), ["in/b.wav"] * 2),
    ],
)
def test_lists(tree: Path, name: str, text: str, expected: list[str]) -> None:
    data = text.encode()
    Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert names(read_list(name)) == expected


def test_a_recording_whose_name_begins_with_a_number_sign_is_no_remark(tree: Path) -> None:
    (tree / "in" / "#1 monday.wav").write_bytes(b"x")
    Path("in/list.txt").write_text("# monday and tuesday\n#1 monday.wav\nb.wav\n")
    assert names(read_list("in/list.txt")) == ["in/#1 monday.wav", "in/b.wav"]


def test_clips_of_a_common_voice_table_are_found(tree: Path) -> None:
    (tree / "cv" / "clips").mkdir(parents=True)
    (tree / "cv" / "clips" / "e.mp3").write_bytes(b"x")
    (tree / "cv" / "test.tsv").write_text("client_id\tpath\n1\te.mp3\n2\tgone.mp3\n")
    assert names(read_list("cv/test.tsv")) == ["cv/clips/e.mp3", "cv/gone.mp3"]


def test_a_list_from_standard_input(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("in/b.wav\n"))
    assert names(read_list("-")) == ["in/b.wav"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "names no file"),
        (b"\xff\xfe\x00\x80", "is no text file"),
        (b'{"text": "x"}\n', r":1: names no audio"),
        (b'{"path": "a"}\n{"path"\n', r":2: not readable as JSON"),
    ],
)
def test_bad_lists(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "list").write_bytes(data)
    with pytest.raises(LasError, match=message):
        read_list(str(tmp_path / "list"))


def test_a_pipe_of_any_container(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.flac", tone(1.5, 8_000), 8_000)
    with (tmp_path / "a.flac").open("rb") as stream:
        source = PipeSource(lambda: stream)
        assert sum(block.numel() for block in source.blocks(0.5)) == 24_000
        assert source.flags == [] and source.duration == 1.5
    with pytest.raises(LasError, match="^standard input: the file is empty"):
        list(PipeSource(lambda: io.BytesIO(b"")).blocks())
    with pytest.raises(LasError, match="^/dev/fd/63: it holds text"):
        list(PipeSource(lambda: io.BytesIO(b"hello\n" * 9), "/dev/fd/63").blocks())
