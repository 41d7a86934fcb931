"""Bytes, text and JSON in, files out, whole or not at all; JSON of files out, checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from las_cli.errors import LasError

LARGEST_JSON = 64 * 2**20  # bytes; word-piece models are the largest thing kept in JSON


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


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; LasError if it cannot be written."""
    with whole_file(path) as file:
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
    with whole_file(path, advice=advice) as file:
        # File names need not be UTF-8; \\udc.. is what JSON calls such a byte.
        file.write(text.encode("utf-8", "backslashreplace"))


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
