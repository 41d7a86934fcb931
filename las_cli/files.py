"""Bytes, text and JSON in, files out, whole or not at all; JSON of files out, checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from las_cli.errors import LasError

LARGEST_JSON = 64 * 2**20  # bytes; word-piece models are the largest thing kept in JSON
LFS = b"version https://git-lfs"  # how a pointer file of Git LFS begins
LFS_ADVICE = (
    "a Git LFS pointer, not the file itself; run `git lfs pull` in the repository it came from, "
    "or download the file"
)


@contextmanager
def whole_file(path: Path, name: str = "", advice: str = "") -> Iterator[BinaryIO]:
    """A file that is there whole once the block ends well, else as it was before.

    name: what messages call it, if not `path`
    advice: what they end with
    Raises LasError if it cannot be written.
    """
    # Short, whatever the name: file systems end at 255 bytes, and one letter is up to 4 of them.
    mark = zlib.crc32(os.fsencode(path.name))
    temporary = path.with_name(f".las.{os.getpid()}.{mark:08x}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(name or path, error, advice) from error
    finally:
        with contextlib.suppress(OSError):  # where all is well it is gone
            temporary.unlink()


def _unwritable(name: Path | str, error: OSError, advice: str) -> LasError:
    return LasError(f"{name}: cannot be written ({error.strerror or error}){advice}")


def write_bytes(path: Path, data: bytes, advice: str = "") -> None:
    """Write a file whole or not at all; LasError, which `advice` ends, if it cannot be written."""
    with whole_file(path, advice=advice) as file:
        file.write(data)


def make_folder_of(path: Path, advice: str = "") -> None:
    """Make the folders above the file `path`; LasError, that ends with `advice`, if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error, advice) from error


def write_text(path: Path, text: str, advice: str = "") -> None:
    """The same for UTF-8; makes the folders above. `advice` ends the message if that fails."""
    make_folder_of(path, advice)
    write_bytes(path, utf8(text), advice)


def utf8(text: str) -> bytes:
    """The bytes of `text` as las writes them."""
    # File names need not be UTF-8; \\udc.. is what JSON calls such a byte.
    return text.encode("utf-8", "backslashreplace")


def require_folder(folder: Path, name: str = "", advice: str = "name another folder") -> None:
    """LasError if files cannot be put into `folder`, or it cannot be made; nothing is left there.

    A file is written and taken away again in it, or in the folder it would be made in: what may be
    written is not to be told from permissions alone (read-only disks, quotas, network disks).
    name: what messages call it, if not `folder`
    """
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise LasError(
            f"{name or folder}: cannot be written, {there} is no folder; {advice}"
        )
    probe = there / f".las.{os.getpid()}.probe.tmp"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        why = error.strerror or str(error)
        raise LasError(f"{name or folder}: cannot be written ({why}); {advice}") from error


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is what git has in place of a large one where git-lfs is not installed."""
    try:
        with path.open("rb") as file:
            return file.read(len(LFS)) == LFS
    except OSError:
        return False


def as_on_disk(path: str) -> str:
    """`path`, or the file of that name in another Unicode form: macOS writes é as two letters.

    NFC and NFD look the same, and a table that was made on another system names the other one.
    """
    if path.isascii() or os.path.lexists(path):
        return path
    for form in ("NFC", "NFD"):
        if os.path.lexists(other := unicodedata.normalize(form, path)):  # type: ignore[arg-type]
            return other
    above, name = os.path.split(path)
    if not name or above == path:
        return path
    there = as_on_disk(above) if above else ""  # folders of one form, files of another
    for form in ("NFC", "NFD"):
        other = os.path.join(there, unicodedata.normalize(form, name))  # type: ignore[arg-type]
        if os.path.lexists(other):
            return other
    return path


def standard_input() -> TextIO:
    """Standard input; LasError where it is closed, as for services and jobs of cron."""
    if sys.stdin is None or sys.stdin.closed:
        raise LasError("standard input: is closed; send something to it, or name a file")
    return sys.stdin


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; LasError if it cannot be read."""
    return hashed(path, hashlib.sha256())


def hashed(path: Path, digest: hashlib._Hash) -> str:
    """`digest` with a file put into it, hexadecimal; LasError if it cannot be read."""
    try:
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    except OSError as error:
        raise LasError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


def whole_number(digits: str) -> int:
    """An integer of a JSON file; ValueError for one that no float and no size can hold."""
    if len(digits) > 19:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file; LasError if missing, too large, damaged or no object."""
    if not path.is_file():
        raise LasError(f"{path}: missing; is {path.parent} a folder that las wrote?")
    if path.stat().st_size > LARGEST_JSON:
        raise LasError(f"{path}: {path.stat().st_size} bytes is too large for a las JSON file")
    if is_lfs_pointer(path):
        raise LasError(f"{path}: {LFS_ADVICE}")
    try:
        data = json.loads(path.read_text(encoding="utf-8"), parse_int=whole_number)
    except (OSError, ValueError, RecursionError) as error:
        raise LasError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(data, dict):
        raise LasError(f"{path}: holds a {type(data).__name__}, expected an object")
    return data


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """JSON, written atomically."""
    write_bytes(path, json_bytes(data))


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """JSON as las writes it."""
    return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "replace")
