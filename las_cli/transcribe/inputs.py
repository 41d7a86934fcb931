"""What a user names on the command line in, audio files one by one out: globs, folders, lists."""

from __future__ import annotations

import glob
import gzip
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from las_cli.audio.containers import is_sound
from las_cli.errors import LasError
from las_cli.files import as_on_disk, standard_input
from las_cli.tables import (
    PATH_COLUMNS,
    first_of,
    is_scp,
    json_object,
    numbered_lines,
    scp_entry,
    table_rows,
)

# What counts as audio inside a folder or a glob; a file named outright may have any name.
EXTENSIONS = frozenset(
    "wav wave bwf flac ogg oga ogv ogx opus spx mp3 mp2 mp1 mpga m2a aiff aif aifc au snd w64 rf64 "
    "caf voc sph nist m4a m4b m4r m4p mp4 m4v mov qt webm weba mkv mka aac adts latm ac3 eac3 dts "
    "wma wmv asf amr awb 3gp 3g2 avi divx flv f4v f4a ts mts m2ts m2t tod mod vob mpg mpeg mpe mpv "
    "dv mxf wv ape tta tak mpc ra rm rmvb gsm alac shn dsf dff".split()
)
NAMED = 5  # files of which a notice gives the names
STDIN = Path("-")


@dataclass(frozen=True)
class Input:
    """One recording to transcribe."""

    path: Path  # "-" for standard input
    folder: Path | None = None  # the folder or list it was found through

    @property
    def is_pipe(self) -> bool:
        """True for standard input and named pipes: it can be read only once, front to back."""
        try:
            return self.path == STDIN or self.path.is_fifo() or self.path.is_char_device()
        except OSError:  # what is wrong with the path is told when it is read
            return False

    @property
    def size(self) -> int:
        """Bytes, 0 where that cannot be told."""
        try:
            return 0 if self.is_pipe else self.path.stat().st_size
        except (OSError, ValueError):
            return 0


class Found(NamedTuple):
    """What the arguments of a command name."""

    inputs: list[Input]
    errors: list[LasError]  # what is wrong with the rest
    notices: list[str]  # sentences on files that are passed over


def gather(
    arguments: Iterable[str], lists: Iterable[str] = (), recursive: bool = True
) -> Found:
    """All recordings that `arguments` and the files `lists` name.

    A missing file is an input: reading it says so. A folder or pattern without audio is an error.
    """
    inputs: list[Input] = []
    errors: list[LasError] = []
    notices: list[str] = []
    for name in lists:
        try:
            inputs += read_list(name)
        except LasError as error:
            errors.append(error)
    for argument in arguments:
        try:
            inputs += _expand(argument, recursive, notices)
        except LasError as error:
            errors.append(error)
        except OSError as error:
            errors.append(LasError(f"{argument}: cannot be looked at ({error.strerror})"))
    return Found(inputs, errors, notices)


def _expand(argument: str, recursive: bool, notices: list[str]) -> list[Input]:
    if argument == "-":
        return [Input(STDIN)]
    path = Path(as_on_disk(argument))
    if path.is_dir():
        listing = list_folder(path, recursive)
        if notice := _passed_over(argument, listing):
            notices.append(notice)
        found = [Input(file, path) for file in listing.recordings]
        if not found:
            deeper = "" if recursive else " (the folders in it were not asked for)"
            raise LasError(
                f"{argument}: no audio file in this folder{deeper}; name one that has some"
            )
        return found
    if not path.exists() and glob.has_magic(argument):
        # A pattern that the shell did not expand: quoted, or on Windows.
        matches = [Path(match) for match in sorted(glob.glob(argument, recursive=True))]
        files = [match for match in matches if match.is_file() and is_audio_name(match)]
        rest = [match for match in matches if match not in files and _begins_like_sound(match)]
        if notice := _passed_over(argument, FolderListing(files, rest, [])):
            notices.append(notice)
        if not files:
            raise LasError(f"{argument}: no audio file matches this pattern; check it")
        return [Input(file, _fixed_part(argument)) for file in files]
    return [Input(path)]


def _fixed_part(pattern: str) -> Path:
    """The folder before the first wildcard."""
    parts = []
    for part in Path(pattern).parts:
        if glob.has_magic(part):
            break
        parts.append(part)
    return Path(*parts)


def is_audio_name(path: Path) -> bool:
    """Whether `path` is named like audio; hidden files (`._a.wav` of macOS) are not."""
    return path.suffix.lower().lstrip(".") in EXTENSIONS and not path.name.startswith(".")


class FolderListing(NamedTuple):
    """What lies in a folder."""

    recordings: list[Path]
    others: list[Path]  # that begin like sound and are not named so
    twice: list[Path]  # links to folders that are read by another name


def list_folder(folder: Path, recursive: bool = True) -> FolderListing:
    """The audio files in `folder`, in the order of their names; links to folders are followed.

    LasError where it is closed.
    """
    found = FolderListing([], [], [])
    status = folder.stat()
    seen = {(status.st_dev, status.st_ino)}  # of each folder: links may go in a ring

    def refuse(error: OSError) -> None:
        raise LasError(f"{error.filename}: cannot be listed ({error.strerror})")

    for at, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        below = []
        # Folders before links to them, so that what is there twice is named as it is.
        kept = [name for name in folders if not name.startswith(".")]
        for name in sorted(kept, key=lambda name: ((Path(at) / name).is_symlink(), name)):
            path = Path(at) / name
            try:
                status = path.stat()
            except OSError:  # it went away
                continue
            place = status.st_dev, status.st_ino
            if place in seen:
                found.twice.append(path)
            else:
                seen.add(place)
                below.append(name)
        folders[:] = sorted(below)
        for name in sorted(files):
            if is_audio_name(Path(name)):
                found.recordings.append(Path(at) / name)
            elif _begins_like_sound(Path(at) / name):
                found.others.append(Path(at) / name)
        if not recursive:
            break
    return found


def _begins_like_sound(path: Path) -> bool:
    """Whether the first bytes of a file are those of sound or video."""
    try:
        if path.name.startswith(".") or not path.is_file():
            return False
        with path.open("rb") as file:
            return is_sound(file.read(64))
    except OSError:
        return False


def _passed_over(name: str, listing: FolderListing) -> str | None:
    """A sentence on what of a folder is left out, and why; None where all is read."""
    told = []
    for paths, why in (
        (listing.others, "begin like sound but are not named so: name them outright"),
        (listing.twice, "link to folders that are read already"),
    ):
        if paths:
            shown = ", ".join(str(path) for path in paths[:NAMED])
            more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
            told.append(f"{len(paths)} passed over that {why} ({shown}{more})")
    return f"{name}: {'; '.join(told)}" if told else None


def read_list(name: str) -> list[Input]:
    """The recordings that a list names: a path a line, a table with a header, JSON, or a wav.scp.

    Tables have a column `path` (or another of `las_cli.tables.PATH_COLUMNS`), parted by tabs,
    commas or semicolons; JSON lines are lhotse cuts or recordings, or have such a field. UTF-8 or
    UTF-16. Relative paths count from the folder of the list, then from `clips/` there. `-` reads
    standard input. Raises LasError with the line that is wrong.
    """
    path = Path(name)
    try:
        if name == "-":
            lines = _lines(name, standard_input().buffer)
        elif path.suffix == ".gz":
            with gzip.open(path, "rb") as packed:
                lines = _lines(name, packed)  # type: ignore[arg-type]
        else:
            with path.open("rb") as file:
                lines = _lines(name, file)
    except FileNotFoundError:
        raise LasError(f"{name}: there is no such list; check the name") from None
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise LasError(f"{name}: cannot be read as a list ({why})") from None
    folder = Path() if name == "-" else path.parent
    root = folder if folder != Path() else Path(".")
    entries = _entries(name, lines, folder)
    if not entries:
        raise LasError(f"{name}: the list names no file; write a path a line")
    return [Input(_located(entry, folder), root) for entry in entries]


def _lines(name: str, file: BinaryIO) -> list[tuple[int, str]]:
    """Numbered lines that are not blank; LasError for what is no text."""
    lines: list[tuple[int, str]] = []
    for number, line in numbered_lines(file):
        if isinstance(line, bytes) or "\0" in line:
            raise LasError(
                f"{name}: is no text file; a list holds a path a line, audio is named directly"
            )
        if line.strip():
            lines.append((number, line))
    return lines


def _entries(name: str, filled: Sequence[tuple[int, str]], folder: Path) -> list[str]:
    if not filled:
        return []
    first = filled[0][1]
    if is_scp(name.removesuffix(".gz")):
        return [_scp_path(f"{name}:{number}", line) for number, line in filled]
    if first.lstrip().startswith("{"):
        return [_json_path(f"{name}:{number}", line) for number, line in filled]
    if first.strip() == "[" or first.lstrip().startswith("[{"):
        return _json_paths(name, filled)
    if not _located(first.strip(), folder).exists():  # a file may be called `path, take 2.wav`
        rows = table_rows(filled, name)
        header = [cell.strip().lower() for cell in (next(rows, (0, None))[1] or [])]
        column = next((one for one in PATH_COLUMNS if one in header), None)
        if column is not None and (len(header) > 1 or column != "file"):
            return list(_table_paths(name, rows, header, header.index(column)))
    # A remark, as in a playlist, unless there is a recording of that name.
    entries = [line.strip() for _, line in filled]
    return [
        entry for entry in entries if not entry.startswith("#") or _located(entry, folder).exists()
    ]


def _table_paths(
    name: str, rows: Iterable[tuple[int, list[str] | None]], header: list[str], place: int
) -> Iterable[str]:
    for number, cells in rows:
        if cells is None or len(cells) != len(header):  # a line feed in a cell breaks a row in two
            raise LasError(
                f"{name}:{number}: {len(cells or [])} columns where the header has {len(header)}"
            )
        if cells[place].strip():
            yield cells[place].strip()


def _scp_path(where: str, line: str) -> str:
    entry = scp_entry(line)
    if entry is None:
        raise LasError(
            f"{where}: no `id path`; commands (`sox … |`) are not run, convert the sound first"
        )
    return entry[1]


def _json_path(where: str, line: str) -> str:
    record = json_object(line)
    if record is None:
        raise LasError(f"{where}: not readable as JSON (one object a line)")
    return _record_path(where, record)


def _json_paths(name: str, filled: Sequence[tuple[int, str]]) -> list[str]:
    """Of a list in JSON, over as many lines as it likes."""
    try:
        records = json.loads("\n".join(line for _, line in filled))
    except (ValueError, RecursionError) as error:
        raise LasError(f"{name}: not readable as JSON ({error})") from None
    return [
        record if isinstance(record, str) else _record_path(f"{name}, item {place}", record)
        for place, record in enumerate(records, 1)
    ]


def _record_path(where: str, record: Any) -> str:
    found = _path_in(record) if isinstance(record, dict) else None
    if found is None:
        raise LasError(f"{where}: names no audio; expected audio_filepath, audio, path or a cut")
    return found


def _path_in(record: dict[str, Any]) -> str | None:
    found = first_of(record, ("audio_filepath", "audio", *PATH_COLUMNS))
    if isinstance(found, str):
        return found
    for inner in (found, record.get("recording")):
        if isinstance(inner, dict):
            return _path_in(inner)
    sources = record.get("sources")
    if isinstance(sources, list) and sources and isinstance(sources[0], dict):
        source = sources[0].get("source")
        return source if isinstance(source, str) else None
    return None


def _located(entry: str, folder: Path) -> Path:
    path = Path(entry).expanduser()
    if path.is_absolute() or entry == "-":
        return path
    for base in (folder, folder / "clips", Path()):
        if (there := Path(as_on_disk(str(base / path)))).exists():
            return there
    return folder / path
